using System.Text;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Values;

namespace Switchyard.Verification;

/// <summary>Canonical cells as SQL literals.</summary>
internal static class SqlLiterals
{
    /// <summary>A literal to compare a key column with: exact, of the column's own character set, and usable by its index.</summary>
    /// <param name="converted">The cell is utf8mb4 although the column is not.</param>
    public static string ForKey(ColumnDefinition column, bool converted, ReadOnlySpan<byte> cell) => column.Kind switch
    {
        ColumnKind.Text when converted =>
            $"CONVERT(_utf8mb4 x'{Convert.ToHexString(cell)}' USING {column.CharacterSet}) COLLATE {column.Collation}",
        ColumnKind.Text => $"_{column.CharacterSet} x'{Convert.ToHexString(cell)}'",
        ColumnKind.Float or ColumnKind.Double => AsDouble(cell),
        _ => Plain(column, cell),
    };

    /// <summary>A literal to store into a column.</summary>
    /// <param name="from">The column the cell was read from, whose character set it is in.</param>
    public static string ForStore(ColumnDefinition column, ComparedColumn pair, ReadOnlyMemory<byte>? cell)
    {
        if (cell is not { } bytes)
        {
            return "NULL";
        }

        var kind = column.Kind;
        return kind switch
        {
            ColumnKind.Text when pair.Converted => $"_utf8mb4 x'{Convert.ToHexString(bytes.Span)}'",
            ColumnKind.Text => $"_{column.CharacterSet} x'{Convert.ToHexString(bytes.Span)}'",
            ColumnKind.Json when pair.HasJsonTypes => TypedJson.ToSql(bytes),
            ColumnKind.Json => $"_utf8mb4 x'{Convert.ToHexString(bytes.Span)}'",
            // Quoted, because an unquoted -0 is the integer zero.
            ColumnKind.Float or ColumnKind.Double => $"'{Ascii(bytes.Span)}'",
            _ => Plain(column, bytes.Span),
        };
    }

    /// <summary>
    /// What stands before and after a value that is sent from where it lies, escaped byte by byte. An introducer with the column's own character set would let the parser
    /// take a backslash or a quote for part of a character.
    /// </summary>
    public static (string Before, string After) AroundLong(ColumnDefinition column, ComparedColumn pair) => column.Kind switch
    {
        ColumnKind.Text => ("CONVERT(_binary'", $"' USING {(pair.Converted ? "utf8mb4" : column.CharacterSet)})"),
        _ => ("_binary'", "'"),
    };

    private static string Plain(ColumnDefinition column, ReadOnlySpan<byte> cell) => column.Kind switch
    {
        ColumnKind.Integer or ColumnKind.Decimal or ColumnKind.Bit or ColumnKind.Year or ColumnKind.Enum or ColumnKind.Set => Digits(column, cell),
        ColumnKind.Date or ColumnKind.Time or ColumnKind.DateTime or ColumnKind.Timestamp or ColumnKind.Other => $"'{Ascii(cell)}'",
        _ => $"x'{Convert.ToHexString(cell)}'",
    };

    private static string Digits(ColumnDefinition column, ReadOnlySpan<byte> cell)
    {
        foreach (var b in cell)
        {
            if (b is not ((>= (byte)'0' and <= (byte)'9') or (byte)'-' or (byte)'.'))
            {
                throw new InvalidOperationException($"The column {column.Name} printed something that is not a number.");
            }
        }

        return Encoding.ASCII.GetString(cell);
    }

    private static string AsDouble(ReadOnlySpan<byte> cell)
    {
        var text = Ascii(cell);
        return text.Contains('e', StringComparison.OrdinalIgnoreCase) ? text : text + "e0";
    }

    private static string Ascii(ReadOnlySpan<byte> cell)
    {
        foreach (var b in cell)
        {
            if (b is < 0x20 or > 0x7e or (byte)'\'' or (byte)'\\')
            {
                throw new InvalidOperationException("A date, time or number was printed with characters that none of them has.");
            }
        }

        return Encoding.ASCII.GetString(cell);
    }
}
