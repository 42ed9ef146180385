using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tables;

/// <summary>
/// What foreign keys do behind the log's back: on servers that do not write cascaded changes to the log, the target has to cascade too.
/// </summary>
internal sealed record CascadeRole
{
    public static CascadeRole None { get; } = new();

    /// <summary>Tables whose rows change this table's rows without an event: the parents of cascading foreign keys, and theirs.</summary>
    public IReadOnlyList<TableName> Ancestors { get; init; } = [];

    /// <summary>Deleting a row here changes other tables.</summary>
    public bool DeleteCascades { get; init; }

    /// <summary>Columns whose change here changes other tables.</summary>
    public IReadOnlyList<string> UpdateCascadesFrom { get; init; } = [];

    /// <summary>The table is among its own ancestors.</summary>
    public bool IsOwnAncestor { get; init; }

    /// <summary>Rows change without events, so a chunk has to be inserted at exactly the position of its snapshot.</summary>
    public bool NeedsExactCopy => Ancestors.Count > 0;

    public bool IsSameAs(CascadeRole other) => !Adds(other) && !other.Adds(this);

    /// <summary>Whether rows change by themselves here, or because of this table, that did not in another role of it.</summary>
    public bool Adds(CascadeRole before) =>
        Ancestors.Except(before.Ancestors).Any() || (DeleteCascades && !before.DeleteCascades) || UpdateCascadesFrom.Except(before.UpdateCascadesFrom, StringComparer.OrdinalIgnoreCase).Any();

    /// <summary>The role of every table, among all of them.</summary>
    public static IReadOnlyDictionary<TableName, CascadeRole> Of(IReadOnlyCollection<TableDefinition> tables)
    {
        var parents = tables.ToDictionary(
            t => t.Name,
            t => t.ForeignKeys.Where(f => f.Cascades).Select(f => f.ReferencedTable).Distinct().ToArray());
        return tables.ToDictionary(t => t.Name, t => RoleOf(t, tables, parents));
    }

    private static CascadeRole RoleOf(TableDefinition table, IReadOnlyCollection<TableDefinition> all, Dictionary<TableName, TableName[]> parents)
    {
        var ancestors = new HashSet<TableName>();
        var pending = new Stack<TableName>([table.Name]);
        while (pending.TryPop(out var next))
        {
            foreach (var parent in parents.GetValueOrDefault(next, []))
            {
                if (ancestors.Add(parent))
                {
                    pending.Push(parent);
                }
            }
        }

        var incoming = all.SelectMany(t => t.ForeignKeys).Where(f => f.ReferencedTable == table.Name).ToArray();
        return new CascadeRole
        {
            Ancestors = [.. ancestors],
            IsOwnAncestor = ancestors.Contains(table.Name),
            DeleteCascades = incoming.Any(f => Acts(f.OnDelete)),
            UpdateCascadesFrom = [.. incoming.Where(f => Acts(f.OnUpdate)).SelectMany(f => f.ReferencedColumns).Distinct(StringComparer.OrdinalIgnoreCase)],
        };
    }

    private static bool Acts(ForeignKeyAction action) =>
        action is ForeignKeyAction.Cascade or ForeignKeyAction.SetNull or ForeignKeyAction.SetDefault;
}
