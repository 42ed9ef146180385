using Switchyard.Binlog;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Keys;

/// <summary>A key column as it is named and compared on one server.</summary>
internal sealed record KeyColumnSql(byte[] QuotedName, Literal Literal, byte[]? ExactComparison = null);

/// <summary>Writes conditions over the key columns, spelled out with OR and AND so that the index is used as a range.</summary>
internal static class KeyConditions
{
    /// <summary><c>a = x AND b = y</c>.</summary>
    public static void WriteEquals(PayloadWriter writer, KeyColumnSql[] key, ReadOnlySpan<Cell> cells)
    {
        for (var i = 0; i < key.Length; i++)
        {
            if (i > 0)
            {
                writer.Sql(" AND "u8);
            }

            WriteComparison(writer, key[i], "="u8, cells[i]);
            if (key[i].ExactComparison is { } exact)
            {
                // The sides' collations differ: what the target calls equal may be another row.
                writer.Sql(" AND "u8).Sql(exact).Sql("="u8);
                key[i].Literal.Write(writer, false, cells[i].Bytes.Span);
            }
        }
    }

    /// <summary>The rows of a range; <c>1=1</c> for all.</summary>
    public static void WriteRange(PayloadWriter writer, KeyColumnSql[] key, KeyRange range)
    {
        if (range.Lower is null && range.Upper is null)
        {
            writer.Sql("1=1"u8);
            return;
        }

        if (range.Lower is { } lower)
        {
            WriteBeyond(writer, key, lower.Cells, ">"u8, ">"u8);
        }

        if (range.Upper is { } upper)
        {
            if (range.Lower is not null)
            {
                writer.Sql(" AND "u8);
            }

            WriteBeyond(writer, key, upper.Cells, "<"u8, "<="u8);
        }
    }

    /// <summary><c>(a &gt; x OR (a = x AND (b &gt; y OR (b = y AND c &gt;= z))))</c>: the last column may include its bound.</summary>
    private static void WriteBeyond(PayloadWriter writer, KeyColumnSql[] key, Cell[] bound, ReadOnlySpan<byte> strict, ReadOnlySpan<byte> last)
    {
        for (var i = 0; i < key.Length; i++)
        {
            if (i == key.Length - 1)
            {
                WriteComparison(writer, key[i], last, bound[i]);
                break;
            }

            writer.Sql("("u8);
            WriteComparison(writer, key[i], strict, bound[i]);
            writer.Sql(" OR ("u8);
            WriteComparison(writer, key[i], "="u8, bound[i]);
            writer.Sql(" AND "u8);
        }

        for (var i = 0; i < key.Length - 1; i++)
        {
            writer.Sql("))"u8);
        }
    }

    private static void WriteComparison(PayloadWriter writer, KeyColumnSql column, ReadOnlySpan<byte> comparison, Cell cell)
    {
        writer.Sql(column.QuotedName).Sql(comparison);
        column.Literal.Write(writer, false, cell.Bytes.Span);
    }
}
