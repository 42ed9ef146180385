using System.Buffers;
using System.IO.Compression;
using Switchyard.Client;
using Switchyard.Wire;

namespace Switchyard.Binlog.Compression;

/// <summary>
/// MariaDB's compressed blocks. Both forms start with one byte whose low three bits say how many big-endian bytes of uncompressed length
/// follow. Sources: MariaDB sql/log_event.cc (binlog_buf_compress) and sql/field_comp.cc (compress_zlib).
/// </summary>
internal static class ZlibBlock
{
    /// <summary>A larger block than a server can log (max_allowed_packet's maximum) is damage, not data.</summary>
    internal const int MaxUncompressedSizeBytes = 1 << 30;

    // As much as a packet of the protocol: an event sent as it is would come in several from here on.
    private const ulong SpilledFromBytes = 16 * 1024 * 1024;
    private const int SpilledPieceBytes = 256 * 1024;

    /// <summary>Opens a compressed part of a query or rows event.</summary>
    internal static ReadOnlyMemory<byte> OpenEventPart(ReadOnlyMemory<byte> block)
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

    private static ReadOnlyMemory<byte> Inflate(ReadOnlyMemory<byte> block, bool raw)
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
        using var pin = body.Pin();
        using var source = Open(pin, body.Length);
        using Stream inflater = raw ? new DeflateStream(source, CompressionMode.Decompress) : new ZLibStream(source, CompressionMode.Decompress);
        try
        {
            var result = size > SpilledFromBytes ? Spill(inflater, (long)size, body, source) : ReadAll(inflater, (int)size);
            if (inflater.ReadByte() >= 0)
            {
                throw new BinlogFormatException("A compressed block holds more than it claims.");
            }

            return result;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new BinlogFormatException($"A compressed block cannot be opened: {e.Message}");
        }
    }

    private static unsafe UnmanagedMemoryStream Open(in MemoryHandle pin, int length) => new((byte*)pin.Pointer, length);

    private static ReadOnlyMemory<byte> ReadAll(Stream inflater, int size)
    {
        // Not given back, as nobody knows who looks at it; but what is made there is collected in time.
        var result = size > LargeBuffers.SharedBytes ? LargeBuffers.Rent(size) : new byte[size];
        inflater.ReadExactly(result.AsSpan(0, size));
        return result.AsMemory(0, size);
    }

    private static ReadOnlyMemory<byte> Spill(Stream inflater, long size, ReadOnlyMemory<byte> body, Stream source)
    {
        using var file = new SpillFile();
        var piece = ArrayPool<byte>.Shared.Rent(SpilledPieceBytes);
        for (var released = 0; file.Length < size;)
        {
            var some = piece.AsSpan(0, (int)Math.Min(piece.Length, size - file.Length));
            inflater.ReadExactly(some);
            file.Append(some);
            var read = (int)source.Position;
            SpilledBytes.Release(body[released..read]);
            released = read;
        }

        ArrayPool<byte>.Shared.Return(piece);
        return file.Complete().Memory;
    }
}
