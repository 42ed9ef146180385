namespace Switchyard.Client;

/// <summary>Makes the TCP connections of those who work on them with threads of their own.</summary>
public interface IDialer
{
    /// <summary>Connects. Disposing the stream, from any thread, closes the connection and ends what waits for it.</summary>
    /// <exception cref="System.Net.Sockets.SocketException">No connection could be made.</exception>
    Task<Stream> ConnectAsync(string host, int port, CancellationToken cancellationToken);
}
