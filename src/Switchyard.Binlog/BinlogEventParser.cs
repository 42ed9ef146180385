using System.Buffers.Binary;
using System.Text;
using Switchyard.Binlog.Compression;
using Switchyard.Binlog.Decoding;

namespace Switchyard.Binlog;

/// <summary>
/// Turns the bytes of one event into a typed one. Keeps what later events depend on: the file's header lengths and checksum, table maps, and
/// the position. Not thread-safe.
/// </summary>
public sealed class BinlogEventParser
{
    /// <summary>More maps than a statement can lock tables would be a leak; the cache starts afresh at the next statement end.</summary>
    private const int MaxCachedTableMaps = 4096;

    private const int ChecksumLength = 4;
    private const byte ChecksumNone = 0;
    private const byte ChecksumCrc32 = 1;

    private readonly Dictionary<ulong, (TableMapEvent Map, byte[] Body)> _tables = [];
    private byte[] _postHeaderLengths = [];
    private bool _formatKnown;
    private bool _hasChecksum;
    private bool _jsonDoublesKeepPoint = true;

    /// <param name="start">Where reading starts; the file may be empty when the server is to choose it.</param>
    public BinlogEventParser(BinlogPosition start) => Position = start;

    /// <summary>The end of the last event parsed.</summary>
    public BinlogPosition Position { get; private set; }

    /// <summary>Parses one whole event as it came from the server, checksum included.</summary>
    /// <param name="raw">The event. A rows event keeps pointing into it.</param>
    /// <exception cref="UnsupportedEventException">An event that may carry a change is not understood.</exception>
    /// <exception cref="BinlogFormatException">The bytes are damaged.</exception>
    public BinlogEvent Parse(ReadOnlyMemory<byte> raw) => Parse(raw, isOwned: false);

    /// <param name="raw">The event.</param>
    /// <param name="isOwned">The bytes are the event's alone: decoded values may point into them.</param>
    internal BinlogEvent Parse(ReadOnlyMemory<byte> raw, bool isOwned)
    {
        var header = EventHeader.Read(raw.Span);
        if (header.Size != (uint)raw.Length)
        {
            throw new BinlogFormatException($"An event after {Position} claims {header.Size} bytes and has {raw.Length}.");
        }

        var hasChecksum = header.Type switch
        {
            BinlogEventType.FormatDescription => FormatHasChecksumTrailer(raw.Span),
            _ when _formatKnown => _hasChecksum,
            _ => EndsInChecksum(raw.Span),
        };
        if (hasChecksum)
        {
            VerifyChecksum(header, raw);
        }

        var body = raw[EventHeader.Length..^(hasChecksum ? ChecksumLength : 0)];
        AdvancePosition(header, body.Span);
        return Finish(Decode(header, body, ownsBody: isOwned));
    }

    /// <summary>Parses an event out of a compressed transaction: it has no checksum and no position of its own.</summary>
    internal BinlogEvent ParseInner(ReadOnlyMemory<byte> raw, bool isOwned) =>
        Finish(Decode(EventHeader.Read(raw.Span), raw[EventHeader.Length..], ownsBody: isOwned));

    private BinlogEvent Finish(BinlogEvent parsed)
    {
        parsed.Position = Position;
        return parsed;
    }

    private BinlogEvent Decode(in EventHeader header, ReadOnlyMemory<byte> body, bool ownsBody)
    {
        switch (header.Type)
        {
            case BinlogEventType.FormatDescription:
                return DecodeFormat(header, body.Span);
            case BinlogEventType.Rotate:
                _tables.Clear();
                return new RotateEvent { Type = header.Type, Timestamp = header.Timestamp, ServerId = header.ServerId, Flags = header.Flags, Next = Position };
            case BinlogEventType.Query or BinlogEventType.ExecuteLoadQuery or BinlogEventType.MariaDbQueryCompressed:
                return QueryDecoder.Decode(header, body, PostHeaderLength(header.Type));
            case BinlogEventType.TableMap:
                return DecodeTableMap(header, body.Span);
            case BinlogEventType.WriteRowsV1 or BinlogEventType.UpdateRowsV1 or BinlogEventType.DeleteRowsV1
                or BinlogEventType.WriteRows or BinlogEventType.UpdateRows or BinlogEventType.DeleteRows or BinlogEventType.PartialUpdateRows
                or >= BinlogEventType.MariaDbWriteRowsCompressedV1 and <= BinlogEventType.MariaDbDeleteRowsCompressed:
                return DecodeRows(header, body, ownsBody);
            case BinlogEventType.Xid:
                return new XidEvent
                {
                    Type = header.Type,
                    Timestamp = header.Timestamp,
                    ServerId = header.ServerId,
                    Flags = header.Flags,
                    Xid = new EventSpan(body.Span).UInt64(),
                };
            case BinlogEventType.Gtid or BinlogEventType.AnonymousGtid:
                return GtidDecoder.DecodeMySql(header, body.Span);
            case BinlogEventType.GtidTagged:
                return GtidDecoder.DecodeTagged(header, body.Span);
            case BinlogEventType.MariaDbGtid:
                return GtidDecoder.DecodeMariaDb(header, body.Span);
            case BinlogEventType.MariaDbGtidList:
                return GtidDecoder.DecodeMariaDbList(header, body.Span);
            case BinlogEventType.XaPrepare:
                return GtidDecoder.DecodeXaPrepare(header, body.Span);
            case BinlogEventType.TransactionPayload:
                return TransactionPayloadEvent.Decode(header, body);
            case BinlogEventType.Heartbeat or BinlogEventType.HeartbeatV2:
                return new HeartbeatEvent { Type = header.Type, Timestamp = header.Timestamp, ServerId = header.ServerId, Flags = header.Flags };
            case BinlogEventType.Incident:
                return DecodeIncident(header, body.Span);
            default:
                return DecodeOther(header);
        }
    }

    /// <summary>
    /// Known events without a bearing on rows, and unknown ones their writer marked as safe to skip. Intvar, rand, user variable and load
    /// events only prepare a statement that follows as a query event, which is where a reader judges. MariaDB sends encrypted logs decrypted;
    /// its "start encryption" event says nothing to a reader.
    /// </summary>
    private IgnorableEvent DecodeOther(in EventHeader header)
    {
        var harmless = header.Type is BinlogEventType.Stop or BinlogEventType.IntVar or BinlogEventType.Rand or BinlogEventType.UserVar
            or BinlogEventType.AppendBlock or BinlogEventType.BeginLoadQuery or BinlogEventType.DeleteFile
            or BinlogEventType.Ignorable or BinlogEventType.RowsQuery or BinlogEventType.PreviousGtids
            or BinlogEventType.TransactionContext or BinlogEventType.ViewChange
            or BinlogEventType.MariaDbAnnotateRows or BinlogEventType.MariaDbBinlogCheckpoint or BinlogEventType.MariaDbStartEncryption;
        if (!harmless && (header.Flags & BinlogEventFlags.Ignorable) == 0)
        {
            throw new UnsupportedEventException(
                Position,
                header.Type,
                $"The source's binary log holds an event of the unknown type {(int)header.Type}, which may carry a change. "
                + "Nothing after it can be applied safely: use a Switchyard version that knows this server, or turn off the server feature that writes it");
        }

        return new IgnorableEvent { Type = header.Type, Timestamp = header.Timestamp, ServerId = header.ServerId, Flags = header.Flags };
    }

    private static IncidentEvent DecodeIncident(in EventHeader header, ReadOnlySpan<byte> body)
    {
        var span = new EventSpan(body);
        var incident = span.UInt16();
        var length = span.Remaining > 0 ? span.Byte() : 0;
        return new IncidentEvent
        {
            Type = header.Type,
            Timestamp = header.Timestamp,
            ServerId = header.ServerId,
            Flags = header.Flags,
            Incident = incident,
            Message = span.Text(Math.Min(length, span.Remaining)),
        };
    }

    private FormatDescriptionEvent DecodeFormat(in EventHeader header, ReadOnlySpan<byte> body)
    {
        const int versionLength = 50, supportedBinlogVersion = 4;
        var span = new EventSpan(body);
        var binlogVersion = span.UInt16();
        if (binlogVersion != supportedBinlogVersion)
        {
            throw new UnsupportedEventException(
                Position,
                header.Type,
                $"The binary log is in format version {binlogVersion}; version 4 (MySQL 5.0 and later, MariaDB) is needed: upgrade the source first");
        }

        var version = Encoding.ASCII.GetString(span.Bytes(versionLength)).TrimEnd('\0');
        var created = span.UInt32(); // 0 in files that a running server has gone on in
        if (span.Byte() != EventHeader.Length)
        {
            throw new BinlogFormatException("A format description names an event header length other than 19.");
        }

        var rest = span.Rest();
        _hasChecksum = false;
        if (HasChecksumField(version))
        {
            var algorithm = rest[^1];
            rest = rest[..^1];
            _hasChecksum = algorithm switch
            {
                ChecksumNone => false,
                ChecksumCrc32 => true,
                _ => throw new UnsupportedEventException(
                    Position, header.Type, $"The binary log uses the unknown checksum algorithm {algorithm}; set binlog_checksum=CRC32 on the source"),
            };
        }

        _postHeaderLengths = rest.ToArray();
        _formatKnown = true;
        _tables.Clear();
        _jsonDoublesKeepPoint = !version.StartsWith("5.", StringComparison.Ordinal);
        return new FormatDescriptionEvent
        {
            Type = header.Type,
            Timestamp = header.Timestamp,
            ServerId = header.ServerId,
            Flags = header.Flags,
            ServerVersion = version,
            IsFirstSinceStart = created != 0 && (header.Flags & BinlogEventFlags.Artificial) == 0,
            HasChecksum = _hasChecksum,
            PostHeaderLengths = _postHeaderLengths,
        };
    }

    private TableMapEvent DecodeTableMap(in EventHeader header, ReadOnlySpan<byte> body)
    {
        var idLength = TableIdLength(header.Type);
        var id = new EventSpan(body).UInt(idLength);
        var known = _tables.TryGetValue(id, out var cached);
        var map = TableMapDecoder.Decode(header, body, idLength, known ? cached.Map : null, known ? cached.Body : null);
        map.Position = Position;
        _tables[id] = known && ReferenceEquals(cached.Map.Schema, map.Schema) ? (map, cached.Body) : (map, body.ToArray());
        return map;
    }

    private BinlogEvent DecodeRows(in EventHeader header, ReadOnlyMemory<byte> body, bool ownsBody)
    {
        var span = new EventSpan(body.Span);
        var idLength = TableIdLength(header.Type);
        var id = span.UInt(idLength);
        var flags = (RowsFlags)span.UInt16();
        var isV2 = header.Type is BinlogEventType.WriteRows or BinlogEventType.UpdateRows or BinlogEventType.DeleteRows
            or BinlogEventType.PartialUpdateRows or BinlogEventType.MariaDbWriteRowsCompressed
            or BinlogEventType.MariaDbUpdateRowsCompressed or BinlogEventType.MariaDbDeleteRowsCompressed;
        if (isV2)
        {
            var extraLength = span.UInt16();
            span.Skip(Math.Max(extraLength - 2, 0));
        }

        var endsStatement = (flags & RowsFlags.StatementEnd) != 0;
        if (!_tables.TryGetValue(id, out var table))
        {
            var dummyId = idLength == 6 ? 0xFFFFFFUL : uint.MaxValue;
            if (endsStatement && (id == dummyId || id == 0xFFFFFFFFFFFF) && span.Remaining <= 2)
            {
                return new IgnorableEvent { Type = header.Type, Timestamp = header.Timestamp, ServerId = header.ServerId, Flags = header.Flags };
            }

            throw new BinlogFormatException($"A rows event at {Position} refers to table id {id}, which no table map before it names.");
        }

        var columns = span.LengthEncodedSize();
        if (columns != table.Map.ColumnCount)
        {
            throw new BinlogFormatException(
                $"A rows event of {table.Map.Schema}.{table.Map.Table} at {Position} has {columns} columns and its table map has {table.Map.ColumnCount}.");
        }

        var bitmapLength = (columns + 7) / 8;
        var kind = RowsKindOf(header.Type);
        var first = body.Slice(span.Offset, CheckedLength(span, bitmapLength));
        span.Skip(bitmapLength);
        var second = first;
        if (kind == RowsKind.Update)
        {
            second = body.Slice(span.Offset, CheckedLength(span, bitmapLength));
            span.Skip(bitmapLength);
        }

        var data = body[span.Offset..];
        if (header.Type >= BinlogEventType.MariaDbWriteRowsCompressedV1)
        {
            data = ZlibBlock.OpenEventPart(data);
            ownsBody = true;
        }

        if (endsStatement && _tables.Count > MaxCachedTableMaps)
        {
            _tables.Clear();
        }

        return new RowsEvent
        {
            Type = header.Type,
            Timestamp = header.Timestamp,
            ServerId = header.ServerId,
            Flags = header.Flags,
            Table = table.Map,
            Kind = kind,
            RowsFlags = flags,
            BeforeColumns = kind == RowsKind.Write ? default : first,
            AfterColumns = kind switch { RowsKind.Write => first, RowsKind.Update => second, _ => default },
            Data = data,
            OwnsData = ownsBody,
            JsonDoublesKeepPoint = _jsonDoublesKeepPoint,
        };
    }

    private static int CheckedLength(EventSpan span, int length) =>
        span.Remaining >= length ? length : throw new BinlogFormatException("A rows event ends inside its column bitmap.");

    private static RowsKind RowsKindOf(BinlogEventType type) => type switch
    {
        BinlogEventType.WriteRowsV1 or BinlogEventType.WriteRows or BinlogEventType.MariaDbWriteRowsCompressedV1
            or BinlogEventType.MariaDbWriteRowsCompressed => RowsKind.Write,
        BinlogEventType.DeleteRowsV1 or BinlogEventType.DeleteRows or BinlogEventType.MariaDbDeleteRowsCompressedV1
            or BinlogEventType.MariaDbDeleteRowsCompressed => RowsKind.Delete,
        _ => RowsKind.Update,
    };

    private int PostHeaderLength(BinlogEventType type) => (int)type <= _postHeaderLengths.Length ? _postHeaderLengths[(int)type - 1] : 0;

    /// <summary>Servers before 5.1.4 wrote table ids in four bytes, which the post-header length of six gives away.</summary>
    private int TableIdLength(BinlogEventType type) => PostHeaderLength(type) == 6 ? 4 : 6;

    private void AdvancePosition(in EventHeader header, ReadOnlySpan<byte> body)
    {
        var span = new EventSpan(body);
        switch (header.Type)
        {
            case BinlogEventType.Rotate:
                var next = span.UInt64();
                Position = new BinlogPosition(span.Text(span.Remaining), next);
                return;
            case BinlogEventType.HeartbeatV2:
                AdvanceToHeartbeat(ref span);
                return;
            case BinlogEventType.Heartbeat when span.Text(span.Remaining) is { Length: > 0 } file && file != Position.File:
                // The server has said that it goes on in the next file, and waits in the one before.
                return;
            default:
                if (header.NextOffset == 0 || (header.Flags & BinlogEventFlags.Artificial) != 0)
                {
                    return;
                }

                AdvanceTo(header);
                return;
        }
    }

    /// <summary>Type, length, value: 1 is the file name, 2 the position. Source: control_events.h, Heartbeat_event_v2.</summary>
    private void AdvanceToHeartbeat(ref EventSpan span)
    {
        var file = Position.File;
        ulong? offset = null;
        while (span.Remaining > 0)
        {
            var field = span.Byte();
            if (field == 0)
            {
                break;
            }

            var value = new EventSpan(span.Bytes(span.LengthEncodedSize()));
            if (field == 1)
            {
                file = value.Text(value.Remaining);
            }
            else if (field == 2)
            {
                offset = value.LengthEncoded();
            }
        }

        if (offset is { } o && new BinlogPosition(file, o) > Position)
        {
            Position = new BinlogPosition(file, o);
        }
    }

    /// <summary>
    /// The header has the lower 32 bits of the offset; a file grows past them within one large transaction. So bytes are counted, and the header is believed
    /// where the server has left events out.
    /// </summary>
    private void AdvanceTo(in EventHeader header)
    {
        const ulong wrap = 1UL << 32;
        var counted = Position.Offset + header.Size;
        if ((uint)counted == header.NextOffset)
        {
            Position = Position with { Offset = counted };
            return;
        }

        var candidate = (Position.Offset & ~(wrap - 1)) | header.NextOffset;
        if (candidate < Position.Offset)
        {
            if (Position.Offset - candidate < wrap / 2)
            {
                return;
            }

            candidate += wrap;
        }
        else if (candidate - Position.Offset > wrap / 2 && candidate >= wrap)
        {
            // A heartbeat of a place before the last wrap.
            return;
        }

        Position = Position with { Offset = candidate };
    }

    private void VerifyChecksum(in EventHeader header, ReadOnlyMemory<byte> raw)
    {
        var stored = BinaryPrimitives.ReadUInt32LittleEndian(raw.Span[^ChecksumLength..]);
        if (stored == Crc32.Compute(raw[..^ChecksumLength]))
        {
            return;
        }

        if (header.Type == BinlogEventType.FormatDescription)
        {
            // The checksum of a format description was computed while the file's "in use" flag was clear.
            var copy = raw[..^ChecksumLength].ToArray();
            copy[17] &= unchecked((byte)~(int)BinlogEventFlags.InUse);
            if (stored == Crc32.Compute(copy) || !FormatUsesChecksum(raw.Span))
            {
                return;
            }
        }

        throw new BinlogFormatException(
            $"The checksum of the event after {Position} (type {(int)header.Type}) does not match its bytes: the source's binary log or the network damaged it.");
    }

    private static bool EndsInChecksum(ReadOnlySpan<byte> raw) =>
        raw.Length >= EventHeader.Length + ChecksumLength
        && BinaryPrimitives.ReadUInt32LittleEndian(raw[^ChecksumLength..]) == Crc32.Compute(raw[..^ChecksumLength]);

    /// <summary>A format description that names its algorithm always has room for a checksum, even when the algorithm is none.</summary>
    private static bool FormatHasChecksumTrailer(ReadOnlySpan<byte> raw)
    {
        const int versionOffset = EventHeader.Length + 2, versionLength = 50;
        if (raw.Length < versionOffset + versionLength)
        {
            throw new BinlogFormatException("A format description event is too short.");
        }

        return HasChecksumField(Encoding.ASCII.GetString(raw.Slice(versionOffset, versionLength)).TrimEnd('\0'));
    }

    private static bool FormatUsesChecksum(ReadOnlySpan<byte> raw) => raw[^(ChecksumLength + 1)] == ChecksumCrc32;

    /// <summary>MySQL has the algorithm field since 5.6.1, MariaDB since 5.3.</summary>
    private static bool HasChecksumField(string version)
    {
        var text = version.AsSpan();
        var end = text.IndexOfAnyExcept("0123456789.");
        if (!Version.TryParse(end < 0 ? text : text[..end], out var parsed))
        {
            throw new BinlogFormatException($"A format description names the server version '{version}', which cannot be read.");
        }

        return version.Contains("MariaDB", StringComparison.OrdinalIgnoreCase) ? parsed >= new Version(5, 3) : parsed >= new Version(5, 6, 1);
    }
}
