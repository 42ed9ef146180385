using Switchyard.Binlog.Decoding;

namespace Switchyard.Binlog;

/// <summary>Cuts a rows event into row images and those into cells.</summary>
internal static class RowsDecoder
{
    /// <summary>Formatted cells are a few times larger than their binary form; a wrong guess costs a chunk, nothing else.</summary>
    private const int ArenaExpansion = 3;

    internal static IReadOnlyList<RowChange> Decode(RowsEvent rows, TableShape shape)
    {
        Check(rows, shape);
        var data = rows.OwnsData ? rows.Data : rows.Data.ToArray();
        var arena = new CellArena((long)data.Length * ArenaExpansion);
        var span = new EventSpan(data.Span);
        var changes = new List<RowChange>();
        while (span.Remaining > 0)
        {
            var before = rows.Kind == RowsKind.Write ? default : DecodeImage(rows, shape, rows.BeforeColumns.Span, data, ref span, arena, new Cell[shape.Columns.Length]);
            var after = rows.Kind == RowsKind.Delete ? default : DecodeImage(rows, shape, rows.AfterColumns.Span, data, ref span, arena, new Cell[shape.Columns.Length]);
            changes.Add(new RowChange(before, after));
        }

        return changes;
    }

    /// <summary>Whether rows of an event can be decoded at all.</summary>
    internal static void Check(RowsEvent rows, TableShape shape)
    {
        var table = rows.Table;
        if (rows.Type == BinlogEventType.PartialUpdateRows)
        {
            throw new UnsupportedEventException(
                rows.Position,
                rows.Type,
                $"The source logs partial JSON updates of {table.Schema}.{table.Table}, which do not carry the whole row. "
                + "Run SET GLOBAL binlog_row_value_options='' on the source, reconnect its applications, and copy the table again");
        }

        if (shape.LoggedColumns != table.ColumnCount)
        {
            throw new TableShapeMismatchException(
                $"The binary log at {rows.Position} has {table.ColumnCount} columns for {table.Schema}.{table.Table} and the definition read has "
                + $"{shape.LoggedColumns}: the table's definition changed.");
        }

        RequireFullImage(rows, shape, rows.BeforeColumns);
        RequireFullImage(rows, shape, rows.AfterColumns);
    }

    /// <summary>Decodes the image at the span's place into an array of as many cells as the table has columns.</summary>
    internal static RowImage DecodeImage(
        RowsEvent rows, TableShape shape, ReadOnlySpan<byte> present, ReadOnlyMemory<byte> data, ref EventSpan span, CellArena arena, Cell[] cells)
    {
        var count = shape.LoggedColumns;
        var presentCount = 0;
        for (var i = 0; i < count; i++)
        {
            presentCount += Bit(present, i) ? 1 : 0;
        }

        var nulls = span.Bytes((presentCount + 7) / 8);
        var types = rows.Table.ColumnTypes.Span;
        var metadata = rows.Table.Metadata.Span;
        var bit = 0;
        for (var i = 0; i < count; i++)
        {
            var cell = !Bit(present, i) ? Cell.Absent
                : Bit(nulls, bit++) ? Cell.Null
                : CellDecoder.Decode(rows, shape.At(i), (PhysicalType)types[i], metadata[i], data, ref span, arena);
            if (i < cells.Length)
            {
                cells[i] = cell;
            }
        }

        return new RowImage(cells);
    }

    private static void RequireFullImage(RowsEvent rows, TableShape shape, ReadOnlyMemory<byte> present)
    {
        if (present.IsEmpty)
        {
            return;
        }

        for (var i = 0; i < shape.Columns.Length; i++)
        {
            if (!Bit(present.Span, i) && !shape.Columns[i].IsGenerated)
            {
                throw new UnsupportedEventException(
                    rows.Position,
                    rows.Type,
                    $"The row image of {rows.Table.Schema}.{rows.Table.Table} lacks column {shape.Columns[i].Name}: the source does not log whole rows. "
                    + "Run SET GLOBAL binlog_row_image='FULL' on the source, reconnect its applications, and copy the table again");
            }
        }
    }

    private static bool Bit(ReadOnlySpan<byte> bitmap, int index) => (bitmap[index >> 3] & (1 << (index & 7))) != 0;
}
