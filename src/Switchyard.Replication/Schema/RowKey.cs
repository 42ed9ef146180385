namespace Switchyard.Replication.Schema;

/// <summary>What identifies a row of a table.</summary>
internal static class RowKey
{
    /// <summary>
    /// The primary key; else, of the unique keys over whole, non-null, non-generated columns whose equality is exact, the one with the fewest
    /// columns, integers first; else none.
    /// </summary>
    internal static IndexDefinition? Choose(IReadOnlyList<ColumnDefinition> columns, IReadOnlyList<IndexDefinition> indexes)
    {
        var byName = columns.ToDictionary(c => c.Name, StringComparer.OrdinalIgnoreCase);
        return indexes.FirstOrDefault(i => i.IsPrimary && i.Parts.All(p => p.PrefixLength is null))
            ?? indexes.Where(i => i.IsUnique && !i.IsPrimary && i.Kind == IndexKind.BTree && i.Parts.All(p => IsUsable(p, byName)))
                .OrderBy(i => i.Parts.Count)
                .ThenBy(i => i.Columns.All(c => byName[c].Kind == ColumnKind.Integer) ? 0 : 1)
                .ThenBy(i => i.Name, StringComparer.Ordinal)
                .FirstOrDefault();
    }

    private static bool IsUsable(IndexPart part, Dictionary<string, ColumnDefinition> columns) =>
        part is { Column: { } name, PrefixLength: null }
        && columns.TryGetValue(name, out var column)
        && column is { IsNullable: false, IsGenerated: false, Kind: not (ColumnKind.Float or ColumnKind.Double) };
}
