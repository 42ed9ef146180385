using System.IO.Compression;
using System.Runtime.InteropServices;

namespace Switchyard.Binlog.Compression;

/// <summary>
/// MariaDB's compressed blocks. Both forms start with one byte whose low three bits say how many big-endian bytes of uncompressed length
/// follow. Sources: MariaDB sql/log_event.cc (binlog_buf_compress) and sql/field_comp.cc (compress_zlib).
/// </summary>
internal static class ZlibBlock
{
    /// <summary>A larger block than a server can log (max_allowed_packet's maximum) is damage, not data.</summary>
    internal const int MaxUncompressedSizeBytes = 1 << 30;

    /// <summary>Opens a compressed part of a query or rows event.</summary>
    internal static byte[] OpenEventPart(ReadOnlyMemory<byte> block)
    {
        if (block.Length < 2 || (block.Span[0] & 0x80) == 0)
        {
            throw new BinlogFormatException("A compressed event has no compression header.");
        }

        var algorithm = (block.Span[0] & 0x70) >> 4;
        if (algorithm != 0)
        {
            throw new BinlogFormatException($"A compressed event uses the unknown algorithm {algorithm}; only zlib (0) is known.");
        }

        return Inflate(block, raw: false);
    }

    /// <summary>Opens the value of a COMPRESSED column: uncompressed after a zero byte, else deflated with or without the zlib wrapper.</summary>
    internal static ReadOnlyMemory<byte> OpenColumn(ReadOnlyMemory<byte> value)
    {
        if (value.Length == 0)
        {
            return value;
        }

        var header = value.Span[0];
        if (header == 0)
        {
            return value[1..];
        }

        if ((header & 0xF0) != 0x80)
        {
            throw new BinlogFormatException($"A compressed column value has the unknown header 0x{header:X2}.");
        }

        return Inflate(value, raw: (header & 8) != 0);
    }

    private static byte[] Inflate(ReadOnlyMemory<byte> block, bool raw)
    {
        var lengthBytes = block.Span[0] & 7;
        if (block.Length < 1 + lengthBytes)
        {
            throw new BinlogFormatException("A compressed block ends inside its header.");
        }

        var size = Decoding.EventSpan.BigEndian(block.Span.Slice(1, lengthBytes));
        if (size > MaxUncompressedSizeBytes)
        {
            throw new BinlogFormatException($"A compressed block claims {size} bytes, more than a server can log.");
        }

        var body = block[(1 + lengthBytes)..];
        var segment = MemoryMarshal.TryGetArray(body, out var s) ? s : new ArraySegment<byte>(body.ToArray());
        using var source = new MemoryStream(segment.Array!, segment.Offset, segment.Count, writable: false);
        using Stream inflater = raw ? new DeflateStream(source, CompressionMode.Decompress) : new ZLibStream(source, CompressionMode.Decompress);
        var result = new byte[(int)size];
        try
        {
            inflater.ReadExactly(result);
            if (inflater.ReadByte() >= 0)
            {
                throw new BinlogFormatException("A compressed block holds more than it claims.");
            }
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new BinlogFormatException($"A compressed block cannot be opened: {e.Message}");
        }

        return result;
    }
}
