using System.Net;
using System.Net.Sockets;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>
/// Stands between the engine and a server, without TLS. Of every so many COMMITs it lets the server do one and swallows the answer: the engine sees its connection break.
/// </summary>
internal sealed class LossyRelay : IAsyncDisposable
{
    private static readonly byte[] s_commit = [7, 0, 0, 0, 3, .. "COMMIT"u8];

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly string _host;
    private readonly int _port;
    private readonly Task _accepting;
    private int _every;
    private int _left;
    private int _commits;
    private int _lost;

    public LossyRelay(string host, int port)
    {
        (_host, _port) = (host, port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Answers swallowed so far.</summary>
    public int Lost => Volatile.Read(ref _lost);

    /// <summary>Swallow the answer of every so many commits from now on, and so many answers at most: each costs a reconnection, and writers do not wait.</summary>
    public void LoseEvery(int commits, int atMost)
    {
        Volatile.Write(ref _left, atMost);
        Volatile.Write(ref _every, commits);
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
                connections.Add(RelayAsync(client));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task RelayAsync(TcpClient client)
    {
        using var server = new TcpClient { NoDelay = true };
        using (client)
        {
            client.NoDelay = true;
            try
            {
                await server.ConnectAsync(_host, _port, _stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // The client meets a connection that ends.
                return;
            }

            using var end = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var swallow = 0;
            var up = PumpAsync(
                client.GetStream(),
                server.GetStream(),
                sent =>
                {
                    // The connection waits for each answer, so a COMMIT is a packet alone.
                    if (sent.Span.SequenceEqual(s_commit) && Volatile.Read(ref _every) is > 0 and var every && Interlocked.Increment(ref _commits) % every == 0 && Interlocked.Decrement(ref _left) >= 0)
                    {
                        Volatile.Write(ref swallow, 1);
                    }

                    return true;
                },
                end);
            var down = PumpAsync(
                server.GetStream(),
                client.GetStream(),
                _ =>
                {
                    if (Volatile.Read(ref swallow) == 0)
                    {
                        return true;
                    }

                    Interlocked.Increment(ref _lost);
                    return false;
                },
                end);
            await Task.WhenAll(up, down);
        }
    }

    private static async Task PumpAsync(NetworkStream from, NetworkStream to, Func<ReadOnlyMemory<byte>, bool> forward, CancellationTokenSource end)
    {
        var buffer = new byte[65536];
        try
        {
            int read;
            while ((read = await from.ReadAsync(buffer, end.Token)) > 0)
            {
                if (!forward(buffer.AsMemory(0, read)))
                {
                    break;
                }

                await to.WriteAsync(buffer.AsMemory(0, read), end.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The other direction ended.
        }

        await end.CancelAsync();
    }
}
