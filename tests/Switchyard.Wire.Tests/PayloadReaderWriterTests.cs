using Xunit;

namespace Switchyard.Wire.Tests;

public sealed class PayloadReaderWriterTests
{
    [Fact]
    public void What_is_written_is_read_back()
    {
        using var writer = new PayloadWriter(1);
        ulong[] lengths = [0, 250, 251, 0xFFFF, 0x10000, 0xFFFFFF, 0x1000000, ulong.MaxValue];
        writer.WriteByte(0xAB);
        writer.WriteUInt16(0xABCD);
        writer.WriteUInt24(0xABCDEF);
        writer.WriteUInt32(0xABCDEF01);
        writer.WriteUInt48(0xABCDEF012345);
        writer.WriteUInt64(0xABCDEF0123456789);
        foreach (var length in lengths)
        {
            writer.WriteLengthEncodedInteger(length);
        }

        writer.WriteLengthEncodedBytes("hello"u8);
        writer.WriteLengthEncodedNull();
        writer.WriteNullTerminatedBytes("zero"u8);
        writer.WriteText("ä😀");
        var reader = new PayloadReader(writer.WrittenSpan);
        Assert.Equal(0xAB, reader.ReadByte());
        Assert.Equal(0xABCD, reader.ReadUInt16());
        Assert.Equal(0xABCDEFu, reader.ReadUInt24());
        Assert.Equal(0xABCDEF01u, reader.ReadUInt32());
        Assert.Equal(0xABCDEF012345ul, reader.ReadUInt48());
        Assert.Equal(0xABCDEF0123456789ul, reader.ReadUInt64());
        foreach (var length in lengths)
        {
            Assert.Equal(length, reader.ReadLengthEncodedInteger());
        }

        Assert.True(reader.TryReadLengthEncodedBytes(out var hello));
        Assert.True(hello.SequenceEqual("hello"u8));
        Assert.False(reader.TryReadLengthEncodedBytes(out _));
        Assert.True(reader.ReadNullTerminatedBytes().SequenceEqual("zero"u8));
        Assert.Equal("ä😀", System.Text.Encoding.UTF8.GetString(reader.ReadRest()));
        Assert.True(reader.IsAtEnd);
    }

    [Theory]
    [InlineData(0ul, 1)]
    [InlineData(250ul, 1)]
    [InlineData(251ul, 3)]
    [InlineData(0xFFFFul, 3)]
    [InlineData(0x10000ul, 4)]
    [InlineData(0x1000000ul, 9)]
    public void A_length_takes_the_fewest_bytes(ulong value, int bytes)
    {
        using var writer = new PayloadWriter();
        writer.WriteLengthEncodedInteger(value);
        Assert.Equal(bytes, writer.Length);
    }

    [Theory]
    [InlineData(new byte[] { 0xFB })]
    [InlineData(new byte[] { 0xFF, 1, 2 })]
    [InlineData(new byte[] { 0xFC, 1 })]
    [InlineData(new byte[] { 0xFE, 1, 2, 3, 4, 5, 6, 7 })]
    [InlineData(new byte[] { })]
    public void A_broken_length_is_malformed(byte[] bytes) =>
        Assert.Throws<MalformedPacketException>(() => new PayloadReader(bytes).ReadLengthEncodedInteger());

    [Theory]
    [InlineData(new byte[] { 5, 1, 2, 3, 4 })]
    [InlineData(new byte[] { 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF })]
    [InlineData(new byte[] { 0xFE, 0, 0, 0, 0x80, 0, 0, 0, 0, 1 })]
    public void A_text_longer_than_its_payload_is_malformed(byte[] bytes) =>
        Assert.Throws<MalformedPacketException>(() => new PayloadReader(bytes).ReadLengthEncodedBytes().Length);

    [Fact]
    public void A_text_without_its_zero_is_malformed_and_a_negative_count_too()
    {
        Assert.Throws<MalformedPacketException>(() => new PayloadReader([1, 2]).ReadNullTerminatedBytes().Length);
        Assert.Throws<MalformedPacketException>(() => new PayloadReader([1, 2]).ReadBytes(-1).Length);
        Assert.Throws<MalformedPacketException>(() => new PayloadReader([1, 2]).Skip(int.MinValue));
    }

    [Fact]
    public void A_zero_within_a_zero_terminated_text_is_refused()
    {
        using var writer = new PayloadWriter();
        Assert.Throws<ArgumentException>(() => writer.WriteNullTerminatedBytes("a\0b"u8));
    }

    [Fact]
    public void A_reset_writer_starts_over_and_gives_a_big_buffer_back()
    {
        using var writer = new PayloadWriter();
        writer.WriteZeros(1_000_000);
        writer.Reset(1000);
        Assert.Equal(0, writer.Length);
        Assert.True(writer.Capacity < 1_000_000);
        writer.WriteByte(1);
        Assert.Equal([1], writer.WrittenSpan.ToArray());
    }

    [Fact]
    public void A_packet_header_reads_back()
    {
        Span<byte> bytes = stackalloc byte[PacketLimits.HeaderSize];
        new PacketHeader(PacketLimits.MaxPayload, 255).Write(bytes);
        Assert.Equal(new PacketHeader(PacketLimits.MaxPayload, 255), PacketHeader.Read(bytes));
        Assert.True(PacketHeader.Read(bytes).IsContinued);
        Assert.Equal(new PacketHeader(0x030201, 4), PacketHeader.Read([1, 2, 3, 4]));
    }
}
