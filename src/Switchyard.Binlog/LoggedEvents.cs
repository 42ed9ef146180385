using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;
using Switchyard.Binlog.Decoding;
using Switchyard.Wire;

namespace Switchyard.Binlog;

/// <summary>
/// Writes events for MariaDB's <c>BINLOG</c> statement, which applies them as a replica would. Each event is one base64 chunk on a line of its own. A
/// statement holds table maps, then rows events of those tables; the last one must be marked, or the tables stay open.
/// Sources: MariaDB sql_binlog.cc, log_event.h (Format_description_log_event, Table_map_log_event, Rows_log_event).
/// </summary>
public static class LoggedEvents
{
    // Foreign keys and CHECK constraints were the source's to mind.
    private const ushort Flags = (ushort)RowsFlags.NoForeignKeyChecks | NoCheckConstraints;
    private const ushort NoCheckConstraints = 0x80;
    private const int PostHeader = 8;

    // The bytes of the flags lie in the ninth group of three, which becomes four characters.
    private const int FlagsGroup = 24;
    private const int FlagsGroupEncoded = FlagsGroup / 3 * 4;

    /// <summary>Tells a session how the events after it are laid out; once a session is enough.</summary>
    public static void WriteFormat(PayloadWriter to)
    {
        ArgumentNullException.ThrowIfNull(to);
        const int versionLength = 50, types = 171;
        Span<byte> body = stackalloc byte[2 + versionLength + 4 + 1 + types + 1 + 4];
        body.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(body, 4);
        Encoding.ASCII.GetBytes("10.5.0-MariaDB", body[2..]);
        body[2 + versionLength + 4] = EventHeader.Length;
        var lengths = body.Slice(2 + versionLength + 5, types);
        lengths[(int)BinlogEventType.FormatDescription - 1] = 2 + versionLength + 4 + 1 + types;
        foreach (var type in (ReadOnlySpan<BinlogEventType>)[BinlogEventType.TableMap, BinlogEventType.WriteRowsV1, BinlogEventType.UpdateRowsV1, BinlogEventType.DeleteRowsV1])
        {
            lengths[(int)type - 1] = PostHeader;
        }

        // Behind the lengths: the algorithm "none", and four bytes that are there nevertheless.
        Span<byte> whole = stackalloc byte[EventHeader.Length + 256];
        whole = whole[..(EventHeader.Length + body.Length)];
        WriteHeader(whole, BinlogEventType.FormatDescription, 0);
        body.CopyTo(whole[EventHeader.Length..]);
        Encode(to, whole, default);
    }

    /// <summary>Names a table by a number for the rows events of the same statement.</summary>
    public static void WriteTableMap(PayloadWriter to, ulong id, TableMapEvent map)
    {
        ArgumentNullException.ThrowIfNull(to);
        ArgumentNullException.ThrowIfNull(map);
        Span<byte> head = stackalloc byte[EventHeader.Length + PostHeader];
        WriteId(head, id, flags: 1);
        WriteEvent(to, BinlogEventType.TableMap, map.Timestamp, head, map.Definition.Span);
    }

    /// <summary>Writes rows whose images hold every column.</summary>
    public static void WriteRows(PayloadWriter to, ulong id, RowsEvent rows)
    {
        ArgumentNullException.ThrowIfNull(to);
        ArgumentNullException.ThrowIfNull(rows);
        Span<byte> head = stackalloc byte[EventHeader.Length + PostHeader + 9 + (2 * ((rows.Table.ColumnCount + 7) / 8))];
        WriteId(head, id, Flags);
        var length = EventHeader.Length + PostHeader;
        if (rows.Table.ColumnCount < 0xFB)
        {
            head[length++] = (byte)rows.Table.ColumnCount;
        }
        else
        {
            head[length++] = 0xFC;
            BinaryPrimitives.WriteUInt16LittleEndian(head[length..], (ushort)rows.Table.ColumnCount);
            length += 2;
        }

        foreach (var bitmap in (ReadOnlySpan<ReadOnlyMemory<byte>>)[rows.BeforeColumns, rows.AfterColumns])
        {
            bitmap.Span.CopyTo(head[length..]);
            length += bitmap.Length;
        }

        var type = rows.Kind switch
        {
            RowsKind.Write => BinlogEventType.WriteRowsV1,
            RowsKind.Update => BinlogEventType.UpdateRowsV1,
            _ => BinlogEventType.DeleteRowsV1,
        };
        WriteEvent(to, type, rows.Timestamp, head[..length], rows.Data.Span);
    }

    /// <summary>Marks a rows event that is already written, from <paramref name="start"/> on, as the statement's last.</summary>
    public static void MarkLast(PayloadWriter to, int start, ulong id)
    {
        ArgumentNullException.ThrowIfNull(to);
        Span<byte> head = stackalloc byte[EventHeader.Length + PostHeader];
        WriteId(head, id, Flags | (ushort)RowsFlags.StatementEnd);
        Base64.EncodeToUtf8(head.Slice(FlagsGroup, 3), to.MutableSpan.Slice(start + FlagsGroupEncoded, 4), out _, out _);
    }

    private static void WriteId(Span<byte> head, ulong id, ushort flags)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(head[EventHeader.Length..], (uint)id);
        BinaryPrimitives.WriteUInt16LittleEndian(head[(EventHeader.Length + 4)..], (ushort)(id >> 32));
        BinaryPrimitives.WriteUInt16LittleEndian(head[(EventHeader.Length + 6)..], flags);
    }

    private static void WriteHeader(Span<byte> whole, BinlogEventType type, uint timestamp) => WriteHeader(whole, type, timestamp, whole.Length);

    private static void WriteHeader(Span<byte> head, BinlogEventType type, uint timestamp, int size)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(head, timestamp);
        head[4] = (byte)type;
        BinaryPrimitives.WriteUInt32LittleEndian(head[5..], 1); // a server id; the server writes its own
        BinaryPrimitives.WriteUInt32LittleEndian(head[9..], (uint)size);
        head.Slice(13, 6).Clear();
    }

    private static void WriteEvent(PayloadWriter to, BinlogEventType type, uint timestamp, Span<byte> head, ReadOnlySpan<byte> rest)
    {
        WriteHeader(head, type, timestamp, head.Length + rest.Length);
        Encode(to, head, rest);
    }

    private static void Encode(PayloadWriter to, ReadOnlySpan<byte> head, ReadOnlySpan<byte> rest)
    {
        // What is encoded apart must be whole groups of three.
        var borrowed = Math.Min((3 - (head.Length % 3)) % 3, rest.Length);
        Span<byte> first = stackalloc byte[head.Length + 2];
        head.CopyTo(first);
        rest[..borrowed].CopyTo(first[head.Length..]);
        Encode(to, first[..(head.Length + borrowed)]);
        Encode(to, rest[borrowed..]);
        to.WriteByte((byte)'\n');
    }

    private static void Encode(PayloadWriter to, ReadOnlySpan<byte> bytes)
    {
        Base64.EncodeToUtf8(bytes, to.GetSpan(Base64.GetMaxEncodedToUtf8Length(bytes.Length)), out _, out var written);
        to.Advance(written);
    }
}
