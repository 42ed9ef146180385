using System.Net;
using System.Net.Sockets;

namespace Switchyard.Lab;

/// <summary>A wire between a client and a server on loopback. What becomes of the bytes of each connection is the derived class's.</summary>
public abstract class TcpRelay : IAsyncDisposable
{
    private const int BufferLength = 64 * 1024;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;

    protected TcpRelay(int serverPort)
    {
        ServerPort = serverPort;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Where it leads: connections from now on go there.</summary>
    public int ServerPort { get; set; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A connection has been made.</summary>
    protected abstract Route Begin();

    private async Task AcceptAsync()
    {
        List<Task> serving = [];
        try
        {
            while (true)
            {
                var near = await _listener.AcceptSocketAsync(_stop.Token);
                serving.Add(ServeAsync(near, Begin()));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket near, Route route)
    {
        using var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (near)
        {
            near.NoDelay = true;
            try
            {
                await far.ConnectAsync(IPAddress.Loopback, ServerPort, _stop.Token);
            }
            catch (Exception exception) when (exception is OperationCanceledException or SocketException)
            {
                // The client meets a connection that ends.
                route.Close();
                return;
            }

            var answers = PumpAsync(far, near, route.ToClientAsync, route.CloseByServer);
            await PumpAsync(near, far, route.ToServerAsync, static () => { });

            // The near end has closed: so is the far one, and what the server still says goes nowhere.
            route.Close();
            far.Close();
            await answers;
        }
    }

    private async Task PumpAsync(Socket from, Socket to, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask<ReadOnlyMemory<byte>?>> pass, Action closed)
    {
        var buffer = new byte[BufferLength];
        try
        {
            for (int read; (read = await from.ReceiveAsync(buffer, _stop.Token)) > 0;)
            {
                if (await pass(buffer.AsMemory(0, read), _stop.Token) is not { } passed)
                {
                    from.Close();
                    to.Close();
                    return;
                }

                await to.SendAsync(passed, _stop.Token);
            }

            closed();
            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Closed from one side, or the test is over.
        }
    }

    /// <summary>One connection. As it stands everything passes.</summary>
    protected class Route
    {
        /// <summary>What goes on of the client's bytes; null ends the connection.</summary>
        public virtual ValueTask<ReadOnlyMemory<byte>?> ToServerAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => new(bytes);

        /// <summary>What goes on of the server's bytes; null ends the connection.</summary>
        public virtual ValueTask<ReadOnlyMemory<byte>?> ToClientAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => new(bytes);

        /// <summary>The server has closed it; the client is not told yet.</summary>
        public virtual void CloseByServer()
        {
        }

        /// <summary>The client has closed it.</summary>
        public virtual void Close()
        {
        }
    }
}
