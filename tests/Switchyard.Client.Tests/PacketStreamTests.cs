using System.Runtime.InteropServices;
using Switchyard.Client.Protocol;
using Switchyard.Wire;
using Xunit;

namespace Switchyard.Client.Tests;

public sealed class PacketStreamTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(70_000)]
    [InlineData(PacketLimits.MaxPayload - 1)]
    [InlineData(PacketLimits.MaxPayload)]
    [InlineData(PacketLimits.MaxPayload + 1)]
    [InlineData((2 * PacketLimits.MaxPayload) + 12345)]
    public async Task A_payload_of_any_length_arrives_as_it_was_sent(int length)
    {
        var body = new byte[length];
        new Random(length).NextBytes(body);
        using var wire = new MemoryStream();
        using (var sender = new PacketStream(wire))
        {
            sender.BeginCommand().WriteByte(7);
            await sender.SendAsync(body, default);
            sender.BeginPayload().WriteByte(8);
            await sender.SendAsync(default);
        }

        wire.Position = 0;
        using var receiver = new PacketStream(new DribblingStream(wire));
        var payload = await receiver.ReadAsync(default);
        Assert.Equal(7, payload.Span[0]);
        Assert.True(payload.Span[1..].SequenceEqual(body));
        Assert.Equal([8], (await receiver.ReadAsync(default)).ToArray());
        await Assert.ThrowsAsync<EndOfStreamException>(async () => await receiver.ReadAsync(default));
    }

    [Fact]
    public async Task A_payload_of_several_packets_lies_in_a_file_until_the_next_is_read()
    {
        using var receiver = new PacketStream(TwoPayloads());
        var payload = await receiver.ReadAsync(default);
        Assert.True(MemoryMarshal.TryGetMemoryManager<byte, SpilledBytes>(payload, out _));
        Assert.Equal(9, payload.Span[^1]);
        await receiver.ReadAsync(default);
        Assert.Throws<ObjectDisposedException>(() => payload.Span[0]);
    }

    [Fact]
    public async Task A_payload_in_a_file_that_is_given_away_lasts()
    {
        using var receiver = new PacketStream(TwoPayloads());
        var payload = await receiver.ReadAsync(default);
        Assert.NotNull(receiver.GiveAway());
        await receiver.ReadAsync(default);
        receiver.BeginCommand();
        Assert.Equal(9, payload.Span[^1]);
    }

    [Fact]
    public async Task Long_payloads_that_nobody_looks_at_are_read_past()
    {
        using var receiver = new PacketStream(TwoPayloads()) { DropsLong = true };
        Assert.Equal(1, (await receiver.ReadAsync(default)).Length);
        Assert.Equal([8], (await receiver.ReadAsync(default)).ToArray());
    }

    [Fact]
    public async Task A_packet_out_of_order_is_malformed()
    {
        using var receiver = new PacketStream(new MemoryStream([1, 0, 0, 3, 42]));
        await Assert.ThrowsAsync<MalformedPacketException>(async () => await receiver.ReadAsync(default));
    }

    [Fact]
    public async Task An_error_the_server_sends_unasked_is_read_whatever_its_number()
    {
        using var receiver = new PacketStream(new MemoryStream([3, 0, 0, 9, 0xFF, 1, 2]));
        Assert.Equal(3, (await receiver.ReadAsync(default)).Length);
    }

    [Fact]
    public async Task A_connection_closed_within_a_packet_is_not_a_short_packet()
    {
        using var receiver = new PacketStream(new MemoryStream([5, 0, 0, 0, 1, 2]));
        await Assert.ThrowsAsync<EndOfStreamException>(async () => await receiver.ReadAsync(default));
    }

    private static MemoryStream TwoPayloads()
    {
        var wire = new MemoryStream();
        using var sender = new PacketStream(wire);
        sender.BeginCommand().WriteByte(7);
        var body = new byte[PacketLimits.MaxPayload + 10];
        body[^1] = 9;
        sender.SendAsync(body, default).AsTask().GetAwaiter().GetResult();
        sender.BeginPayload().WriteByte(8);
        sender.SendAsync(default).AsTask().GetAwaiter().GetResult();
        wire.Position = 0;
        return wire;
    }

    /// <summary>Gives what is asked for in uneven pieces, as networks do.</summary>
    private sealed class DribblingStream(Stream inner) : Stream
    {
        private readonly Random _random = new(1);

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, Math.Min(count, Piece()));

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.ReadAsync(buffer[..Math.Min(buffer.Length, Piece())], cancellationToken);

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        private int Piece() => _random.Next(3) == 0 ? _random.Next(1, 8) : _random.Next(1, 3_000_000);
    }
}
