namespace Switchyard.Binlog;

internal static class RowsDecoder
{
    internal static IReadOnlyList<RowChange> Decode(RowsEvent rows, TableShape shape) =>
        throw new UnsupportedEventException(rows.Position, rows.Type, $"Rows of {rows.Table.Schema}.{rows.Table.Table} cannot be decoded yet; {shape.Columns.Length} columns.");
}
