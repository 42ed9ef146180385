using Switchyard.Client.Protocol;

namespace Switchyard.Client;

/// <summary>
/// A connection on which the server has greeted, and so told the id it knows the connection by, and which waits for a login. The server
/// closes it after its <c>connect_timeout</c>. One caller at a time.
/// </summary>
public sealed class GreetedConnection : IAsyncDisposable
{
    private Greeted? _greeted;

    private GreetedConnection(Greeted greeted)
    {
        _greeted = greeted;
        Connection = greeted.Connection;
        Server = ServerInfo.Create(greeted.Greeting);
    }

    /// <summary>What the server said about itself.</summary>
    public ServerInfo Server { get; }

    /// <summary>The TCP connection, to look at its ends.</summary>
    public Stream Connection { get; }

    /// <summary>Connects; of the options only the address and the time limit count.</summary>
    /// <exception cref="ServerErrorException">The server refused to greet: too many connections, host not allowed.</exception>
    /// <exception cref="BackendUnavailableException">No connection could be made, or not in time.</exception>
    public static async Task<GreetedConnection> ConnectAsync(ConnectionOptions options, CancellationToken cancellationToken) =>
        new(await ConnectionOpener.GreetAsync(options, cancellationToken).ConfigureAwait(false));

    /// <summary>
    /// Logs in. This object is spent afterwards, whatever came of it. Unlike <see cref="BackendConnection.OpenAsync(ConnectionOptions, CancellationToken)"/>
    /// it cannot connect again without TLS where <see cref="SslMode.Preferred"/> finds a TLS it cannot agree on.
    /// </summary>
    /// <exception cref="ServerErrorException">The server refused.</exception>
    /// <exception cref="BackendUnavailableException">The connection broke meanwhile, or the login cannot be made.</exception>
    public Task<BackendConnection> LogInAsync(ConnectionOptions options, CancellationToken cancellationToken) =>
        BackendConnection.OpenAsync(Take() ?? throw new InvalidOperationException("The connection has been used or closed."), options, cancellationToken);

    /// <summary>Closes the connection, unless it has been logged in to. Servers count that as a failed connection attempt of this host.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Take() is { } greeted)
        {
            await greeted.Packets.Stream.DisposeAsync().ConfigureAwait(false);
            greeted.Packets.Dispose();
        }
    }

    private Greeted? Take() => Interlocked.Exchange(ref _greeted, null);
}
