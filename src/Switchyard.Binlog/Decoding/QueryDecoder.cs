using System.Text;
using Switchyard.Binlog.Compression;

namespace Switchyard.Binlog.Decoding;

/// <summary>
/// Query events and their status variables. Source: MySQL statement_events.h (Query_event::Query_event_status_vars) and MariaDB
/// sql/log_event.h (Q_* codes from 128).
/// </summary>
internal static class QueryDecoder
{
    private const uint FlagAutoIsNull = 1u << 14;
    private const uint FlagNoForeignKeyChecks = 1u << 26;
    private const uint FlagRelaxedUniqueChecks = 1u << 27;
    private const int ExecuteLoadExtraLength = 13;
    private const byte StartsAlter = 2;
    private const byte CommitsAlter = 4;
    private const byte RollsAlterBack = 8;

    internal static QueryEvent Decode(in EventHeader header, ReadOnlyMemory<byte> body, int postHeaderLength)
    {
        var span = new EventSpan(body.Span);
        var threadId = span.UInt32();
        span.Skip(4);
        var schemaLength = span.Byte();
        var error = span.UInt16();
        var statusLength = span.UInt16();
        var isLoad = header.Type == BinlogEventType.ExecuteLoadQuery;
        var fixedLength = isLoad ? ExecuteLoadExtraLength + 13 : 13;
        span.Skip(Math.Max(postHeaderLength, fixedLength) - span.Offset);
        var status = span.Bytes(statusLength);
        var schema = span.Text(schemaLength);
        span.Skip(1);
        var sql = body[span.Offset..];
        var bytes = header.Type == BinlogEventType.MariaDbQueryCompressed ? ZlibBlock.OpenEventPart(sql) : sql.ToArray();
        var vars = StatusVariables.Read(status);
        return new QueryEvent
        {
            Type = header.Type,
            Timestamp = header.Timestamp,
            ServerId = header.ServerId,
            Flags = header.Flags,
            Schema = schema,
            Sql = bytes,
            ErrorCode = error,
            ThreadId = threadId,
            IsLoadData = isLoad,
            ForeignKeyChecks = vars.Flags is { } f ? (f & FlagNoForeignKeyChecks) == 0 : null,
            UniqueChecks = vars.Flags is { } u ? (u & FlagRelaxedUniqueChecks) == 0 : null,
            AutoIsNull = vars.Flags is { } a ? (a & FlagAutoIsNull) != 0 : null,
            SqlMode = vars.SqlMode,
            ClientCharsetId = vars.ClientCharset,
            ConnectionCollationId = vars.ConnectionCollation,
            ServerCollationId = vars.ServerCollation,
            DatabaseCollationId = vars.DatabaseCollation,
            TimeZone = vars.TimeZone,
            Microseconds = vars.Microseconds,
            AutoIncrementIncrement = vars.AutoIncrementIncrement,
            AutoIncrementOffset = vars.AutoIncrementOffset,
            DefaultCollationIds = vars.DefaultCollations,
            ExplicitDefaultsForTimestamp = vars.ExplicitDefaults,
            DefaultUtf8Mb4CollationId = vars.DefaultUtf8Mb4Collation,
            DdlXid = vars.DdlXid,
            AlterPhase = vars.AlterPhase,
        };
    }

    private struct StatusVariables
    {
        internal uint? Flags;
        internal ulong? SqlMode;
        internal ushort? ClientCharset;
        internal ushort? ConnectionCollation;
        internal ushort? ServerCollation;
        internal ushort? DatabaseCollation;
        internal ushort? DefaultUtf8Mb4Collation;
        internal string? TimeZone;
        internal uint Microseconds;
        internal ushort? AutoIncrementIncrement;
        internal ushort? AutoIncrementOffset;
        internal IReadOnlyList<ushort>? DefaultCollations;
        internal bool? ExplicitDefaults;
        internal ulong? DdlXid;
        internal AlterPhase AlterPhase;

        /// <summary>Codes are written in ascending order and carry no length, so that reading ends at the first unknown one.</summary>
        internal static StatusVariables Read(ReadOnlySpan<byte> bytes)
        {
            var vars = default(StatusVariables);
            var span = new EventSpan(bytes);
            while (span.Remaining > 0)
            {
                switch (span.Byte())
                {
                    case 0:
                        vars.Flags = span.UInt32();
                        break;
                    case 1:
                        vars.SqlMode = span.UInt64();
                        break;
                    case 2:
                        span.Skip(span.Byte() + 1);
                        break;
                    case 3:
                        vars.AutoIncrementIncrement = span.UInt16();
                        vars.AutoIncrementOffset = span.UInt16();
                        break;
                    case 4:
                        vars.ClientCharset = span.UInt16();
                        vars.ConnectionCollation = span.UInt16();
                        vars.ServerCollation = span.UInt16();
                        break;
                    case 5:
                        vars.TimeZone = Encoding.UTF8.GetString(span.Bytes(span.Byte()));
                        break;
                    case 6:
                        span.Skip(span.Byte());
                        break;
                    case 7:
                        span.Skip(2);
                        break;
                    case 8:
                        vars.DatabaseCollation = span.UInt16();
                        break;
                    case 9:
                        span.Skip(8);
                        break;
                    case 10:
                        span.Skip(4);
                        break;
                    case 11:
                        span.Skip(span.Byte());
                        span.Skip(span.Byte());
                        break;
                    case 12:
                        SkipSchemaNames(ref span);
                        break;
                    case 13 or 128:
                        vars.Microseconds = (uint)span.UInt(3);
                        break;
                    case 16:
                        vars.ExplicitDefaults = span.Byte() != 0;
                        break;
                    case 17:
                        vars.DdlXid = span.UInt64();
                        break;
                    case 18:
                        vars.DefaultUtf8Mb4Collation = span.UInt16();
                        break;
                    case 19 or 20:
                        span.Skip(1);
                        break;
                    case 129:
                        vars.DdlXid = span.UInt64();
                        break;
                    case 130:
                        vars.AlterPhase = ReadAlterPhase(ref span);
                        break;
                    case 131:
                        vars.DefaultCollations = ReadDefaultCollations(ref span);
                        break;
                    default:
                        return vars;
                }
            }

            return vars;
        }

        /// <summary>The extra flags of the group's GTID event; those that end an ALTER name the group that began it. Source: MariaDB sql/log_event.cc, Q_GTID_FLAGS3.</summary>
        private static AlterPhase ReadAlterPhase(ref EventSpan span)
        {
            var flags = span.Byte();
            if ((flags & (CommitsAlter | RollsAlterBack)) != 0)
            {
                span.Skip(8);
            }

            return (flags & StartsAlter) != 0 ? AlterPhase.Begun : (flags & RollsAlterBack) != 0 ? AlterPhase.RolledBack : AlterPhase.Done;
        }

        /// <summary>Pairs: some collation of a character set, and the one it is to have where none is named.</summary>
        private static ushort[] ReadDefaultCollations(ref EventSpan span)
        {
            var ids = new ushort[span.Byte()];
            for (var i = 0; i < ids.Length; i++)
            {
                span.Skip(2);
                ids[i] = span.UInt16();
            }

            return ids;
        }

        private static void SkipSchemaNames(ref EventSpan span)
        {
            const byte tooManyToList = 254;
            var count = span.Byte();
            if (count == tooManyToList)
            {
                return;
            }

            for (var i = 0; i < count; i++)
            {
                _ = span.ZeroTerminatedText();
            }
        }
    }
}
