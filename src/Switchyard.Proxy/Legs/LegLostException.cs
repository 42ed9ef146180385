namespace Switchyard.Proxy.Legs;

/// <summary>A backend's connection broke while a command was with it; whether the command was done is not known.</summary>
internal sealed class LegLostException(string backend, Exception? inner = null) : Exception($"The connection to backend '{backend}' was lost.", inner)
{
    public string Backend { get; } = backend;
}
