namespace Switchyard.Replication.Schema;

/// <summary>
/// Rewrites what the source prints for SHOW CREATE TABLE into what the target understands and means the same by. The list of rewritings is in
/// docs/internals/schema-translation.md.
/// </summary>
internal sealed class TableTranslator(ServerTraits source, ServerTraits target)
{
    /// <param name="table">The table as read from the source.</param>
    /// <param name="referencedColumns">Columns of this table other tables' foreign keys refer to, as lists in order.</param>
    /// <param name="deferIndexes">Whether indexes that can wait are left out of the CREATE statement.</param>
    internal TranslatedTable Translate(TableDefinition table, IReadOnlyList<IReadOnlyList<string>> referencedColumns, bool deferIndexes)
    {
        try
        {
            return TranslateTokens(table, referencedColumns, deferIndexes);
        }
        catch (FormatException)
        {
            // MariaDB before 10.6 prints the name of a foreign key as it is, a backtick in it too.
            return new TranslatedTable
            {
                Name = table.Name,
                CreateStatement = "",
                DeferredIndexes = [],
                Findings = [GateFinding.Refuse(
                    "definition_unreadable", table.Name.ToString(), $"The source prints {table.Name} in a form that cannot be read back: a name in it has a backtick or a quote that is not written as two.",
                    "Give the constraint or column another name on the source, or exclude the table.")],
            };
        }
    }

    private TranslatedTable TranslateTokens(TableDefinition table, IReadOnlyList<IReadOnlyList<string>> referencedColumns, bool deferIndexes)
    {
        var findings = new List<GateFinding>();
        var tokens = SqlTokens.Read(table.CreateStatement);
        var open = tokens.FindIndex(t => t.Is("("));
        var close = SqlTokens.Closing(tokens, open);
        var columns = new ColumnTranslator(target, table, findings);
        var keys = new KeyTranslator(target, table, findings);
        var elements = new List<string>();
        var deferred = new List<DeferredIndex>();
        var deferrable = deferIndexes ? DeferrableIndexes(table, referencedColumns) : [];
        foreach (var element in SqlTokens.SplitAtCommas(tokens, open + 1, close))
        {
            if (element[0].Kind == SqlTokenKind.Name)
            {
                elements.Add(columns.Translate(element));
            }
            else if (keys.Translate(element) is { } definition)
            {
                if (KeyTranslator.NameOf(element) is { } name && deferrable.Contains(name))
                {
                    deferred.Add(new DeferredIndex(name, definition));
                }
                else
                {
                    elements.Add(definition);
                }
            }
        }

        var options = new TableOptionTranslator(source, target, table, findings).Translate(tokens[(close + 1)..]);
        return new TranslatedTable
        {
            Name = table.Name,
            CreateStatement = $"CREATE TABLE IF NOT EXISTS {table.Name.Quoted} (\n  {string.Join(",\n  ", elements)}\n) {options}",
            DeferredIndexes = deferred,
            Findings = findings,
        };
    }

    /// <summary>
    /// Plain non-unique B-tree indexes that neither a foreign key (in either direction) nor AUTO_INCREMENT needs. Unique ones guard the rows
    /// while they are written; FULLTEXT and SPATIAL ones block writes when built later.
    /// </summary>
    private static HashSet<string> DeferrableIndexes(TableDefinition table, IReadOnlyList<IReadOnlyList<string>> referencedColumns)
    {
        var needed = table.ForeignKeys.Select(f => f.Columns).Concat(referencedColumns).ToList();
        var auto = table.Columns.FirstOrDefault(c => c.IsAutoIncrement)?.Name;
        return
        [
            .. table.Indexes.Where(i => !i.IsUnique && i.Kind == IndexKind.BTree && i.Parts.All(p => p.Column is not null)
                && !string.Equals(i.Parts[0].Column, auto, StringComparison.OrdinalIgnoreCase)
                && !needed.Exists(columns => StartsWithAny(i, columns))
                && i.Name != table.Key?.Name).Select(i => i.Name),
        ];
    }

    /// <summary>Foreign keys accept their columns in any order at the index's front, so every overlap there counts as needed.</summary>
    private static bool StartsWithAny(IndexDefinition index, IReadOnlyList<string> columns) =>
        index.Parts.Count >= columns.Count
        && index.Columns.Take(columns.Count).All(c => columns.Contains(c, StringComparer.OrdinalIgnoreCase));
}
