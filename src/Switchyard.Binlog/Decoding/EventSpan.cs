using System.Buffers.Binary;
using System.Text;

namespace Switchyard.Binlog.Decoding;

/// <summary>Reads little-endian fields off an event's bytes; every short read is a <see cref="BinlogFormatException"/>.</summary>
internal ref struct EventSpan(ReadOnlySpan<byte> bytes)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Bytes consumed so far.</summary>
    internal int Offset { get; private set; }

    internal readonly int Remaining => _bytes.Length - Offset;

    internal ReadOnlySpan<byte> Bytes(int count)
    {
        if ((uint)count > (uint)Remaining)
        {
            throw new BinlogFormatException($"An event ends too early: {count} bytes are needed at offset {Offset} and {Remaining} are left.");
        }

        var result = _bytes.Slice(Offset, count);
        Offset += count;
        return result;
    }

    internal void Skip(int count) => Bytes(count);

    internal ReadOnlySpan<byte> Rest() => Bytes(Remaining);

    internal byte Byte() => Bytes(1)[0];

    internal ushort UInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2));

    internal uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    internal ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8));

    /// <summary>An unsigned little-endian number of 1 to 8 bytes.</summary>
    internal ulong UInt(int size) => LittleEndian(Bytes(size));

    /// <summary>The protocol's length-encoded integer.</summary>
    internal ulong LengthEncoded()
    {
        var first = Byte();
        return first switch
        {
            < 0xFB => first,
            0xFC => UInt(2),
            0xFD => UInt(3),
            0xFE => UInt(8),
            _ => throw new BinlogFormatException($"An event has the impossible length byte 0x{first:X2}."),
        };
    }

    internal int LengthEncodedSize() => CheckSize(LengthEncoded());

    /// <summary>A claimed length as an int; one beyond any event is damage.</summary>
    internal static int CheckSize(ulong value) =>
        value <= int.MaxValue ? (int)value : throw new BinlogFormatException($"An event claims a field of {value} bytes.");

    internal string Text(int byteCount) => Encoding.UTF8.GetString(Bytes(byteCount));

    /// <summary>Bytes up to a zero byte, which is consumed too.</summary>
    internal string ZeroTerminatedText()
    {
        var end = _bytes[Offset..].IndexOf((byte)0);
        if (end < 0)
        {
            throw new BinlogFormatException("A text in an event is not terminated.");
        }

        var text = Text(end);
        Skip(1);
        return text;
    }

    internal static ulong LittleEndian(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (var i = bytes.Length - 1; i >= 0; i--)
        {
            value = (value << 8) | bytes[i];
        }

        return value;
    }

    internal static ulong BigEndian(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        foreach (var b in bytes)
        {
            value = (value << 8) | b;
        }

        return value;
    }
}
