using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Authentication;
using Switchyard.Proxy.Sockets;
using Switchyard.Proxy.Tests.Sockets;

namespace Switchyard.Proxy.Tests.Hostile;

/// <summary>OpenSSL's memory is no garbage collector's to count.</summary>
[Collection(MeasuredAlone.Name)]
[Trait("Category", "Integration")]
public sealed partial class TlsMemoryTests
{
    private const int Connections = 500;

    /// <summary>Both ends are here, and one of them is the runtime's. With OpenSSL's two buffers it would be 33 KB more.</summary>
    private const long MostBytesEach = 60_000;

    [Fact]
    public async Task A_connection_at_rest_holds_no_buffers()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var loop = new EventLoop("test loop");

        // The same for all of them: an operation that has ended refers to what it was called with until the next one begins.
        var (bytes, taken) = (new byte[64_000], new byte[64_000]);
        var idle = new List<(LoopSocket, SslStream)>();
        for (var i = 0; i < 50; i++)
        {
            await AddAsync();
        }

        var before = ResidentBytes();
        for (var i = 0; i < Connections; i++)
        {
            await AddAsync();
        }

        var each = (ResidentBytes() - before) / Connections;
        foreach (var (ours, tls) in idle)
        {
            await tls.DisposeAsync();
            await ours.DisposeAsync();
        }

        loop.Dispose();
        Assert.InRange(each, long.MinValue, MostBytesEach);

        async Task AddAsync()
        {
            var ours = await LoopSocket.ConnectAsync(loop, "127.0.0.1", ((IPEndPoint)listener.LocalEndPoint!).Port, limit.Token);
            var tls = await TlsPeer.AgreeAsync(ours, await listener.AcceptAsync(limit.Token), isServer: true, SslProtocols.Tls13, limit.Token);
            idle.Add((ours, tls));

            // As much as fills every buffer there is.
            await Task.WhenAll(ours.WriteAsync(bytes, limit.Token).AsTask(), tls.ReadExactlyAsync(taken, limit.Token).AsTask());
            await Task.WhenAll(tls.WriteAsync(bytes, limit.Token).AsTask(), ours.ReadExactlyAsync(taken, limit.Token).AsTask());
        }
    }

    private static long ResidentBytes()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        _ = TrimHeap(0);
        return Environment.WorkingSet;
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int TrimHeap(nint pad);
}
