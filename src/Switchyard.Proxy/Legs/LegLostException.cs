using Switchyard.Proxy.Relay;
using Switchyard.Wire;

namespace Switchyard.Proxy.Legs;

/// <summary>A backend's connection broke while a command was with it; whether the command was done is not known.</summary>
internal sealed class LegLostException(string backend, Exception? inner = null) : Exception(Describe(backend, inner), inner)
{
    public string Backend { get; } = backend;

    /// <summary>The backend answered, and against the protocol: nothing it sends after that means anything.</summary>
    public bool IsMalformed { get; } = BrokeProtocol(inner);

    private static string Describe(string backend, Exception? inner) => BrokeProtocol(inner)
        ? $"Backend '{backend}' broke the protocol, and the connection to it was closed: {inner!.Message}"
        : $"The connection to backend '{backend}' was lost.";

    private static bool BrokeProtocol(Exception? inner) => inner is MalformedPacketException or SessionProtocolException;
}
