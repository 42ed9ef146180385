using System.Net.Sockets;
using Switchyard.Wire;

namespace Switchyard.Client;

/// <summary>A logged-in connection handed over whole: the new owner speaks the protocol on it by itself and closes it.</summary>
/// <param name="Socket">The TCP socket under <paramref name="Stream"/>.</param>
/// <param name="Stream">The socket's stream, or TLS over it; disposing it closes the socket.</param>
/// <param name="Negotiated">Capabilities both ends agreed on.</param>
/// <param name="Server">What the server said about itself.</param>
/// <param name="Status">Status flags of the last OK.</param>
/// <param name="IsTls">Whether <paramref name="Stream"/> is TLS.</param>
public sealed record BackendTransport(Socket Socket, Stream Stream, Capabilities Negotiated, ServerInfo Server, ServerStatus Status, bool IsTls)
    : IAsyncDisposable
{
    /// <summary>The challenge of the greeting, which a later COM_CHANGE_USER is answered over.</summary>
    public required byte[] Nonce { get; init; }

    /// <summary>The plugin the login ended with.</summary>
    public required string AuthPlugin { get; init; }

    public ValueTask DisposeAsync() => Stream.DisposeAsync();
}
