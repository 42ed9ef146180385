using Switchyard.Replication.Tables;

namespace Switchyard.Replication.Schema;

/// <summary>Foreign keys between what is moved and what stays, and cascades the log does not show.</summary>
internal static class ForeignKeyRules
{
    internal static IEnumerable<GateFinding> Check(IReadOnlyList<TableDefinition> chosen, IReadOnlyList<TableDefinition> all, ServerFacts server)
    {
        var names = chosen.Select(t => t.Name).ToHashSet();
        foreach (var table in chosen)
        {
            foreach (var key in table.ForeignKeys.Where(k => !names.Contains(k.ReferencedTable)))
            {
                yield return GateFinding.Refuse(
                    "foreign_key_out", table.Name.ToString(), $"{table.Name} refers by {key.Name} to {key.ReferencedTable}, which is not moved.",
                    $"Move {key.ReferencedTable} too, or drop the foreign key.");
            }

            foreach (var key in table.ForeignKeys.Where(k => k.Cascades && names.Contains(k.ReferencedTable) && !LogsCascades(server)))
            {
                yield return GateFinding.Info(
                    "cascade_unlogged", table.Name.ToString(),
                    $"{key.Name} of {table.Name} changes rows when {key.ReferencedTable} changes, and {server.Title} does not log these changes; the target makes them itself.");
            }
        }

        foreach (var cycle in LogsCascades(server) ? [] : Cycles(chosen))
        {
            yield return cycle;
        }

        foreach (var table in all.Where(t => !names.Contains(t.Name)))
        {
            foreach (var key in table.ForeignKeys.Where(k => names.Contains(k.ReferencedTable)))
            {
                yield return Inward(table.Name, key.Name, key.ReferencedTable);
            }
        }
    }

    private static IEnumerable<GateFinding> Cycles(IReadOnlyList<TableDefinition> chosen)
    {
        var roles = CascadeRole.Of(chosen);
        foreach (var (table, role) in roles.Where(r => r.Value.IsOwnAncestor).OrderBy(r => r.Key.ToString(), StringComparer.Ordinal))
        {
            if (role.Ancestors.Where(a => a != table && roles.GetValueOrDefault(a)?.IsOwnAncestor == true).Order().FirstOrDefault() is { Name: not null } other)
            {
                yield return GateFinding.Refuse(
                    "cascade_cycle", table.ToString(), $"{table} and {other} cascade into each other, and the source does not log what foreign keys change, so that no copy can be exact.",
                    "Change one of the foreign keys to RESTRICT on the source for the time of the migration.");
            }
        }
    }

    /// <summary>The same, of tables in schemas nothing is moved of.</summary>
    internal static IEnumerable<GateFinding> CheckOthers(IReadOnlyList<TableDefinition> chosen, IReadOnlyList<OuterForeignKey> others)
    {
        var names = chosen.Select(t => t.Name).ToHashSet();
        return others.Where(k => names.Contains(k.Parent)).Select(k => Inward(k.Child, k.Name, k.Parent));
    }

    private static GateFinding Inward(TableName child, string key, TableName parent) => GateFinding.Refuse(
        "foreign_key_in", child.ToString(), $"{child}, which is not moved, refers by {key} to {parent}, which is.", $"Move {child} too, or drop the foreign key.");

    /// <summary>MySQL runs and logs cascades in the server since 9.6; before that, and on MariaDB, the engine runs them unseen.</summary>
    internal static bool LogsCascades(ServerFacts server) => !server.IsMariaDb && server.AtLeast(9, 6) && !server.IsOn("innodb_native_foreign_keys");
}
