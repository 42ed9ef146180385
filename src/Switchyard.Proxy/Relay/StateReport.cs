using System.Buffers.Binary;
using Switchyard.Wire;

namespace Switchyard.Proxy.Relay;

/// <summary>The report on the session's state at the end of an OK packet.</summary>
internal static class StateReport
{
    private const ushort StateChangedFlag = 0x4000;

    /// <summary>
    /// Makes the packet what the server would have sent to a client that does not track its session. It gets shorter and still ends where it
    /// ended; returns how many bytes in front of it are free now.
    /// </summary>
    /// <exception cref="MalformedPacketException">It is no OK packet.</exception>
    public static int TakeOut(Span<byte> packet)
    {
        var header = PacketHeader.Read(packet);
        var reader = new PayloadReader(packet[PacketLimits.HeaderSize..]);
        reader.Skip(1);
        reader.ReadLengthEncodedInteger();
        reader.ReadLengthEncodedInteger();
        var statusAt = PacketLimits.HeaderSize + reader.Position;
        var status = reader.ReadUInt16();
        reader.Skip(2);
        var kept = reader.Position;
        if (!reader.ReadLengthEncodedBytes().IsEmpty)
        {
            kept = reader.Position;
        }

        var freed = header.Length - kept;
        BinaryPrimitives.WriteUInt16LittleEndian(packet[statusAt..], (ushort)(status & ~StateChangedFlag));
        (header with { Length = kept }).Write(packet);
        packet[..(PacketLimits.HeaderSize + kept)].CopyTo(packet[freed..]);
        return freed;
    }
}
