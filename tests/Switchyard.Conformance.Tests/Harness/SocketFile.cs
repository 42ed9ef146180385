using System.Net;
using System.Net.Sockets;

namespace Switchyard.Conformance.Tests.Harness;

/// <summary>
/// A socket in the file system that leads to a port: for clients that take <c>localhost</c> to mean such a socket and cannot be told otherwise. What
/// arrives goes on as it is, and the end of one side ends the other.
/// </summary>
internal sealed class SocketFile : IAsyncDisposable
{
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly IPEndPoint _target;
    private readonly Task _accepting;

    /// <param name="path">At most about 100 bytes; the system's limit.</param>
    /// <param name="port">Of loopback.</param>
    public SocketFile(string path, int port)
    {
        Path = path;
        _target = new IPEndPoint(IPAddress.Loopback, port);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen();
        _accepting = AcceptAsync();
    }

    public string Path { get; }

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _accepting;
    }

    private async Task AcceptAsync()
    {
        var relays = new List<Task>();
        try
        {
            while (true)
            {
                relays.Add(RelayAsync(await _listener.AcceptAsync()));
                relays.RemoveAll(relay => relay.IsCompleted);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // The end of the tests.
        }

        await Task.WhenAll(relays);
    }

    private async Task RelayAsync(Socket client)
    {
        using var server = new Socket(_target.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Task[] directions = [];
        try
        {
            using (client)
            {
                await server.ConnectAsync(_target);
                using NetworkStream from = new(client), to = new(server);
                directions = [from.CopyToAsync(to), to.CopyToAsync(from)];
                await Task.WhenAny(directions);
            }
        }
        catch (SocketException)
        {
            // Nobody listens; the client sees its connection end.
        }

        server.Dispose();
        await Task.WhenAll(directions).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
