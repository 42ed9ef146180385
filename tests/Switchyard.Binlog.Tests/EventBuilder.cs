using System.Buffers.Binary;
using System.Text;
using Switchyard.Binlog.Decoding;

namespace Switchyard.Binlog.Tests;

/// <summary>Makes events as a server would write them.</summary>
internal static class EventBuilder
{
    internal static byte[] Event(byte type, ReadOnlySpan<byte> body, uint nextOffset = 0, ushort flags = 0, bool checksum = true)
    {
        var size = EventHeader.Length + body.Length + (checksum ? 4 : 0);
        var raw = new byte[size];
        BinaryPrimitives.WriteUInt32LittleEndian(raw, 1_700_000_000);
        raw[4] = type;
        BinaryPrimitives.WriteUInt32LittleEndian(raw.AsSpan(5), 42);
        BinaryPrimitives.WriteUInt32LittleEndian(raw.AsSpan(9), (uint)size);
        BinaryPrimitives.WriteUInt32LittleEndian(raw.AsSpan(13), nextOffset);
        BinaryPrimitives.WriteUInt16LittleEndian(raw.AsSpan(17), flags);
        body.CopyTo(raw.AsSpan(EventHeader.Length));
        if (checksum)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(raw.AsSpan(size - 4), Crc32.Compute(raw.AsSpan(0, size - 4)));
        }

        return raw;
    }

    internal static byte[] Format(bool checksum, string version = "8.4.0", uint nextOffset = 126)
    {
        var body = new byte[57 + 42 + 1];
        BinaryPrimitives.WriteUInt16LittleEndian(body, 4);
        Encoding.ASCII.GetBytes(version, body.AsSpan(2, 50));
        body[56] = EventHeader.Length;
        body.AsSpan(57, 42).Fill(8);
        body[^1] = checksum ? (byte)1 : (byte)0;
        return Event(15, body, nextOffset);
    }

    internal static byte[] Xid(uint nextOffset, bool checksum = true) => Event(16, new byte[8], nextOffset, checksum: checksum);

    /// <summary>A table of one INT column named by id 7.</summary>
    internal static byte[] TableMap(uint nextOffset = 0) => Event(
        19, [7, 0, 0, 0, 0, 0, 1, 0, 1, (byte)'s', 0, 1, (byte)'t', 0, 1, 3, 0, 1], nextOffset);

    /// <summary>An insert of one row into the table of <see cref="TableMap"/>.</summary>
    internal static byte[] WriteRow(int value, byte presentColumns = 1)
    {
        byte[] body = [7, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, presentColumns, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(13), value);
        return Event(30, body);
    }

    /// <summary>An insert of the rows 0, 1, 2 … into the table of <see cref="TableMap"/>.</summary>
    internal static byte[] WriteRows(int count)
    {
        var body = new byte[12 + (5 * count)];
        ((ReadOnlySpan<byte>)[7, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 1]).CopyTo(body);
        for (var i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(12 + (5 * i) + 1), i);
        }

        return Event(30, body);
    }
}
