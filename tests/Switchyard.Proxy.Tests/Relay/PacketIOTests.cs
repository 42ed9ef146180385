using Switchyard.Proxy.Relay;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Relay;

public sealed class PacketIOTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(PacketLimits.MaxPayload - 1)]
    [InlineData(PacketLimits.MaxPayload)]
    [InlineData((2 * PacketLimits.MaxPayload) + 7)]
    public async Task A_command_lies_in_one_piece_and_goes_on_in_the_packets_it_came_in(int length)
    {
        var payload = new byte[length];
        new Random(length).NextBytes(payload);
        var (sent, packets) = Packets(payload);
        await using var link = new Link(new MemoryStream([.. sent, 9, 9]));
        var frame = (await PacketIO.ReadFrameAsync(link, int.MaxValue, default))!.Value;
        Assert.Equal((length, packets, (byte)(packets - 1)), (frame.PayloadLength, frame.Packets, frame.Sequence));
        var went = new MemoryStream();
        for (var packet = 0; packet < frame.Packets; packet++)
        {
            went.Write(PacketIO.BeginPacket(link, frame, packet, out var covered).Span);
            PacketIO.EndPacket(link, packet, covered);
        }

        Assert.True(sent.AsSpan().SequenceEqual(went.ToArray()));
        Assert.True(PacketIO.Payload(link, frame).Span.SequenceEqual(payload));
        link.Consume(frame.RawLength);
        Assert.Equal(sent.Length, link.ReceivedBytes);
    }

    [Fact]
    public async Task A_command_of_many_packets_takes_less_than_thrice_its_memory_on_its_way()
    {
        const int Length = 100_000_000;
        var (sent, _) = Packets(new byte[Length]);
        await using var link = new Link(new MemoryStream(sent));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var frame = (await PacketIO.ReadFrameAsync(link, int.MaxValue, default))!.Value;
        Assert.Equal(Length, PacketIO.Payload(link, frame).Length);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 3L * Length);
    }

    private static (byte[] Bytes, int Packets) Packets(byte[] payload)
    {
        using var into = new PayloadWriter(payload.Length + 64);
        var next = PacketIO.Frame(into, payload, 0);
        return (into.WrittenSpan.ToArray(), next);
    }
}
