using System.Text;
using Switchyard.Replication.Schema;

namespace Switchyard.Verification;

/// <summary>Differences as people read them.</summary>
internal static class RowDifferences
{
    private const int ValueLimitChars = 200;

    public static RowDifference Describe(TablePair table, byte[] key, byte[]? left, byte[]? right, bool showValues)
    {
        var kind = left is null ? DifferenceKind.Extra : right is null ? DifferenceKind.Missing : DifferenceKind.Different;
        var keyText = string.Join(", ", PackedRow.Split(key).Select((cell, i) => Print(table.Columns[i].Left, cell)));
        if (left is null || right is null)
        {
            return new RowDifference(kind, keyText, [], null, null);
        }

        var differing = table.DifferingColumns(left, right);
        var a = PackedRow.Split(left);
        var b = PackedRow.Split(right);
        return new RowDifference(
            kind,
            keyText,
            [.. differing.Select(i => table.Columns[i].Name)],
            showValues ? [.. differing.Select(i => a[i].Bytes is null ? null : Print(table.Columns[i].Left, a[i]))] : null,
            showValues ? [.. differing.Select(i => b[i].Bytes is null ? null : Print(table.Columns[i].Right, b[i]))] : null);
    }

    private static string Print(ColumnDefinition column, PackedCell cell)
    {
        if (cell.Bytes is not { } bytes)
        {
            return "NULL";
        }

        if (cell.IsDigest)
        {
            return $"{PackedRow.DigestedLength(bytes.Span)} bytes, SHA-256{(column.Kind == ColumnKind.Json ? " of what they mean" : "")} {Convert.ToHexStringLower(PackedRow.HashOf(bytes.Span))}";
        }

        if (column.Kind == ColumnKind.Json)
        {
            // Where only the types differ, they are what there is to see.
            bytes = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(bytes.Span).Replace("\u0001", " types ", StringComparison.Ordinal));
        }

        if (column.Kind is not (ColumnKind.Binary or ColumnKind.Geometry))
        {
            var text = Encoding.UTF8.GetString(bytes.Span);
            if (!text.Any(c => char.IsControl(c) || c == '\uFFFD'))
            {
                return text.Length <= ValueLimitChars ? text : text[..ValueLimitChars] + "…";
            }
        }

        var shown = bytes.Span[..Math.Min(bytes.Length, ValueLimitChars / 2)];
        return $"0x{Convert.ToHexString(shown)}{(shown.Length < bytes.Length ? "…" : "")}";
    }
}
