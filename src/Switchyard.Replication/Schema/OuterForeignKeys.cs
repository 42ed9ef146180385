using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>A foreign key that refers to a table of a schema from outside of it.</summary>
/// <param name="Child">The table that declares it.</param>
/// <param name="Name">Its name.</param>
/// <param name="Parent">The table it refers to.</param>
/// <param name="Columns">The parent's columns, in the key's order.</param>
internal sealed record OuterForeignKey(TableName Child, string Name, TableName Parent, IReadOnlyList<string> Columns);

/// <summary>Reads the foreign keys that other schemas have into some.</summary>
internal static class OuterForeignKeys
{
    internal static async Task<IReadOnlyList<OuterForeignKey>> ReadAsync(BackendConnection connection, IReadOnlyCollection<string> schemas, CancellationToken cancellationToken)
    {
        var names = string.Join(", ", schemas.Select(SqlText.QuoteString));
        var rows = await connection.QueryAsync(
            "SELECT r.constraint_schema AS s, r.table_name AS t, r.constraint_name AS n, r.unique_constraint_schema AS ps, r.referenced_table_name AS pt, k.referenced_column_name AS c "
            + "FROM information_schema.referential_constraints r JOIN information_schema.key_column_usage k "
            + "ON k.constraint_schema = r.constraint_schema AND k.constraint_name = r.constraint_name AND k.table_schema = r.constraint_schema AND k.table_name = r.table_name "
            + $"WHERE r.unique_constraint_schema IN ({names}) AND r.constraint_schema NOT IN ({names}) ORDER BY k.ordinal_position", cancellationToken).ConfigureAwait(false);
        return
        [
            .. rows.Rows.GroupBy(r => (Child: new TableName(r.GetString("s"), r.GetString("t")), Name: r.GetString("n"), Parent: new TableName(r.GetString("ps"), r.GetString("pt"))))
                .Select(g => new OuterForeignKey(g.Key.Child, g.Key.Name, g.Key.Parent, [.. g.Select(r => r.GetString("c"))])),
        ];
    }
}
