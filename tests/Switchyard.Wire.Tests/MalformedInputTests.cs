using Switchyard.Wire.Compression;
using Switchyard.Wire.Payloads;
using Xunit;

namespace Switchyard.Wire.Tests;

/// <summary>Whatever bytes come, a parser answers or says <see cref="MalformedPacketException"/>.</summary>
public sealed class MalformedInputTests
{
    private static readonly Capabilities[] s_capabilities = [Samples.Modern, Samples.MariaDb, Capabilities.None, (Capabilities)ulong.MaxValue];

    private static readonly Dictionary<string, (byte[] Sample, Action<byte[], Capabilities> Parse)> s_parsers = new()
    {
        ["greeting"] = (Samples.Write(Samples.Greeting(Samples.MariaDb).Write), (bytes, _) => HandshakePayload.Parse(bytes)),
        ["response"] = (Samples.Write(Samples.Response().Write), (bytes, c) => HandshakeResponsePayload.Parse(bytes, c)),
        ["tls request"] = (Samples.Write(Samples.Response().Write)[..32], (bytes, _) => SslRequestPayload.Parse(bytes)),
        ["change user"] = (Samples.Write(writer => Samples.ChangeUser().Write(writer, Samples.Modern)), (bytes, c) => ChangeUserPayload.Parse(bytes, c)),
        ["switch"] = ([0xFE, (byte)'a', 0, 1, 2, 3, 0], (bytes, _) => AuthSwitchRequestPayload.Parse(bytes)),
        ["more data"] = ([1, 4], (bytes, _) => AuthMoreDataPayload.Parse(bytes)),
        ["ok"] = (Samples.Ok(), (bytes, c) => ReadOk(bytes, c)),
        ["error"] = (Samples.Error(), (bytes, _) => ErrorPayload.Parse(bytes)),
        ["eof"] = ([0xFE, 1, 0, 2, 0], (bytes, c) => EofPayload.Parse(bytes, c)),
        ["column"] = (Samples.Column(), (bytes, c) => ColumnDefinitionPayload.Parse(bytes, c)),
        ["prepare ok"] = ([0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0], (bytes, _) => PrepareOkPayload.Parse(bytes)),
    };

    public static TheoryData<string> Parsers { get; } = [.. s_parsers.Keys];

    [Theory]
    [InlineData(512, true)]
    [InlineData(513, false)]
    public void A_user_name_is_at_most_some_times_as_long_as_any_accounts(int length, bool isRead)
    {
        var name = new byte[length];
        name.AsSpan().Fill((byte)'a');
        var response = Samples.Write((Samples.Response() with { User = name }).Write);
        var change = Samples.Write(writer => (Samples.ChangeUser() with { User = name }).Write(writer, Samples.Modern));
        if (isRead)
        {
            Assert.Equal(name, HandshakeResponsePayload.Parse(response, Samples.Modern).User);
            Assert.Equal(name, ChangeUserPayload.Parse(change, Samples.Modern).User);
        }
        else
        {
            Assert.Throws<MalformedPacketException>(() => HandshakeResponsePayload.Parse(response, Samples.Modern));
            Assert.Throws<MalformedPacketException>(() => ChangeUserPayload.Parse(change, Samples.Modern));
        }
    }

    [Theory]
    [MemberData(nameof(Parsers))]
    public void A_truncated_or_damaged_packet_is_answered_or_malformed(string name)
    {
        var (sample, parse) = s_parsers[name];
        var random = new Random(name.Length);
        var malformed = 0;
        foreach (var capabilities in s_capabilities)
        {
            for (var length = 0; length <= sample.Length; length++)
            {
                malformed += Try(() => parse(sample[..length], capabilities));
            }

            for (var i = 0; i < 3000; i++)
            {
                var damaged = sample.ToArray();
                for (var n = random.Next(1, 4); n > 0; n--)
                {
                    damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
                }

                malformed += Try(() => parse(damaged, capabilities));
            }

            for (var i = 0; i < 3000; i++)
            {
                var noise = new byte[random.Next(120)];
                random.NextBytes(noise);
                malformed += Try(() => parse(noise, capabilities));
            }
        }

        Assert.NotEqual(0, malformed);
    }

    private static int Try(Action parse)
    {
        try
        {
            parse();
            return 0;
        }
        catch (MalformedPacketException)
        {
            return 1;
        }
    }

    private static void ReadOk(byte[] bytes, Capabilities capabilities)
    {
        var changes = new SessionStateReader(OkPayload.Parse(bytes, capabilities).SessionState);
        while (changes.TryRead(out _, out _))
        {
        }
    }

    [Theory]
    [InlineData(CompressionKind.Zlib)]
    [InlineData(CompressionKind.Zstd)]
    public void A_compressed_packet_without_contents_or_with_others_than_announced_is_refused(CompressionKind kind)
    {
        foreach (var contents in new byte[][] { [], [0x78], [0x78, 0x9C], [0x28, 0xB5, 0x2F, 0xFD], [.. Enumerable.Range(0, 100).Select(i => (byte)i)] })
        {
            Assert.Throws<MalformedPacketException>(() => PacketCompressor.Open(kind, contents, new byte[60]));
        }
    }
}
