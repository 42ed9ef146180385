using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Switchyard.Proxy.Sockets;
using Switchyard.Proxy.Tls;

namespace Switchyard.Proxy.Tests.Sockets;

/// <summary>Records of TLS 1.3, from a peer that seals whatever it likes. That OpenSSL and the runtime understand ours is <see cref="LoopSocketTlsTests"/>'.</summary>
public sealed class TlsRecordsTests : IDisposable
{
    private const int Aes128Gcm = 0x1301;
    private const int Aes256Gcm = 0x1302;
    private const int ChaCha20Poly1305 = 0x1303;

    private readonly EventLoop _loop = new("test loop");
    private readonly List<IDisposable> _opened = [];
    private readonly CancellationTokenSource _ending = new(TimeSpan.FromMinutes(1));

    public void Dispose()
    {
        _opened.Reverse();
        _opened.ForEach(one => one.Dispose());
        _loop.Dispose();
        _ending.Dispose();
    }

    [Theory]
    [InlineData(Aes128Gcm)]
    [InlineData(Aes256Gcm)]
    [InlineData(ChaCha20Poly1305)]
    public async Task What_is_written_is_read_in_parts_of_any_length_and_across_changes_of_keys(int suite)
    {
        // Three records under the first key, as if it had sealed millions.
        var (ours, peer, reading, writing) = await PairAsync(suite, isServer: true, RecordWriter.MostPerKey - 3);
        using var theirs = new TlsRecords(peer, isServer: false, reading, writing);
        var random = new Random(suite);
        for (var i = 0; i < 200; i++)
        {
            var sent = new byte[random.Next(1, 70_000)];
            random.NextBytes(sent);
            var write = WriteAsync(theirs, sent);
            var read = new byte[sent.Length];
            for (var at = 0; at < read.Length;)
            {
                var count = ours.Read(read.AsSpan(at, Math.Min(read.Length - at, random.Next(1, 40_000))));
                Assert.NotEqual(0, count);
                at += Math.Max(count, 0);
                await Task.Yield();
            }

            await write;
            Assert.Equal(sent, read);
            Assert.False(ours.HasPending);
        }

        Assert.Equal(-1, ours.Read(new byte[1]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Padding_empty_records_new_keys_and_tickets_are_no_content(bool isServer)
    {
        var (ours, peer, reading, writing) = await PairAsync(Aes256Gcm, isServer);
        using (reading)
        using (writing)
        {
            await SendAsync(peer, writing, ContentType.ApplicationData, []);
            await SendAsync(peer, writing, ContentType.ApplicationData, [1, 0], padding: 300);
            Assert.Equal([1, 0], await ReadAsync(ours));
            await SendAsync(peer, writing, ContentType.Alert, [1, (byte)TlsAlert.UserCanceled]);
            foreach (var one in isServer ? [] : new byte[] { 4, 0, 0, 2, 7, 7, 4, 0, 0, 1, 7 })
            {
                await SendAsync(peer, writing, ContentType.Handshake, [one]);
            }

            for (byte asks = 0; asks < 2; asks++)
            {
                await SendAsync(peer, writing, ContentType.Handshake, [PostHandshake.KeyUpdate, 0, 0]);
                await SendAsync(peer, writing, ContentType.Handshake, [1, asks]);
                writing.Advance();
                await SendAsync(peer, writing, ContentType.ApplicationData, [2]);
                Assert.Equal([2], await ReadAsync(ours));
            }

            // New keys were asked for once: they come in front of what is written next.
            await WriteAsync(ours, [3]);
            Assert.Equal((ContentType.Handshake, "1800000100"), await TakeAsync(peer, reading));
            reading.Advance();
            Assert.Equal((ContentType.ApplicationData, "03"), await TakeAsync(peer, reading));

            await SendAsync(peer, writing, ContentType.Alert, [1, (byte)TlsAlert.CloseNotify]);
            Assert.Empty(await ReadAsync(ours));
            Assert.Empty(await ReadAsync(ours));
        }
    }

    public static TheoryData<string, string, byte> Refused => new()
    {
        { "no type", "00 0000", (byte)TlsAlert.UnexpectedMessage },
        { "an unknown type", "18 00", (byte)TlsAlert.UnexpectedMessage },
        { "change cipher spec", "14 01", (byte)TlsAlert.UnexpectedMessage },
        { "an empty message", "16", (byte)TlsAlert.UnexpectedMessage },
        { "an empty alert", "15", (byte)TlsAlert.UnexpectedMessage },
        { "an alert and more", "15 010000", (byte)TlsAlert.UnexpectedMessage },
        { "a client's greeting", "16 01000001 00", (byte)TlsAlert.UnexpectedMessage },
        { "a ticket for a server", "16 04000001 00", (byte)TlsAlert.UnexpectedMessage },
        { "new keys of another kind", "16 18000001 02", (byte)TlsAlert.UnexpectedMessage },
        { "new keys of another length", "16 18000002 0000", (byte)TlsAlert.UnexpectedMessage },
        { "new keys and more", "16 18000001 00 18", (byte)TlsAlert.UnexpectedMessage },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task What_has_no_business_in_a_record_ends_the_connection(string what, string record, byte alert)
    {
        var (ours, peer, reading, writing) = await PairAsync(Aes256Gcm, isServer: true);
        using (reading)
        using (writing)
        {
            var bytes = Convert.FromHexString(record.Replace(" ", "", StringComparison.Ordinal));
            await SendAsync(peer, writing, (ContentType)bytes[0], bytes[1..]);
            await AssertEndedAsync(what, ours, peer, reading, alert);
        }
    }

    [Fact]
    public async Task Nothing_may_come_between_the_parts_of_a_message()
    {
        foreach (var (type, content) in new[] { (ContentType.ApplicationData, new byte[] { 1 }), (ContentType.ApplicationData, []), (ContentType.Alert, [1, 0]) })
        {
            var (ours, peer, reading, writing) = await PairAsync(Aes256Gcm, isServer: true);
            using (reading)
            using (writing)
            {
                await SendAsync(peer, writing, ContentType.Handshake, [PostHandshake.KeyUpdate]);
                await SendAsync(peer, writing, type, content);
                await AssertEndedAsync($"{type} of {content.Length}", ours, peer, reading, (byte)TlsAlert.UnexpectedMessage);
            }
        }
    }

    public static TheoryData<string, byte> Malformed => new()
    {
        { "14 0303 0001", (byte)TlsAlert.UnexpectedMessage },
        { "15 0303 0002", (byte)TlsAlert.UnexpectedMessage },
        { "16 0303 0100", (byte)TlsAlert.UnexpectedMessage },
        { "03 0000 0000", (byte)TlsAlert.UnexpectedMessage },
        { "17 0303 0000", (byte)TlsAlert.UnexpectedMessage },
        { "17 0303 0010", (byte)TlsAlert.UnexpectedMessage },
        { "17 0303 4101", (byte)TlsAlert.RecordOverflow },
        { "17 0303 FFFF", (byte)TlsAlert.RecordOverflow },
        { "17 0303 0011 0000000000000000000000000000000000", (byte)TlsAlert.BadRecord },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task What_is_no_record_ends_the_connection(string bytes, byte alert)
    {
        var (ours, peer, reading, writing) = await PairAsync(Aes256Gcm, isServer: true);
        using (reading)
        using (writing)
        {
            await peer.WriteAsync(Convert.FromHexString(bytes.Replace(" ", "", StringComparison.Ordinal)), _ending.Token);
            await AssertEndedAsync(bytes, ours, peer, reading, alert);
        }
    }

    [Fact]
    public async Task A_record_has_as_much_content_as_it_may_and_no_more()
    {
        var (ours, peer, reading, writing) = await PairAsync(Aes256Gcm, isServer: true);
        using (reading)
        using (writing)
        {
            await SendAsync(peer, writing, ContentType.ApplicationData, new byte[RecordCipher.MostContent], padding: 200);
            var read = 0;
            while (read < RecordCipher.MostContent)
            {
                read += (await ReadAsync(ours)).Length;
            }

            await SendAsync(peer, writing, ContentType.ApplicationData, new byte[RecordCipher.MostContent + 1]);
            await AssertEndedAsync("too much", ours, peer, reading, (byte)TlsAlert.RecordOverflow);
        }
    }

    [Fact]
    public async Task What_came_before_the_failure_is_read_first()
    {
        var (ours, peer, reading, writing) = await PairAsync(Aes256Gcm, isServer: true);
        using (reading)
        using (writing)
        {
            var good = new byte[2 + RecordCipher.Overhead];
            writing.Seal(ContentType.ApplicationData, [8, 9], good);
            await peer.WriteAsync(good.Concat(new byte[100]).ToArray(), _ending.Token);
            Assert.Equal([8, 9], await ReadAsync(ours));
            await AssertEndedAsync("zeros", ours, peer, reading, (byte)TlsAlert.UnexpectedMessage);
        }
    }

    [Fact]
    public async Task A_peer_without_content_is_not_listened_to_for_ever()
    {
        var (ours, peer, reading, writing) = await PairAsync(Aes256Gcm, isServer: true);
        using (reading)
        using (writing)
        {
            for (var sent = 0; sent <= ITlsRecords.MostWithoutContent; sent += RecordCipher.Overhead)
            {
                await SendAsync(peer, writing, ContentType.ApplicationData, []);
            }

            await AssertEndedAsync("nothing at all", ours, peer, reading, (byte)TlsAlert.UnexpectedMessage);
        }
    }

    [Fact]
    public async Task A_peer_that_changes_keys_at_every_turn_is_not_listened_to_for_ever()
    {
        var (ours, peer, reading, writing) = await PairAsync(Aes256Gcm, isServer: true);
        using (reading)
        using (writing)
        {
            var all = new List<byte>();
            for (var i = 0; i < 40; i++)
            {
                var record = new byte[5 + RecordCipher.Overhead];
                writing.Seal(ContentType.Handshake, [PostHandshake.KeyUpdate, 0, 0, 1, 0], record);
                all.AddRange(record);
                writing.Advance();
            }

            await peer.WriteAsync(all.ToArray(), _ending.Token);
            await AssertEndedAsync("new keys only", ours, peer, reading, (byte)TlsAlert.UnexpectedMessage);
        }
    }

    [Fact]
    public async Task What_comes_behind_the_end_is_left()
    {
        var (ours, peer, reading, writing) = await PairAsync(Aes256Gcm, isServer: true);
        using (reading)
        using (writing)
        {
            var end = new byte[2 + RecordCipher.Overhead];
            writing.Seal(ContentType.Alert, [1, (byte)TlsAlert.CloseNotify], end);
            await peer.WriteAsync(end.Concat(new byte[100]).ToArray(), _ending.Token);
            Assert.Empty(await ReadAsync(ours));
            Assert.False(ours.HasPending);
        }
    }

    private async Task AssertEndedAsync(string what, TlsRecords ours, LoopSocket peer, RecordCipher reading, byte alert)
    {
        for (var i = 0; i < 2; i++)
        {
            var error = await Assert.ThrowsAsync<IOException>(() => ReadAsync(ours));
            Assert.StartsWith("TLS failed while reading: ", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal((what, ContentType.Alert, $"02{alert:X2}"), (what, (await TakeAsync(peer, reading)) is var (type, content) ? type : default, content));
    }

    /// <summary>The content of what is read next.</summary>
    private async Task<byte[]> ReadAsync(TlsRecords ours)
    {
        var buffer = new byte[1000];
        int count;
        while ((count = ours.Read(buffer)) < 0)
        {
            _ending.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }

        return buffer[..count];
    }

    private async Task WriteAsync(TlsRecords records, byte[] bytes)
    {
        for (var at = 0; at < bytes.Length;)
        {
            at += Math.Max(records.Write(bytes.AsSpan(at)), 0);
            _ending.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private async Task SendAsync(LoopSocket peer, RecordCipher writing, ContentType type, byte[] content, int padding = 0)
    {
        // What is padded ends with the type, then zeros: as if it were content with no type.
        byte[] inner = padding == 0 ? content : [.. content, (byte)type, .. new byte[padding - 1]];
        var record = new byte[inner.Length + RecordCipher.Overhead];
        writing.Seal(padding == 0 ? type : ContentType.None, inner, record);
        await peer.WriteAsync(record, _ending.Token);
    }

    private async Task<(ContentType Type, string Content)> TakeAsync(LoopSocket peer, RecordCipher reading)
    {
        var header = new byte[RecordCipher.HeaderLength];
        await peer.ReadExactlyAsync(header, _ending.Token);
        var body = new byte[(header[3] << 8) | header[4]];
        await peer.ReadExactlyAsync(body, _ending.Token);
        var content = new byte[body.Length - RecordCipher.TagLength];
        var opened = reading.TryOpen([.. header, .. body], content);
        Assert.NotNull(opened);
        return (opened.Value.Type, Convert.ToHexString(content.AsSpan(0, opened.Value.Length)));
    }

    /// <summary>Our end, and a plain socket with the ciphers of the other.</summary>
    private async Task<(TlsRecords Ours, LoopSocket Peer, RecordCipher Reading, RecordCipher Writing)> PairAsync(int suite, bool isServer, ulong next = 0)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        var socket = await LoopSocket.ConnectAsync(_loop, "127.0.0.1", ((IPEndPoint)listener.LocalEndPoint!).Port, _ending.Token);
        _opened.Add(socket);
        var accepted = await listener.AcceptAsync(_ending.Token);
        accepted.NoDelay = true;
        accepted.Blocking = false;
        var peer = new LoopSocket(_loop, accepted);
        _opened.Add(peer);
        var (toUs, fromUs) = (RandomNumberGenerator.GetBytes(suite == Aes256Gcm ? 48 : 32), RandomNumberGenerator.GetBytes(suite == Aes256Gcm ? 48 : 32));
        var ours = new TlsRecords(socket, isServer, new RecordCipher(suite, toUs, seals: false, next), new RecordCipher(suite, fromUs, seals: true, next));
        _opened.Add(ours);
        return (ours, peer, new RecordCipher(suite, fromUs, seals: false, next), new RecordCipher(suite, toUs, seals: true, next));
    }
}
