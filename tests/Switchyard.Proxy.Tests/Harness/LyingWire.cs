using System.Net;
using System.Net.Sockets;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>A wire to a server that puts other bytes in the place of what the server answers: a backend that breaks the protocol, or means harm.</summary>
internal sealed class LyingWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly int _serverPort;
    private readonly Task _accepting;
    private volatile byte[]? _greeting;
    private volatile Lie? _lie;

    public LyingWire(int serverPort)
    {
        _serverPort = serverPort;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>From now on every answer to this command is this payload, in a packet of its own; null ends it.</summary>
    public void Answer(CommandKind command, byte[]? payload) => _lie = payload is null ? null : new Lie((byte)command, payload);

    /// <summary>From now on everybody is greeted with this payload; null ends it.</summary>
    public void Greet(byte[]? payload) => _greeting = payload;

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
                serving.Add(ServeAsync(await _listener.AcceptSocketAsync(_stop.Token)));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task ServeAsync(Socket near)
    {
        using var far = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (near)
        {
            near.NoDelay = true;
            await far.ConnectAsync(IPAddress.Loopback, _serverPort);
            var next = _greeting is { } greeting ? new Lie(0, greeting) : null;
            var answers = PumpAsync(far, near, bytes => Interlocked.Exchange(ref next, null) is { } lie ? lie.Packet(bytes.Span[3]) : bytes);
            await PumpAsync(near, far, bytes =>
            {
                // Commands are told from the packets of a login by their number.
                if (_lie is { } lie && bytes.Length > PacketLimits.HeaderSize && bytes.Span[3] == 0 && bytes.Span[PacketLimits.HeaderSize] == lie.Command)
                {
                    Volatile.Write(ref next, lie);
                }

                return bytes;
            });
            far.Close();
            await answers;
        }
    }

    private async Task PumpAsync(Socket from, Socket to, Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> change)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            for (int read; (read = await from.ReceiveAsync(buffer, _stop.Token)) > 0;)
            {
                await to.SendAsync(change(buffer.AsMemory(0, read)), _stop.Token);
            }

            to.Shutdown(SocketShutdown.Send);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Closed from one side, or the test is over.
        }
    }

    private sealed class Lie(byte command, byte[] payload)
    {
        public byte Command => command;

        public byte[] Packet(byte sequence) => [(byte)payload.Length, (byte)(payload.Length >> 8), (byte)(payload.Length >> 16), sequence, .. payload];
    }
}
