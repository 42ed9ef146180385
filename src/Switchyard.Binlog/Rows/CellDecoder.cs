using System.Buffers.Binary;
using Switchyard.Binlog.Compression;
using Switchyard.Binlog.Decoding;
using Switchyard.Binlog.Values;

namespace Switchyard.Binlog;

/// <summary>
/// One value of a row image into canonical form. Sources: MySQL's Field::pack methods (sql/field.cc) and binlog/event/binary_log_funcs.cpp.
/// </summary>
internal static class CellDecoder
{
    private const int MaxNumberLength = 32;
    private const int MaxTemporalLength = 32;

    internal static Cell Decode(
        RowsEvent rows, ColumnShape column, PhysicalType type, ushort metadata, ReadOnlyMemory<byte> data, ref EventSpan span, CellArena arena)
    {
        int low = metadata & 0xFF, high = metadata >> 8;
        if (type == PhysicalType.String)
        {
            // The first byte is the real type; its bits 4 and 5 are borrowed, inverted, for lengths over 255.
            if ((low & 0x30) != 0x30)
            {
                high |= ((low & 0x30) ^ 0x30) << 4;
                type = (PhysicalType)(low | 0x30);
            }
            else
            {
                type = (PhysicalType)low;
            }
        }

        switch (type)
        {
            case PhysicalType.Tiny:
                return Integer(arena, span.Bytes(1), column.IsUnsigned);
            case PhysicalType.Short:
                return Integer(arena, span.Bytes(2), column.IsUnsigned);
            case PhysicalType.Int24:
                return Integer(arena, span.Bytes(3), column.IsUnsigned);
            case PhysicalType.Long:
                return Integer(arena, span.Bytes(4), column.IsUnsigned);
            case PhysicalType.LongLong:
                return Integer(arena, span.Bytes(8), column.IsUnsigned);
            case PhysicalType.Float:
                return arena.Commit(DoubleText.Format(BinaryPrimitives.ReadSingleLittleEndian(span.Bytes(4)), arena.Reserve(DoubleText.MaxLength)));
            case PhysicalType.Double:
                return arena.Commit(DoubleText.Format(BinaryPrimitives.ReadDoubleLittleEndian(span.Bytes(8)), arena.Reserve(DoubleText.MaxLength)));
            case PhysicalType.NewDecimal:
                var bytes = span.Bytes(PackedDecimal.SizeOf(low, high));
                return arena.Commit(PackedDecimal.Format(bytes, low, high, arena.Reserve(PackedDecimal.MaxLength)));
            case PhysicalType.Bit:
                return Unsigned(arena, EventSpan.BigEndian(span.Bytes(high + (low > 0 ? 1 : 0))));
            case PhysicalType.Enum or PhysicalType.Set:
                return Unsigned(arena, span.UInt(high));
            case PhysicalType.Year:
                return arena.Commit(TemporalText.Year(span.Byte(), arena.Reserve(MaxTemporalLength)));
            case PhysicalType.Date or PhysicalType.NewDate:
                return arena.Commit(TemporalText.Date((uint)span.UInt(3), arena.Reserve(MaxTemporalLength)));
            case PhysicalType.Time2:
                return arena.Commit(TemporalText.Time2(span.Bytes(3 + ((low + 1) / 2)), low, arena.Reserve(MaxTemporalLength)));
            case PhysicalType.DateTime2:
                return arena.Commit(TemporalText.DateTime2(span.Bytes(5 + ((low + 1) / 2)), low, arena.Reserve(MaxTemporalLength)));
            case PhysicalType.Timestamp2:
                return arena.Commit(TemporalText.Timestamp2(span.Bytes(4 + ((low + 1) / 2)), low, arena.Reserve(MaxTemporalLength)));
            case PhysicalType.Time:
                RequireNoFraction(rows, column);
                return arena.Commit(TemporalText.OldTime(span.Bytes(3), arena.Reserve(MaxTemporalLength)));
            case PhysicalType.DateTime:
                RequireNoFraction(rows, column);
                return arena.Commit(TemporalText.OldDateTime(span.UInt64(), arena.Reserve(MaxTemporalLength)));
            case PhysicalType.Timestamp:
                RequireNoFraction(rows, column);
                return arena.Commit(TemporalText.Timestamp(span.UInt32(), 0, 0, arena.Reserve(MaxTemporalLength)));
            case PhysicalType.VarChar or PhysicalType.VarString:
                return Slice(data, ref span, span.UInt(metadata > 255 ? 2 : 1));
            case PhysicalType.MariaDbVarCharCompressed:
                return new Cell(ZlibBlock.OpenColumn(Slice(data, ref span, span.UInt(metadata > 255 ? 2 : 1)).Bytes));
            case PhysicalType.String:
                return FixedString(column, high, Slice(data, ref span, span.UInt(high > 255 ? 2 : 1)), arena);
            case PhysicalType.TinyBlob or PhysicalType.MediumBlob or PhysicalType.LongBlob or PhysicalType.Blob
                or PhysicalType.Geometry or PhysicalType.Vector:
                return Slice(data, ref span, span.UInt(low));
            case PhysicalType.MariaDbBlobCompressed:
                return new Cell(ZlibBlock.OpenColumn(Slice(data, ref span, span.UInt(low)).Bytes));
            case PhysicalType.Json:
                return new Cell(JsonBinary.ToText(Slice(data, ref span, span.UInt(low)).Bytes, rows.JsonDoublesKeepPoint, column.KeepsJsonTypes));
            case PhysicalType.Null:
                return Cell.Null;
            default:
                throw new UnsupportedEventException(
                    rows.Position,
                    rows.Type,
                    $"Column {column.Name} of {rows.Table.Schema}.{rows.Table.Table} has the physical type {(int)type}, which is not understood: "
                    + "exclude the table or rebuild it with current types (ALTER TABLE … FORCE on the source)");
        }
    }

    private static Cell Slice(ReadOnlyMemory<byte> data, ref EventSpan span, ulong length)
    {
        if (length > (ulong)span.Remaining)
        {
            throw new BinlogFormatException($"A value claims {length} bytes and {span.Remaining} are left in the event.");
        }

        var start = span.Offset;
        span.Skip((int)length);
        return new Cell(data.Slice(start, (int)length));
    }

    private static Cell FixedString(ColumnShape column, int fullLength, Cell packed, CellArena arena)
    {
        if (column.TextForm != TextForm.None)
        {
            Span<byte> full = stackalloc byte[FixedText.MaxLength];
            var size = FixedText.SizeOf(column.TextForm);
            full = full[..size];
            full.Clear();
            packed.Bytes.Span.CopyTo(full);
            return arena.Commit(FixedText.Format(column.TextForm, full, arena.Reserve(FixedText.MaxTextLength)));
        }

        if (!column.IsBinaryFixed || packed.Bytes.Length >= fullLength)
        {
            return packed;
        }

        var target = arena.Reserve(fullLength);
        packed.Bytes.Span.CopyTo(target);
        target[packed.Bytes.Length..fullLength].Clear();
        return arena.Commit(fullLength);
    }

    private static Cell Integer(CellArena arena, ReadOnlySpan<byte> bytes, bool unsigned)
    {
        var value = EventSpan.LittleEndian(bytes);
        if (unsigned)
        {
            return Unsigned(arena, value);
        }

        var shift = 64 - (8 * bytes.Length);
        var signed = (long)(value << shift) >> shift;
        _ = signed.TryFormat(arena.Reserve(MaxNumberLength), out var written);
        return arena.Commit(written);
    }

    private static Cell Unsigned(CellArena arena, ulong value)
    {
        _ = value.TryFormat(arena.Reserve(MaxNumberLength), out var written);
        return arena.Commit(written);
    }

    private static void RequireNoFraction(RowsEvent rows, ColumnShape column)
    {
        if (column.FractionalDigits > 0)
        {
            throw new UnsupportedEventException(
                rows.Position,
                rows.Type,
                $"Column {column.Name} of {rows.Table.Schema}.{rows.Table.Table} keeps fractional seconds in MariaDB's old format, which the log does not "
                + "describe. Run SET GLOBAL mysql56_temporal_format=ON and ALTER TABLE … FORCE on the source, and copy the table again");
        }
    }
}
