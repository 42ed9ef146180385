using System.Numerics;
using System.Text;

namespace Switchyard.Binlog.Decoding;

/// <summary>GTID events of both vendors.</summary>
internal static class GtidDecoder
{
    private const byte LogicalTimestampTypeCode = 2;

    /// <summary>MySQL's classic layout (types 33 and 34). Source: control_events.h, Gtid_event.</summary>
    internal static GtidEvent DecodeMySql(in EventHeader header, ReadOnlySpan<byte> body)
    {
        var span = new EventSpan(body);
        span.Skip(1);
        var uuid = new Guid(span.Bytes(16), bigEndian: true);
        var number = (long)span.UInt64();
        long lastCommitted = 0, sequence = 0;
        ulong immediate = 0, original = 0, length = 0;
        if (span.Remaining >= 17 && span.Byte() == LogicalTimestampTypeCode)
        {
            lastCommitted = (long)span.UInt64();
            sequence = (long)span.UInt64();
            if (span.Remaining >= 7)
            {
                immediate = span.UInt(7);
                original = immediate;
                const ulong hasOriginal = 1UL << 55;
                if ((immediate & hasOriginal) != 0)
                {
                    immediate &= ~hasOriginal;
                    original = span.UInt(7);
                }

                if (span.Remaining > 0)
                {
                    length = span.LengthEncoded();
                }
            }
        }

        return new GtidEvent
        {
            Type = header.Type,
            Timestamp = header.Timestamp,
            ServerId = header.ServerId,
            Flags = header.Flags,
            Uuid = header.Type == BinlogEventType.AnonymousGtid ? null : uuid,
            Number = number,
            LastCommitted = lastCommitted,
            SequenceNumber = sequence,
            ImmediateCommitMicros = immediate,
            OriginalCommitMicros = original,
            TransactionLength = length,
        };
    }

    /// <summary>
    /// MySQL's tagged layout (type 42), in the mysql::serialization format: version, size, last required field, then fields as id and value.
    /// Source: MySQL's documentation page "Library: Serialization" and control_events.h, Gtid_event::define_fields.
    /// </summary>
    internal static GtidEvent DecodeTagged(in EventHeader header, ReadOnlySpan<byte> body)
    {
        var span = new EventSpan(body);
        _ = ReadUnsigned(ref span);
        var size = ReadUnsigned(ref span);
        var lastRequired = ReadUnsigned(ref span);
        Guid? uuid = null;
        var tag = "";
        long number = 0, lastCommitted = 0, sequence = 0;
        ulong immediate = 0, length = 0;
        ulong? original = null;
        Span<byte> uuidBytes = stackalloc byte[16];
        while (span.Remaining > 0 && (ulong)span.Offset < size)
        {
            var field = ReadUnsigned(ref span);
            switch (field)
            {
                case 0:
                    _ = ReadUnsigned(ref span);
                    break;
                case 1:
                    for (var i = 0; i < uuidBytes.Length; i++)
                    {
                        uuidBytes[i] = (byte)ReadUnsigned(ref span);
                    }

                    uuid = new Guid(uuidBytes, bigEndian: true);
                    break;
                case 2:
                    number = ReadSigned(ref span);
                    break;
                case 3:
                    tag = span.Text(EventSpan.CheckSize(ReadUnsigned(ref span)));
                    break;
                case 4:
                    lastCommitted = ReadSigned(ref span);
                    break;
                case 5:
                    sequence = ReadSigned(ref span);
                    break;
                case 6:
                    immediate = ReadUnsigned(ref span);
                    break;
                case 7:
                    original = ReadUnsigned(ref span);
                    break;
                case 8:
                    length = ReadUnsigned(ref span);
                    break;
                case 9 or 10 or 11:
                    _ = ReadUnsigned(ref span);
                    break;
                default:
                    if (field <= lastRequired)
                    {
                        throw new BinlogFormatException($"A tagged GTID event has the unknown required field {field}.");
                    }

                    span.Skip(span.Remaining);
                    break;
            }
        }

        return new GtidEvent
        {
            Type = header.Type,
            Timestamp = header.Timestamp,
            ServerId = header.ServerId,
            Flags = header.Flags,
            Uuid = uuid ?? throw new BinlogFormatException("A tagged GTID event names no server."),
            Tag = tag,
            Number = number,
            LastCommitted = lastCommitted,
            SequenceNumber = sequence,
            ImmediateCommitMicros = immediate,
            OriginalCommitMicros = original ?? immediate,
            TransactionLength = length,
        };
    }

    /// <summary>MariaDB (type 162). Source: MariaDB sql/log_event.h, Gtid_log_event.</summary>
    internal static MariaDbGtidEvent DecodeMariaDb(in EventHeader header, ReadOnlySpan<byte> body)
    {
        var span = new EventSpan(body);
        var sequence = span.UInt64();
        var domain = span.UInt32();
        var flags = (MariaDbGtidFlags)span.Byte();
        ulong commitId = 0;
        if ((flags & MariaDbGtidFlags.GroupCommitId) != 0)
        {
            commitId = span.UInt64();
        }

        string? xid = null;
        if ((flags & (MariaDbGtidFlags.PreparedXa | MariaDbGtidFlags.CompletedXa)) != 0)
        {
            var format = span.UInt32();
            int gtridLength = span.Byte(), bqualLength = span.Byte();
            xid = FormatXid(format, span.Bytes(gtridLength), span.Bytes(bqualLength));
        }

        return new MariaDbGtidEvent
        {
            Type = header.Type,
            Timestamp = header.Timestamp,
            ServerId = header.ServerId,
            Flags = header.Flags,
            Gtid = new MariaDbGtid(domain, header.ServerId, sequence),
            GroupFlags = flags,
            CommitId = commitId,
            Xid = xid,
        };
    }

    internal static MariaDbGtidListEvent DecodeMariaDbList(in EventHeader header, ReadOnlySpan<byte> body)
    {
        const uint countMask = (1u << 28) - 1;
        var span = new EventSpan(body);
        var count = span.UInt32() & countMask;
        if (count > (uint)span.Remaining / 16)
        {
            throw new BinlogFormatException($"A GTID list claims {count} entries, more than fit into it.");
        }

        var gtids = new MariaDbGtid[count];
        for (var i = 0; i < gtids.Length; i++)
        {
            var domain = span.UInt32();
            var server = span.UInt32();
            gtids[i] = new MariaDbGtid(domain, server, span.UInt64());
        }

        return new MariaDbGtidListEvent { Type = header.Type, Timestamp = header.Timestamp, ServerId = header.ServerId, Flags = header.Flags, Gtids = gtids };
    }

    internal static XaPrepareEvent DecodeXaPrepare(in EventHeader header, ReadOnlySpan<byte> body)
    {
        var span = new EventSpan(body);
        var onePhase = span.Byte() != 0;
        var format = span.UInt32();
        int gtridLength = EventSpan.CheckSize(span.UInt32()), bqualLength = EventSpan.CheckSize(span.UInt32());
        return new XaPrepareEvent
        {
            Type = header.Type,
            Timestamp = header.Timestamp,
            ServerId = header.ServerId,
            Flags = header.Flags,
            IsOnePhase = onePhase,
            Xid = FormatXid(format, span.Bytes(gtridLength), span.Bytes(bqualLength)),
        };
    }

    private static string FormatXid(uint format, ReadOnlySpan<byte> gtrid, ReadOnlySpan<byte> bqual) =>
        new StringBuilder().Append("X'").Append(Convert.ToHexStringLower(gtrid)).Append("',X'").Append(Convert.ToHexStringLower(bqual))
            .Append("',").Append(format).ToString();

    /// <summary>Variable length: as many one-bits as further bytes at the low end of the first byte, then a zero bit, then the value.</summary>
    internal static ulong ReadUnsigned(ref EventSpan span)
    {
        var first = span.Byte();
        var more = BitOperations.TrailingZeroCount(~(uint)first);
        if (more >= 8)
        {
            return span.UInt64();
        }

        var rest = more == 0 ? 0 : span.UInt(more);
        var lowBits = 7 - more;
        return ((ulong)first >> (more + 1)) | (rest << lowBits);
    }

    /// <summary>As <see cref="ReadUnsigned"/>, with the sign in the lowest bit.</summary>
    private static long ReadSigned(ref EventSpan span)
    {
        var value = ReadUnsigned(ref span);
        var magnitude = (long)(value >> 1);
        return (value & 1) != 0 ? ~magnitude : magnitude;
    }
}
