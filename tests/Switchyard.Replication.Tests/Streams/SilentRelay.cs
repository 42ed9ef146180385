using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Stands between the engine and a server, and can forget a connection: it stays open, and no answer comes any more.</summary>
internal sealed class SilentRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentStack<Route> _routes = new();
    private readonly int _port;
    private readonly Task _accepting;

    public SilentRelay(int port)
    {
        _port = port;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>From now on nothing the server says on the connection made last arrives.</summary>
    public void SilenceLast()
    {
        if (_routes.TryPeek(out var last))
        {
            last.IsSilent = true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                var route = new Route();
                _routes.Push(route);
                connections.Add(RelayAsync(client, route));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task RelayAsync(TcpClient client, Route route)
    {
        using var server = new TcpClient { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            using var end = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, _port, _stop.Token);
                await Task.WhenAll(PumpAsync(client.GetStream(), server.GetStream(), null, end), PumpAsync(server.GetStream(), client.GetStream(), route, end));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // The client meets a connection that ends.
            }
        }
    }

    private static async Task PumpAsync(NetworkStream from, NetworkStream to, Route? route, CancellationTokenSource end)
    {
        var buffer = new byte[65536];
        try
        {
            int read;
            while ((read = await from.ReadAsync(buffer, end.Token)) > 0)
            {
                if (route is not { IsSilent: true })
                {
                    await to.WriteAsync(buffer.AsMemory(0, read), end.Token);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The other direction ended.
        }

        await end.CancelAsync();
    }

    private sealed class Route
    {
        private volatile bool _isSilent;

        public bool IsSilent
        {
            get => _isSilent;
            set => _isSilent = value;
        }
    }
}
