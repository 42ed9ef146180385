using Switchyard.Proxy.Relay;

namespace Switchyard.Proxy.Tests.Relay;

public sealed class PacketNumbersTests
{
    [Theory]
    [InlineData(0xFF)]
    [InlineData(1)]
    public void Every_packet_gets_another_number_and_nothing_else_wherever_the_bytes_are_cut(byte shift)
    {
        byte[] answer = [.. Packet(2, 1), .. Packet(3, 0), .. Packet(4, 300), .. Packet(255, 4), .. Packet(0, 2)];
        var expected = answer.ToArray();
        var at = 0;
        foreach (var length in new[] { 1, 0, 300, 4, 2 })
        {
            expected[at + 3] += shift;
            at += 4 + length;
        }

        for (var cut = 0; cut <= answer.Length; cut++)
        {
            var numbers = new PacketNumbers(shift);
            var bytes = answer.ToArray();
            numbers.Shift(bytes.AsSpan(0, cut));
            numbers.Shift(bytes.AsSpan(cut));
            Assert.Equal(expected, bytes);
        }
    }

    private static byte[] Packet(byte number, int length) => [(byte)length, (byte)(length >> 8), 0, number, .. Enumerable.Repeat((byte)7, length)];
}
