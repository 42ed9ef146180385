using System.Net;
using System.Net.Sockets;

namespace Switchyard.Integration.Tests.Copy;

/// <summary>A wire between Switchyard and a server that can be cut, or go dead without being cut, as networks do.</summary>
internal sealed class Relay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Lock _lock = new();
    private readonly List<(TcpClient Near, TcpClient Far)> _open = [];
    private readonly int _farPort;
    private readonly Task _accepting;
    private TaskCompletionSource _flowing = Thawed();

    public Relay(int farPort)
    {
        _farPort = farPort;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Ends every connection at once.</summary>
    public void Cut()
    {
        lock (_lock)
        {
            foreach (var (near, far) in _open)
            {
                near.Close();
                far.Close();
            }

            _open.Clear();
        }
    }

    /// <summary>Nothing comes through in either direction until <see cref="Thaw"/>.</summary>
    public void Freeze()
    {
        lock (_lock)
        {
            _flowing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    public void Thaw()
    {
        lock (_lock)
        {
            _flowing.TrySetResult();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        Thaw();
        Cut();
        await _accepting;
    }

    private static TaskCompletionSource Thawed()
    {
        var done = new TaskCompletionSource();
        done.SetResult();
        return done;
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient near;
            try
            {
                near = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                return;
            }

            var far = new TcpClient { NoDelay = true };
            near.NoDelay = true;
            try
            {
                await far.ConnectAsync(IPAddress.Loopback, _farPort);
            }
            catch (SocketException)
            {
                near.Close();
                far.Close();
                continue;
            }

            lock (_lock)
            {
                _open.Add((near, far));
            }

            _ = PumpAsync(near, far);
            _ = PumpAsync(far, near);
        }
    }

    private async Task PumpAsync(TcpClient from, TcpClient to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (true)
            {
                var read = await from.GetStream().ReadAsync(buffer);
                Task flowing;
                lock (_lock)
                {
                    flowing = _flowing.Task;
                }

                await flowing;
                if (read == 0)
                {
                    break;
                }

                await to.GetStream().WriteAsync(buffer.AsMemory(0, read));
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Cut.
        }

        from.Close();
        to.Close();
    }
}
