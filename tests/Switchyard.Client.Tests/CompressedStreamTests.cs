using Switchyard.Wire;
using Switchyard.Wire.Compression;

namespace Switchyard.Client.Tests;

public sealed class CompressedStreamTests
{
    [Theory]
    [InlineData(CompressionKind.Zlib, 1)]
    [InlineData(CompressionKind.Zlib, 49)]
    [InlineData(CompressionKind.Zlib, 5_000)]
    [InlineData(CompressionKind.Zlib, 700_000)]
    [InlineData(CompressionKind.Zstd, 5_000)]
    [InlineData(CompressionKind.Zstd, 700_000)]
    public async Task What_is_written_is_read(CompressionKind kind, int length)
    {
        foreach (var contents in new[] { Text(length), Noise(length) })
        {
            var wire = new MemoryStream();
            await new CompressedStream(wire, kind, 3).WriteAsync(contents);
            Assert.True(length < PacketCompressor.MinLength || contents[0] != 'a' || wire.Length < length / 2);
            wire.Position = 0;
            var read = new byte[length];
            await new CompressedStream(wire, kind, 3).ReadExactlyAsync(read);
            Assert.Equal(contents, read);
        }
    }

    [Fact]
    public async Task Short_contents_go_as_they_are()
    {
        var wire = new MemoryStream();
        await new CompressedStream(wire, CompressionKind.Zlib, 6).WriteAsync("\x01\0\0\0\x0E"u8.ToArray());
        Assert.Equal([5, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x0E], wire.ToArray());
    }

    [Fact]
    public async Task Numbers_go_on_from_the_last_packet_read_and_begin_again_with_a_command()
    {
        var wire = new MemoryStream();
        wire.Write([1, 0, 0, 0, 0, 0, 0, 7, 1, 0, 0, 1, 0, 0, 0, 8]);
        wire.Position = 0;
        var stream = new CompressedStream(wire, CompressionKind.Zlib, 6);
        var two = new byte[2];
        await stream.ReadExactlyAsync(two);
        Assert.Equal([7, 8], two);
        await stream.WriteAsync(new byte[1]);
        stream.BeginCommand();
        await stream.WriteAsync(new byte[1]);
        Assert.Equal(2, wire.ToArray()[16 + 3]);
        Assert.Equal(0, wire.ToArray()[16 + 8 + 3]);
    }

    [Fact]
    public async Task A_read_does_not_go_beyond_one_compressed_packet()
    {
        var stream = new CompressedStream(new MemoryStream([1, 0, 0, 0, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 8]), CompressionKind.Zlib, 6);
        Assert.Equal(1, await stream.ReadAsync(new byte[10]));
    }

    public static TheoryData<byte[]> Broken =>
    [
        [1, 0, 0, 5, 0, 0, 0, 7], // a number out of order
        [3, 0, 0, 0, 9, 0, 0, 1, 2, 3], // no zlib data
        [.. Header(Packed(100).Length, 101), .. Packed(100)], // opens to less than announced
        [.. Header(Packed(100).Length, 99), .. Packed(100)], // opens to more than announced
    ];

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task Bytes_that_are_no_compressed_packet_are_refused(byte[] wire)
    {
        await Assert.ThrowsAsync<MalformedPacketException>(
            async () => await new CompressedStream(new MemoryStream(wire), CompressionKind.Zlib, 6).ReadExactlyAsync(new byte[5]));
        await Assert.ThrowsAsync<MalformedPacketException>(
            async () => await new CompressedStream(new MemoryStream(wire), CompressionKind.Zstd, 3).ReadExactlyAsync(new byte[5]));
    }

    [Fact]
    public async Task An_end_within_a_packet_is_an_error_and_one_between_packets_is_not()
    {
        await Assert.ThrowsAsync<EndOfStreamException>(
            async () => await new CompressedStream(new MemoryStream([1, 0, 0]), CompressionKind.Zlib, 6).ReadAtLeastAsync(new byte[5], 1));
        await Assert.ThrowsAsync<EndOfStreamException>(
            async () => await new CompressedStream(new MemoryStream([1, 0, 0, 0, 0, 0, 0]), CompressionKind.Zlib, 6).ReadAtLeastAsync(new byte[5], 1));
        Assert.Equal(0, await new CompressedStream(new MemoryStream(), CompressionKind.Zlib, 6).ReadAsync(new byte[5]));
    }

    private static byte[] Text(int length) => Enumerable.Repeat((byte)'a', length).ToArray();

    private static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        bytes[0] = 0;
        return bytes;
    }

    private static byte[] Packed(int length)
    {
        var target = new byte[1000];
        return target[..PacketCompressor.Compress(CompressionKind.Zlib, 6, Text(length), target)];
    }

    private static byte[] Header(int length, int opened)
    {
        var header = new byte[CompressedHeader.Size];
        new CompressedHeader(length, 0, opened).Write(header);
        return header;
    }
}
