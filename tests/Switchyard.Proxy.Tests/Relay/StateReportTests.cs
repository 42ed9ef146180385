using Switchyard.Proxy.Relay;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Tests.Relay;

/// <summary>An OK packet that reports on the session's state is seen whole, and can be made one that does not.</summary>
public sealed class StateReportTests
{
    private const Capabilities Tracking = Capabilities.Protocol41 | Capabilities.SessionTrack;

    public static TheoryData<string> Infos => ["", "Rows matched: 1  Changed: 1  Warnings: 0"];

    [Theory]
    [MemberData(nameof(Infos))]
    public void It_is_held_wherever_it_is_cut(string info)
    {
        var bytes = Ok(info, Tracking);
        for (var cut = 1; cut < bytes.Length; cut++)
        {
            var scanner = Scanner();
            Assert.Equal(0, scanner.Consume(bytes.AsSpan(0, cut)));
            Assert.InRange(scanner.Wanted, cut + 1, bytes.Length);
            Assert.Equal(0, scanner.Consume(bytes));
            Assert.Equal(bytes.Length, scanner.StatePacketLength);
            scanner.PassStatePacket();
            Assert.Equal(bytes.Length, scanner.Consume(bytes));
            Assert.True(scanner.IsComplete);
        }
    }

    [Theory]
    [MemberData(nameof(Infos))]
    public void Without_it_the_packet_is_what_others_get(string info)
    {
        var bytes = Ok(info, Tracking);
        var freed = StateReport.TakeOut(bytes);
        var expected = Ok(info, Capabilities.Protocol41);
        Assert.Equal(expected, bytes[freed..]);
        var scanner = Scanner();
        Assert.Equal(expected.Length, scanner.Consume(expected));
        Assert.True(scanner.IsComplete);
    }

    [Fact]
    public void Rows_in_front_of_it_go_on()
    {
        byte[] rows = [1, 0, 0, 1, 1, 3, 0, 0, 2, (byte)'d', (byte)'e', (byte)'f', 2, 0, 0, 3, 1, (byte)'x', 0, 0, 0, 4];
        var end = Ok("", Tracking);
        end[4] = 0xFE;
        var scanner = Scanner();
        Assert.Equal(rows.Length, scanner.Consume([.. rows, .. end]));
        Assert.Equal(end.Length, scanner.StatePacketLength);
    }

    private static ResponseScanner Scanner()
    {
        var scanner = new ResponseScanner { TracksState = true };
        scanner.Begin(ResponseShape.Results, deprecateEof: true);
        return scanner;
    }

    private static byte[] Ok(string info, Capabilities capabilities)
    {
        using var payload = new PayloadWriter();
        using var packet = new PayloadWriter();
        new OkPayload
        {
            AffectedRows = 300,
            Status = ServerStatus.AutoCommit,
            Warnings = 2,
            Info = System.Text.Encoding.ASCII.GetBytes(info),
            SessionState = [1, 5, 4, (byte)'s', (byte)'h', (byte)'o', (byte)'p'],
        }.Write(payload, capabilities);
        PacketIO.Frame(packet, payload.WrittenSpan, 7);
        return packet.WrittenSpan.ToArray();
    }
}
