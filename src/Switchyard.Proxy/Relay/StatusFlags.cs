using System.Buffers.Binary;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Relay;

/// <summary>The status flags in an OK packet, or in an EOF packet.</summary>
internal static class StatusFlags
{
    /// <summary>Longest payload of an EOF packet; an OK packet is longer, whatever its first byte.</summary>
    private const int EofLength = 5;

    /// <exception cref="MalformedPacketException">It is no such packet.</exception>
    public static ServerStatus Of(ReadOnlySpan<byte> packet) => (ServerStatus)BinaryPrimitives.ReadUInt16LittleEndian(packet[PlaceIn(packet)..]);

    /// <summary>Sets further flags.</summary>
    /// <exception cref="MalformedPacketException">It is no such packet.</exception>
    public static void Add(Span<byte> packet, ServerStatus flags)
    {
        var status = packet[PlaceIn(packet)..];
        BinaryPrimitives.WriteUInt16LittleEndian(status, (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(status) | (ushort)flags));
    }

    private static int PlaceIn(ReadOnlySpan<byte> packet)
    {
        var length = PacketHeader.Read(packet).Length;
        var reader = new PayloadReader(packet.Slice(PacketLimits.HeaderSize, length));
        reader.Skip(1);
        if (length <= EofLength)
        {
            reader.ReadUInt16();
        }
        else
        {
            reader.ReadLengthEncodedInteger();
            reader.ReadLengthEncodedInteger();
        }

        var place = PacketLimits.HeaderSize + reader.Position;
        reader.ReadUInt16();
        return place;
    }
}
