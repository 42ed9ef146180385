using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Switchyard.Proxy.Sockets;
using Switchyard.Proxy.Tls;

namespace Switchyard.Proxy.Tests.Sockets;

/// <summary>TLS on a socket of the loop behaves as the runtime's does, for the other end and for who reads and writes.</summary>
public sealed partial class LoopSocketTlsTests : IDisposable
{
    private const SslProtocols Older = SslProtocols.Tls12;
    private const SslProtocols Newer = SslProtocols.Tls13;

    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(5)).Token;
    private readonly EventLoop _loop = new("test loop");
    private readonly List<IDisposable> _opened = [];

    public void Dispose()
    {
        // A socket behind what was put over it.
        _opened.Reverse();
        _opened.ForEach(one => one.Dispose());
        Assert.Equal(0, _loop.Count);
        _loop.Dispose();
    }

    [Theory]
    [InlineData(true, Older, true)]
    [InlineData(true, Newer, true)]
    [InlineData(false, Older, true)]
    [InlineData(false, Newer, true)]
    [InlineData(true, Newer, false)]
    [InlineData(false, Newer, false)]
    public async Task Bytes_go_through_whole_in_both_directions_at_once(bool isServer, SslProtocols version, bool inline)
    {
        const int Length = 8_000_000;
        var (ours, peer) = await PairAsync();
        await using var tls = await TlsPeer.AgreeAsync(ours, peer, isServer, version, _limit);
        ours.RunsInline = inline;
        var sent = new byte[Length];
        new Random(1).NextBytes(sent);
        var echoed = new byte[Length];
        await Task.WhenAll(EchoAsync(ours), SendAsync(), tls.ReadExactlyAsync(echoed, _limit).AsTask());
        Assert.Equal(sent, echoed);

        async Task SendAsync()
        {
            var random = new Random(2);
            for (var at = 0; at < Length;)
            {
                var part = Math.Min(Length - at, random.Next(1, 100_000));
                await tls.WriteAsync(sent.AsMemory(at, part), _limit);
                at += part;
            }

            await tls.ShutdownAsync();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reader_and_writer_may_be_at_work_at_once(bool isServer)
    {
        const int Length = 4_000_000;
        var (ours, peer) = await PairAsync();
        await using var tls = await TlsPeer.AgreeAsync(ours, peer, isServer, Newer, _limit);
        var (there, back) = (new byte[Length], new byte[Length]);
        new Random(3).NextBytes(there);
        new Random(4).NextBytes(back);
        var (arrived, returned) = (new byte[Length], new byte[Length]);
        await Task.WhenAll(
            Task.Run(() => ours.ReadExactlyAsync(arrived, _limit).AsTask()),
            Task.Run(() => ours.WriteAsync(back, _limit).AsTask()),
            Task.Run(() => tls.WriteAsync(there, _limit).AsTask()),
            Task.Run(() => tls.ReadExactlyAsync(returned, _limit).AsTask()));
        Assert.Equal(there, arrived);
        Assert.Equal(back, returned);
    }

    [Fact]
    public async Task A_record_is_read_in_as_many_parts_as_the_reader_likes()
    {
        var (ours, peer) = await PairAsync();
        await using var tls = await TlsPeer.AgreeAsync(ours, peer, isServer: true, Newer, _limit);
        await tls.WriteAsync(new byte[1000], _limit);
        var part = new byte[100];
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(0, await ours.ReadAsync(Memory<byte>.Empty, _limit));
            Assert.True(i == 0 || ours.HasInput);
            Assert.Equal(100, await ours.ReadAsync(part, _limit));
        }

        Assert.False(ours.HasInput);
    }

    [Theory]
    [InlineData(true, Older)]
    [InlineData(true, Newer)]
    [InlineData(false, Older)]
    [InlineData(false, Newer)]
    public async Task Records_that_come_byte_by_byte_are_put_together(bool isServer, SslProtocols version)
    {
        var (ours, peer) = await PairAsync();
        await using var tls = await TlsPeer.AgreeAsync(ours, peer, isServer, version, _limit, static wire => new TricklingStream(wire));
        ours.RunsInline = true;
        await tls.WriteAsync("hello"u8.ToArray(), _limit);
        var buffer = new byte[10];
        Assert.Equal(5, await ours.ReadAsync(buffer, _limit));
        Assert.Equal("hello"u8, buffer.AsSpan(0, 5));
        await ours.WriteAsync("answer"u8.ToArray(), _limit);
        Assert.Equal(6, await tls.ReadAsync(buffer, _limit));
    }

    [Fact]
    public async Task A_write_to_a_peer_that_takes_nothing_waits_until_it_does()
    {
        var (ours, peer) = await PairAsync();
        await using var tls = await TlsPeer.AgreeAsync(ours, peer, isServer: true, Newer, _limit);
        var sent = new byte[30_000_000];
        new Random(5).NextBytes(sent);
        var write = ours.WriteAsync(sent, _limit).AsTask();
        Assert.False(write.IsCompleted);
        var arrived = new byte[sent.Length];
        await tls.ReadExactlyAsync(arrived, _limit);
        Assert.Equal(sent, arrived);
        await write;
    }

    [Fact]
    public async Task A_message_given_up_half_way_is_the_last_one()
    {
        var (ours, peer) = await PairAsync();
        await using var tls = await TlsPeer.AgreeAsync(ours, peer, isServer: true, Newer, _limit);
        using var patience = new CancellationTokenSource();
        var write = ours.WriteAsync(new byte[30_000_000], patience.Token).AsTask();
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => write);
        var later = await Assert.ThrowsAsync<IOException>(() => ours.WriteAsync(new byte[5], _limit).AsTask());
        Assert.Contains("given up", later.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_end_is_read_again_and_again_whether_or_not_it_was_announced(bool isAnnounced)
    {
        var (ours, peer) = await PairAsync();
        await using var tls = await TlsPeer.AgreeAsync(ours, peer, isServer: true, Newer, _limit);
        await tls.WriteAsync(new byte[10], _limit);
        if (isAnnounced)
        {
            await tls.ShutdownAsync();
        }
        else
        {
            peer.Shutdown(SocketShutdown.Send);
        }

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
        Assert.Equal(6, await tls.ReadAsync(new byte[10], _limit));
    }

    [Fact]
    public async Task What_is_cut_within_a_record_is_no_end_but_an_error()
    {
        var (ours, peer) = await PairAsync();
        CuttingStream? cut = null;
        await using var tls = await TlsPeer.AgreeAsync(ours, peer, isServer: true, Newer, _limit, wire => cut = new CuttingStream(wire));
        await tls.WriteAsync(new byte[100], _limit);
        cut!.Keep = 50;
        await tls.WriteAsync(new byte[100], _limit);
        peer.Shutdown(SocketShutdown.Send);
        await ours.ReadExactlyAsync(new byte[100], _limit);
        for (var i = 0; i < 2; i++)
        {
            var error = await Assert.ThrowsAsync<IOException>(() => ours.ReadAsync(new byte[10], _limit).AsTask());
            Assert.Contains("in the middle", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_record_that_was_changed_on_its_way_ends_the_connection()
    {
        var (ours, peer) = await PairAsync();
        CuttingStream? wire = null;
        await using var tls = await TlsPeer.AgreeAsync(ours, peer, isServer: true, Newer, _limit, inner => wire = new CuttingStream(inner));
        wire!.Flip = true;
        await tls.WriteAsync(new byte[100], _limit);
        for (var i = 0; i < 2; i++)
        {
            var error = await Assert.ThrowsAsync<IOException>(() => ours.ReadAsync(new byte[10], _limit).AsTask());
            Assert.StartsWith("TLS failed while reading: ", error.Message, StringComparison.Ordinal);
        }

        await Assert.ThrowsAsync<IOException>(() => ours.WriteAsync(new byte[10], _limit).AsTask());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_peer_that_speaks_no_TLS_or_leaves_is_told_of_in_a_sentence(bool isServer)
    {
        var (ours, peer) = await PairAsync();
        var handshake = StartAsync(ours, isServer);
        await peer.SendAsync(new byte[300], _limit);
        var error = await Assert.ThrowsAsync<IOException>(() => handshake);
        Assert.StartsWith("The TLS handshake failed: ", error.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<IOException>(() => ours.ReadAsync(new byte[1], _limit).AsTask());

        var (others, leaving) = await PairAsync();
        handshake = StartAsync(others, isServer);
        leaving.Shutdown(SocketShutdown.Send);
        error = await Assert.ThrowsAsync<IOException>(() => handshake);
        Assert.Contains("in the middle", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Closing_or_cancelling_ends_a_handshake(bool isServer)
    {
        var (ours, _) = await PairAsync();
        var handshake = StartAsync(ours, isServer);
        await ours.DisposeAsync();
        await Assert.ThrowsAsync<IOException>(() => handshake);

        var (others, _) = await PairAsync();
        using var patience = new CancellationTokenSource();
        handshake = StartAsync(others, isServer, patience.Token);
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => handshake);
    }

    [Theory]
    [InlineData(true, Older)]
    [InlineData(true, Newer)]
    [InlineData(false, Older)]
    [InlineData(false, Newer)]
    public async Task Closing_says_to_the_peer_that_nothing_more_will_come(bool isServer, SslProtocols version)
    {
        const byte Alert = 21, ApplicationData = 23;
        var (ours, peer) = await PairAsync();
        await using var tls = await TlsPeer.AgreeAsync(ours, peer, isServer, version, _limit);
        await ours.WriteAsync(new byte[1], _limit);
        Assert.Equal(1, await tls.ReadAsync(new byte[2], _limit));
        ours.Dispose();
        var left = new byte[100];
        var length = 0;
        for (int count; (count = await peer.ReceiveAsync(left.AsMemory(length), _limit)) > 0;)
        {
            length += count;
        }

        // One record, sealed: TLS 1.3 shows its kind by its length alone.
        Assert.Equal(version == Older ? Alert : ApplicationData, left[0]);
        Assert.Equal(length, RecordCipher.HeaderLength + ((left[3] << 8) | left[4]));
        Assert.True(version == Older || length == 2 + RecordCipher.Overhead);
    }

    [Fact]
    public async Task Closing_ends_what_waits_and_what_comes_later()
    {
        var (ours, peer) = await PairAsync();
        await using var tls = await TlsPeer.AgreeAsync(ours, peer, isServer: true, Newer, _limit);
        var read = ours.ReadAsync(new byte[10], _limit).AsTask();
        var write = ours.WriteAsync(new byte[30_000_000], _limit).AsTask();
        await ours.DisposeAsync();
        await Assert.ThrowsAsync<IOException>(() => read);
        await Assert.ThrowsAsync<IOException>(() => write);
        var later = await Record.ExceptionAsync(() => ours.ReadAsync(new byte[10], _limit).AsTask());
        Assert.True(later is IOException or ObjectDisposedException);
    }

    [Fact]
    public async Task Clients_are_shown_the_authorities_between_the_certificate_and_its_root()
    {
        var now = TimeProvider.System.GetUtcNow();
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var middleKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var ownKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var root = Request("root", rootKey, isAuthority: true).CreateSelfSigned(now.AddDays(-1), now.AddDays(3));
        using var middle = Request("middle", middleKey, isAuthority: true).Create(root, now.AddDays(-1), now.AddDays(2), [1]).CopyWithPrivateKey(middleKey);
        using var own = Request("localhost", ownKey, isAuthority: false).Create(middle, now.AddDays(-1), now.AddDays(1), [2]).CopyWithPrivateKey(ownKey);
        var context = TlsContext.ForServer(SslStreamCertificateContext.Create(own, [middle], offline: true))!;

        var (ours, peer) = await PairAsync();
        await using var tls = new SslStream(new NetworkStream(peer));
        var options = new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, CustomTrustStore = { root } },
        };
        await Task.WhenAll(ours.StartTlsAsync(context, _limit), tls.AuthenticateAsClientAsync(options, _limit));
        await ours.WriteAsync("hello"u8.ToArray(), _limit);
        Assert.Equal(5, await tls.ReadAsync(new byte[10], _limit));

        static CertificateRequest Request(string name, ECDsa key, bool isAuthority)
        {
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, true));
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(name);
            request.CertificateExtensions.Add(names.Build());
            return request;
        }
    }

    [Fact]
    public async Task Versions_before_1_2_are_refused()
    {
        var (ours, peer) = await PairAsync();
        var handshake = ours.StartTlsAsync(TlsContext.ForServer(TlsPeer.Certificate)!, _limit);

        // A hello of TLS 1.1 with one cipher of its time.
        byte[] body = [3, 2, .. new byte[32], 0, 0, 2, 0xC0, 0x14, 1, 0];
        byte[] hello = [1, 0, 0, (byte)body.Length, .. body];
        await peer.SendAsync((byte[])[22, 3, 1, 0, (byte)hello.Length, .. hello], _limit);
        var error = await Assert.ThrowsAsync<IOException>(() => handshake);
        Assert.Contains("protocol", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Servers_may_speak_what_the_system_allows_and_clients_nothing_before_1_2()
    {
        const int GetLeastVersion = 130;
        using var system = OpenSsl.NewContext(OpenSsl.AnyVersion());
        Assert.Equal(OpenSsl.Control(system, GetLeastVersion, 0, 0), OpenSsl.Control(TlsContext.Client.Handle, GetLeastVersion, 0, 0));
        Assert.InRange(OpenSsl.Control(TlsContext.ForServer(TlsPeer.Certificate)!.Handle, GetLeastVersion, 0, 0), 0x0303, 0x0304);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task New_keys_are_taken_up_in_the_middle_of_a_conversation(bool isServer)
    {
        var (ours, theirs) = await WithLibraryAsync(isServer);
        Assert.IsType<TlsRecords>(ours.Tls);
        for (var i = 0; i < 40; i++)
        {
            Assert.Equal(1, ChangeKeys(theirs, i % 2));
            await EchoOnceAsync(theirs, ours, i);
        }
    }

    [Fact]
    public async Task A_peer_that_only_ever_changes_keys_is_not_listened_to_for_ever()
    {
        var (ours, theirs) = await WithLibraryAsync(isServer: true);
        ours.RunsInline = true;
        var read = ours.ReadAsync(new byte[10], _limit).AsTask();
        var flood = Task.Run(async () =>
        {
            while (!read.IsCompleted && !_limit.IsCancellationRequested)
            {
                _ = ChangeKeys(theirs, 0);
                while (theirs.Handshake() != HandshakeStep.Done && !read.IsCompleted)
                {
                    await Task.Yield();
                }
            }
        });
        var error = await Assert.ThrowsAsync<IOException>(() => read);
        await flood;
        Assert.Contains("without content", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_asks_for_short_records_gets_them()
    {
        const byte Of512Bytes = 1;
        var (ours, theirs) = await WithLibraryAsync(isServer: true, theirs => Assert.Equal(1, AskForShortRecords(HandleOf(theirs), Of512Bytes)));
        Assert.IsType<TlsSession>(ours.Tls);
        var sent = new byte[5000];
        new Random(3).NextBytes(sent);
        var write = ours.WriteAsync(sent, _limit);
        var read = new byte[sent.Length];
        for (var at = 0; at < read.Length;)
        {
            at += Math.Max(theirs.Read(read.AsSpan(at)), 0);
            await Task.Yield();
        }

        await write;
        Assert.Equal(sent, read);
    }

    [Fact]
    public async Task A_session_that_is_taken_up_again_goes_on()
    {
        var context = TlsContext.ForServer(TlsPeer.Certificate)!;
        var (ours, theirs) = await WithLibraryAsync(isServer: true, context: context);
        await EchoOnceAsync(theirs, ours, 1);
        var terms = TakeTerms(HandleOf(theirs));
        try
        {
            (ours, theirs) = await WithLibraryAsync(isServer: true, again => Assert.Equal(1, SetTerms(HandleOf(again), terms)), context);
            Assert.Equal(1, WasResumed(HandleOf(theirs)));
            Assert.IsType<TlsRecords>(ours.Tls);
            await EchoOnceAsync(theirs, ours, 2);
        }
        finally
        {
            FreeTerms(terms);
        }
    }

    [Fact]
    public async Task A_client_cannot_negotiate_anew()
    {
        using var listener = Listen();
        using var client = Process.Start(new ProcessStartInfo("openssl", ["s_client", "-tls1_2", "-connect", $"127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        try
        {
            var ours = new LoopSocket(_loop, await listener.AcceptAsync(_limit));
            _opened.Add(ours);
            await ours.StartTlsAsync(TlsContext.ForServer(TlsPeer.Certificate)!, _limit);
            var read = ours.ReadAsync(new byte[10], _limit);
            await client.StandardInput.WriteAsync("R\n");
            await client.StandardInput.FlushAsync(_limit);
            var said = await client.StandardError.ReadToEndAsync(_limit);
            Assert.Contains("no renegotiation", said, StringComparison.OrdinalIgnoreCase);
            _ = await Record.ExceptionAsync(() => read.AsTask());
        }
        finally
        {
            client.Kill();
        }
    }

    /// <summary>The other end is OpenSSL's to its last record: its functions can be called on it.</summary>
    private async Task<(LoopSocket Ours, TlsSession Theirs)> WithLibraryAsync(bool isServer, Action<TlsSession>? prepare = null, TlsContext? context = null)
    {
        var (ours, socket) = await PairAsync();
        socket.Blocking = false;
        var peer = new LoopSocket(_loop, socket);
        _opened.Add(peer);
        var theirs = isServer ? TlsSession.ForClient(peer, "localhost", null) : TlsSession.ForServer(peer, TlsContext.ForServer(TlsPeer.Certificate)!);
        _opened.Add(theirs);
        prepare?.Invoke(theirs);
        var handshake = context is null ? StartAsync(ours, isServer) : ours.StartTlsAsync(context, _limit);
        while (theirs.Handshake() != HandshakeStep.Done)
        {
            await Task.Yield();
        }

        await handshake;
        return (ours, theirs);
    }

    private async Task EchoOnceAsync(TlsSession theirs, LoopSocket ours, int number)
    {
        byte[] message = [(byte)number, 1, 2, 3];
        Assert.Equal(message.Length, theirs.Write(message));
        var buffer = new byte[10];
        Assert.Equal(message.Length, await ours.ReadAsync(buffer, _limit));
        Assert.Equal(message, buffer[..message.Length]);
        await ours.WriteAsync(message, _limit);
        int count;
        while ((count = theirs.Read(buffer)) < 0)
        {
            await Task.Yield();
        }

        Assert.Equal(message, buffer[..count]);
    }

    private Task StartAsync(LoopSocket socket, bool isServer, CancellationToken? cancellationToken = null) =>
        isServer ? socket.StartTlsAsync(TlsContext.ForServer(TlsPeer.Certificate)!, cancellationToken ?? _limit) : socket.StartTlsAsync("localhost", null, cancellationToken ?? _limit);

    private async Task EchoAsync(LoopSocket ours)
    {
        var buffer = new byte[50_000];
        for (int count; (count = await ours.ReadAsync(buffer, _limit).ConfigureAwait(false)) > 0;)
        {
            await ours.WriteAsync(buffer.AsMemory(0, count), _limit).ConfigureAwait(false);
        }
    }

    private async Task<(LoopSocket Ours, Socket Peer)> PairAsync()
    {
        using var listener = Listen();
        var ours = await LoopSocket.ConnectAsync(_loop, "127.0.0.1", ((IPEndPoint)listener.LocalEndPoint!).Port, _limit);
        var peer = await listener.AcceptAsync(_limit);
        peer.NoDelay = true;
        _opened.Add(ours);
        _opened.Add(peer);
        return (ours, peer);
    }

    private static Socket Listen()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        return listener;
    }

    private static SslHandle HandleOf(TlsSession session) =>
        (SslHandle)typeof(TlsSession).GetField("_ssl", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(session)!;

    private static int ChangeKeys(TlsSession session, int kind) => KeyUpdate(HandleOf(session), kind);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_key_update")]
    private static partial int KeyUpdate(SslHandle connection, int kind);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_set_tlsext_max_fragment_length")]
    private static partial int AskForShortRecords(SslHandle connection, byte code);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_get1_session")]
    private static partial nint TakeTerms(SslHandle connection);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_set_session")]
    private static partial int SetTerms(SslHandle connection, nint terms);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_SESSION_free")]
    private static partial void FreeTerms(nint terms);

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_session_reused")]
    private static partial int WasResumed(SslHandle connection);

    /// <summary>One byte after the other.</summary>
    private sealed class TricklingStream(Stream inner) : WireStream(inner)
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            for (var i = 0; i < buffer.Length; i++)
            {
                await Inner.WriteAsync(buffer.Slice(i, 1), cancellationToken);
                await Task.Yield();
            }
        }
    }

    /// <summary>Does harm to what is written.</summary>
    private sealed class CuttingStream(Stream inner) : WireStream(inner)
    {
        public int Keep { get; set; } = int.MaxValue;

        public bool Flip { get; set; }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var bytes = buffer[..Math.Min(Keep, buffer.Length)].ToArray();
            if (Flip)
            {
                bytes[^1] ^= 1;
            }

            return Inner.WriteAsync(bytes, cancellationToken);
        }
    }

    private abstract class WireStream(Stream inner) : Stream
    {
        protected Stream Inner => inner;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing) => inner.Dispose();
    }
}
