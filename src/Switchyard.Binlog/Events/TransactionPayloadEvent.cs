using Switchyard.Binlog.Compression;
using Switchyard.Binlog.Decoding;
using Switchyard.Client;

namespace Switchyard.Binlog;

/// <summary>
/// A whole transaction, compressed. Readers never see it: its events are yielded one by one. Source: MySQL
/// binlog/event/codecs and control_events.h, Transaction_payload_event.
/// </summary>
internal sealed class TransactionPayloadEvent : BinlogEvent
{
    private const ulong FieldEnd = 0;
    private const ulong FieldCompressionType = 2;
    private const ulong CompressionZstd = 0;
    private const ulong CompressionNone = 255;

    /// <summary>The compressed bytes; valid until the next read.</summary>
    internal required ReadOnlyMemory<byte> Payload { get; init; }

    internal required bool IsCompressed { get; init; }

    internal static TransactionPayloadEvent Decode(in EventHeader header, ReadOnlyMemory<byte> body)
    {
        var span = new EventSpan(body.Span);
        var compression = CompressionNone;
        while (true)
        {
            var field = span.LengthEncoded();
            if (field == FieldEnd)
            {
                break;
            }

            var value = new EventSpan(span.Bytes(span.LengthEncodedSize()));
            if (field == FieldCompressionType)
            {
                compression = value.LengthEncoded();
            }
        }

        if (compression is not (CompressionZstd or CompressionNone))
        {
            throw new BinlogFormatException($"A compressed transaction uses the unknown algorithm {compression}; only zstd (0) is known.");
        }

        return new TransactionPayloadEvent
        {
            Type = header.Type,
            Timestamp = header.Timestamp,
            ServerId = header.ServerId,
            Flags = header.Flags,
            Payload = body[span.Offset..],
            IsCompressed = compression == CompressionZstd,
        };
    }

    /// <summary>Reads the inner events one by one.</summary>
    internal InnerEventReader OpenInner() => new(this);
}

/// <summary>Cuts the events out of a payload; each is valid until the next, one in a file as long as something refers to it.</summary>
internal sealed class InnerEventReader(TransactionPayloadEvent payload) : IDisposable
{
    /// <summary>The largest single event a server can write (max_allowed_packet's maximum and change).</summary>
    private const uint MaxEventSizeBytes = (1u << 30) + (1u << 20);

    // As much as a packet of the protocol: an event sent as it is would come in several from here on.
    private const int SpilledEventBytes = 16 * 1024 * 1024;
    private const int SpilledPieceBytes = 256 * 1024;

    private readonly ZstdReader? _zstd = payload.IsCompressed ? new ZstdReader(payload.Payload) : null;
    private byte[] _buffer = new byte[8192];
    private int _offset;

    /// <summary>Whether the last event's bytes last beyond the next.</summary>
    internal bool IsSpilled { get; private set; }

    /// <summary>The next raw event, or empty at the end.</summary>
    internal ReadOnlyMemory<byte> Next()
    {
        var got = Read(_buffer.AsSpan(0, EventHeader.Length));
        if (got == 0)
        {
            return default;
        }

        if (got < EventHeader.Length)
        {
            throw new BinlogFormatException("A compressed transaction ends inside an event.");
        }

        var size = EventHeader.Read(_buffer).Size;
        if (size is < EventHeader.Length or > MaxEventSizeBytes)
        {
            throw new BinlogFormatException($"An event in a compressed transaction claims {size} bytes.");
        }

        IsSpilled = size > SpilledEventBytes;
        if (IsSpilled)
        {
            return Spill((int)size);
        }

        if (_buffer.Length < size)
        {
            Array.Resize(ref _buffer, (int)size);
        }

        var rest = (int)size - EventHeader.Length;
        if (Read(_buffer.AsSpan(EventHeader.Length, rest)) < rest)
        {
            throw new BinlogFormatException("A compressed transaction ends inside an event.");
        }

        return _buffer.AsMemory(0, (int)size);
    }

    public void Dispose() => _zstd?.Dispose();

    private ReadOnlyMemory<byte> Spill(int size)
    {
        if (_buffer.Length < SpilledPieceBytes)
        {
            Array.Resize(ref _buffer, SpilledPieceBytes);
        }

        using var file = new SpillFile();
        file.Append(_buffer.AsSpan(0, EventHeader.Length));
        while (file.Length < size)
        {
            var piece = _buffer.AsSpan(0, (int)Math.Min(SpilledPieceBytes, size - file.Length));
            if (Read(piece) < piece.Length)
            {
                throw new BinlogFormatException("A compressed transaction ends inside an event.");
            }

            file.Append(piece);
        }

        return file.Complete().Memory;
    }

    private int Read(Span<byte> target)
    {
        if (_zstd is not null)
        {
            return _zstd.Read(target);
        }

        var count = Math.Min(target.Length, payload.Payload.Length - _offset);
        payload.Payload.Span.Slice(_offset, count).CopyTo(target);
        _offset += count;
        return count;
    }
}
