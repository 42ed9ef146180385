using System.Net;
using System.Net.Sockets;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>A wire to a server on which one connection can be kept at a certain point of what the server sends.</summary>
internal sealed class StallingWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private volatile Stall? _armed;
    private int _open;

    public StallingWire(int serverPort)
    {
        ServerPort = serverPort;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Where it leads: connections from now on go there.</summary>
    public int ServerPort { get; set; }

    /// <summary>Connections that the near end has not closed.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>The next connection gets so many receipts of the server's bytes, and the one after them only when told to go on.</summary>
    public Stall Arm(int letThrough) => _armed = new Stall(letThrough);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> serving = [];
        try
        {
            while (true)
            {
                var near = await _listener.AcceptSocketAsync(_stop.Token);
                Interlocked.Increment(ref _open);
                serving.Add(ServeAsync(near, Interlocked.Exchange(ref _armed, null)));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket near, Stall? stall)
    {
        using var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (near)
        {
            near.NoDelay = true;
            await far.ConnectAsync(IPAddress.Loopback, ServerPort);
            var answers = PumpAsync(far, near, stall);
            await PumpAsync(near, far, null);

            // The near end has closed: so is the far one, and what the server still says goes nowhere.
            Interlocked.Decrement(ref _open);
            far.Close();
            stall?.GoOn();
            await answers;
        }
    }

    private async Task PumpAsync(Socket from, Socket to, Stall? stall)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            for (int read; (read = await from.ReceiveAsync(buffer, _stop.Token)) > 0;)
            {
                await (stall?.PassAsync(_stop.Token) ?? Task.CompletedTask);
                await to.SendAsync(buffer.AsMemory(0, read), _stop.Token);
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Closed from one side, or the test is over.
        }
    }

    /// <summary>Where one connection is kept.</summary>
    internal sealed class Stall(int letThrough)
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _left = letThrough;

        /// <summary>Ends when the connection is kept.</summary>
        public Task Reached => _reached.Task;

        public void GoOn() => _goOn.TrySetResult();

        public async Task PassAsync(CancellationToken cancellationToken)
        {
            if (_left-- <= 0)
            {
                _reached.TrySetResult();
                await _goOn.Task.WaitAsync(cancellationToken);
            }
        }
    }
}
