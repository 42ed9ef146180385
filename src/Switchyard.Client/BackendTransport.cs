using System.Net.Sockets;
using Switchyard.Wire;

namespace Switchyard.Client;

/// <summary>A logged-in connection handed over whole: the new owner speaks the protocol on it by itself and closes it.</summary>
/// <param name="Connection">The TCP connection under <paramref name="Stream"/>.</param>
/// <param name="Stream">The connection, or TLS over it; disposing it closes the connection.</param>
/// <param name="Negotiated">Capabilities both ends agreed on.</param>
/// <param name="Server">What the server said about itself.</param>
/// <param name="Status">Status flags of the last OK.</param>
/// <param name="IsTls">Whether <paramref name="Stream"/> is TLS.</param>
public sealed record BackendTransport(Stream Connection, Stream Stream, Capabilities Negotiated, ServerInfo Server, ServerStatus Status, bool IsTls)
    : IAsyncDisposable
{
    /// <summary>The challenge of the greeting, which a later COM_CHANGE_USER is answered over.</summary>
    public required byte[] Nonce { get; init; }

    /// <summary>The plugin the login ended with.</summary>
    public required string AuthPlugin { get; init; }

    /// <summary>Sets what every connection to a server has set, before it is connected.</summary>
    public static void Configure(Socket socket)
    {
        socket.NoDelay = true;

        // A peer that vanished without a word is noticed although nothing is being sent.
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 30);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 10);
    }

    public ValueTask DisposeAsync() => Stream.DisposeAsync();
}
