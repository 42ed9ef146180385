using System.Net;
using System.Net.Sockets;
using Switchyard.Client;
using Switchyard.Proxy.Sockets;

namespace Switchyard.Proxy.Tests.Sockets;

/// <summary>A connection on a loop behaves as any stream of a connection does, whatever comes first: bytes, the wait for them, or its end.</summary>
public sealed class LoopSocketTests : IDisposable
{
    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(5)).Token;
    private readonly EventLoop _loop = new("test loop");
    private readonly List<IDisposable> _opened = [];

    public void Dispose()
    {
        _opened.ForEach(one => one.Dispose());
        Assert.Equal(0, _loop.Count);
        _loop.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_read_waits_for_bytes_and_takes_what_there_is(bool inline)
    {
        var (ours, peer) = await PairAsync(inline);
        var buffer = new byte[100];
        var read = ours.ReadAsync(buffer, _limit);
        Assert.False(read.IsCompleted);
        await peer.SendAsync("hello"u8.ToArray(), _limit);
        Assert.Equal(5, await read);
        Assert.Equal("hello"u8, buffer.AsSpan(0, 5));
    }

    [Fact]
    public async Task A_read_into_nothing_waits_and_leaves_the_bytes()
    {
        var (ours, peer) = await PairAsync();
        var waiting = ours.ReadAsync(Memory<byte>.Empty, _limit);
        Assert.False(waiting.IsCompleted);
        await peer.SendAsync("x"u8.ToArray(), _limit);
        Assert.Equal(0, await waiting);
        Assert.Equal(0, await ours.ReadAsync(Memory<byte>.Empty, _limit));
        Assert.Equal(1, await ours.ReadAsync(new byte[10], _limit));
    }

    [Fact]
    public async Task The_end_is_read_again_and_again_and_what_came_before_it_first()
    {
        var (ours, peer) = await PairAsync();
        await peer.SendAsync(new byte[10], _limit);
        peer.Shutdown(SocketShutdown.Send);
        var got = 0;
        for (int count; (count = await ours.ReadAsync(new byte[4], _limit)) > 0;)
        {
            got += count;
        }

        Assert.Equal(10, got);
        Assert.Equal(0, await ours.ReadAsync(Memory<byte>.Empty, _limit));
        Assert.Equal(0, await ours.ReadAsync(new byte[4], _limit));

        // The other direction is open still.
        await ours.WriteAsync("answer"u8.ToArray(), _limit);
        Assert.Equal(6, await peer.ReceiveAsync(new byte[10], _limit));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Bytes_go_through_whole_in_both_directions_at_once(bool inline)
    {
        const int Length = 8_000_000;
        var (ours, peer) = await PairAsync(inline);
        var sent = new byte[Length];
        new Random(1).NextBytes(sent);
        var echoed = new byte[Length];
        await Task.WhenAll(EchoAsync(ours), SendAsync(), ReceiveAsync());
        Assert.Equal(sent, echoed);

        async Task SendAsync()
        {
            var random = new Random(2);
            for (var at = 0; at < Length;)
            {
                at += await peer.SendAsync(sent.AsMemory(at, Math.Min(Length - at, random.Next(1, 100_000))), _limit);
            }

            peer.Shutdown(SocketShutdown.Send);
        }

        async Task ReceiveAsync()
        {
            for (var at = 0; at < Length;)
            {
                var count = await peer.ReceiveAsync(echoed.AsMemory(at), _limit);
                Assert.NotEqual(0, count);
                at += count;
            }
        }
    }

    [Fact]
    public async Task A_write_to_a_peer_that_takes_nothing_waits_until_it_does()
    {
        const int Length = 30_000_000;
        var (ours, peer) = await PairAsync();
        var write = ours.WriteAsync(new byte[Length], _limit).AsTask();
        Assert.False(write.IsCompleted);
        var buffer = new byte[1_000_000];
        for (var at = 0; at < Length;)
        {
            at += await peer.ReceiveAsync(buffer, _limit);
        }

        await write;
    }

    [Fact]
    public async Task A_cancelled_read_takes_nothing_and_another_can_follow()
    {
        var (ours, peer) = await PairAsync();
        using var first = new CancellationTokenSource();
        var read = ours.ReadAsync(new byte[10], first.Token).AsTask();
        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => read);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ours.ReadAsync(new byte[10], first.Token).AsTask());
        using var second = new CancellationTokenSource();
        read = ours.ReadAsync(new byte[10], second.Token).AsTask();
        await peer.SendAsync(new byte[3], _limit);
        Assert.Equal(3, await read);
    }

    [Fact]
    public async Task Closing_ends_what_waits_and_what_comes_later()
    {
        var (ours, _) = await PairAsync();
        var read = ours.ReadAsync(new byte[10], _limit).AsTask();
        var write = ours.WriteAsync(new byte[30_000_000], _limit).AsTask();
        await ours.DisposeAsync();
        await Assert.ThrowsAsync<IOException>(() => read);
        await Assert.ThrowsAsync<IOException>(() => write);
        var later = await Record.ExceptionAsync(() => ours.ReadAsync(new byte[10], _limit).AsTask());
        Assert.True(later is IOException or ObjectDisposedException);
    }

    [Fact]
    public async Task A_peer_that_resets_the_connection_ends_a_read_with_an_error()
    {
        var (ours, peer) = await PairAsync();
        var read = ours.ReadAsync(new byte[10], _limit).AsTask();
        peer.LingerState = new LingerOption(true, 0);
        peer.Dispose();
        await Assert.ThrowsAsync<IOException>(() => read);
    }

    [Fact]
    public async Task Who_reads_without_end_lets_others_have_their_turn()
    {
        var (greedy, source) = await PairAsync(inline: true);
        var (modest, peer) = await PairAsync(inline: true);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_limit);
        var pouring = PourAsync();
        var swallowing = SwallowAsync();
        var echoing = EchoAsync(modest);
        var answer = new byte[1];
        for (var i = 0; i < 20; i++)
        {
            await peer.SendAsync(answer, _limit);
            Assert.Equal(1, await peer.ReceiveAsync(answer, _limit));
        }

        await stop.CancelAsync();
        await pouring;
        await swallowing;
        peer.Shutdown(SocketShutdown.Send);
        await echoing;

        async Task PourAsync()
        {
            await Task.Yield();
            var bytes = new byte[1_000_000];
            try
            {
                while (!stop.IsCancellationRequested)
                {
                    await source.SendAsync(bytes, _limit);
                }

                // The other end may have swallowed everything already, and would wait for more.
                source.Shutdown(SocketShutdown.Send);
            }
            catch (SocketException)
            {
                // It has had enough.
            }
        }

        async Task SwallowAsync()
        {
            // Small, so that the kernel always has more.
            var buffer = new byte[16];
            while (!stop.IsCancellationRequested && await greedy.ReadAsync(buffer, _limit).ConfigureAwait(false) > 0)
            {
            }

            await greedy.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_place_on_the_loop_is_used_again_without_mixing_up_connections()
    {
        for (var round = 0; round < 50; round++)
        {
            var (first, firstPeer) = await PairAsync(inline: true);
            var (second, secondPeer) = await PairAsync(inline: true);
            await Task.WhenAll(firstPeer.SendAsync(new byte[1], _limit).AsTask(), first.DisposeAsync().AsTask());
            await secondPeer.SendAsync(new byte[2], _limit);
            Assert.Equal(2, await second.ReadAsync(new byte[10], _limit));
            await second.DisposeAsync();
            Assert.Equal(0, _loop.Count);
            firstPeer.Dispose();
            secondPeer.Dispose();
        }
    }

    [Fact]
    public async Task A_backend_that_does_not_greet_leaves_nothing_on_the_loop()
    {
        using var listener = Listen();
        var options = new ConnectionOptions { Port = Port(listener), Dialer = _loop, ConnectTimeout = TimeSpan.FromSeconds(1) };
        await Assert.ThrowsAsync<BackendUnavailableException>(() => GreetedConnection.ConnectAsync(options, _limit));
        Assert.Equal(0, _loop.Count);
    }

    [Fact]
    public async Task Where_nobody_listens_no_connection_is_made()
    {
        // Kept, so that nobody else listens there.
        using var deaf = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        deaf.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        await Assert.ThrowsAsync<SocketException>(() => LoopSocket.ConnectAsync(_loop, "127.0.0.1", Port(deaf), _limit));
        Assert.Equal(0, _loop.Count);
    }

    private static int Port(Socket listener) => ((IPEndPoint)listener.LocalEndPoint!).Port;

    private static Socket Listen()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        return listener;
    }

    private async Task<(LoopSocket Ours, Socket Peer)> PairAsync(bool inline = false)
    {
        using var listener = Listen();
        var accepting = listener.AcceptAsync(_limit);
        var ours = await LoopSocket.ConnectAsync(_loop, "127.0.0.1", Port(listener), _limit);
        ours.RunsInline = inline;
        _opened.Add(ours);
        var peer = await accepting;
        _opened.Add(peer);
        return (ours, peer);
    }

    private async Task EchoAsync(LoopSocket socket)
    {
        var buffer = new byte[70_000];
        for (int count; (count = await socket.ReadAsync(buffer, _limit).ConfigureAwait(false)) > 0;)
        {
            await socket.WriteAsync(buffer.AsMemory(0, count), _limit).ConfigureAwait(false);
        }
    }
}
