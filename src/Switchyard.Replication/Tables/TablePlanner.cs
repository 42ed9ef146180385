using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tables;

/// <summary>Reads the definitions of a stream's tables on both sides and works out how to move them.</summary>
internal sealed class TablePlanner(StreamDefinition definition, StreamTables tables, ServerInfo sourceServer, ServerInfo targetServer)
{
    private IReadOnlyDictionary<TableName, CascadeRole> _roles = new Dictionary<TableName, CascadeRole>();

    public ServerInfo SourceServer { get; } = sourceServer;

    public ServerInfo TargetServer { get; } = targetServer;

    /// <summary>Whether cascaded changes are in the source's log: on MySQL from 9.6, unless foreign keys are left to InnoDB as before.</summary>
    public static async Task<bool> ReadLogsCascadesAsync(BackendConnection source, CancellationToken cancellationToken)
    {
        if (!source.Server.IsAtLeast(ServerVendor.MySql, 9, 6))
        {
            return false;
        }

        var native = await source.QueryAsync("SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'", cancellationToken).ConfigureAwait(false);
        return native.RowCount == 0 || native.GetString(0, 1) == "OFF";
    }

    /// <summary>Reads everything.</summary>
    /// <exception cref="ReplicationException">A table is missing on a side, has no key, or cannot be replicated exactly.</exception>
    public async Task LoadAsync(BackendConnection source, BackendConnection target, CancellationToken cancellationToken)
    {
        var sourceTables = new List<TableDefinition>();
        var targetTables = new List<TableDefinition>();
        foreach (var schema in tables.All.Select(t => t.Name.Schema).Distinct())
        {
            sourceTables.AddRange(await SchemaReader.ReadTablesAsync(source, schema, cancellationToken).ConfigureAwait(false));
            targetTables.AddRange(await SchemaReader.ReadTablesAsync(target, schema, cancellationToken).ConfigureAwait(false));
        }

        if (definition.SourceLogsCascades != true)
        {
            _roles = CascadeRole.Of(sourceTables);
        }

        foreach (var table in tables.All)
        {
            var onSource = sourceTables.FirstOrDefault(t => Same(t.Name, table.Name))
                ?? throw new ReplicationException($"Table {table.Name} is not on the source {definition.From.Host}:{definition.From.Port}.");
            var onTarget = targetTables.FirstOrDefault(t => Same(t.Name, table.Name))
                ?? throw new ReplicationException($"Table {table.Name} is not on the target {definition.To.Host}:{definition.To.Port}; copy the schema first.");
            SetPlan(table, onSource, onTarget);
        }
    }

    /// <summary>Reads some tables again after their definitions changed.</summary>
    public async Task ReloadAsync(IEnumerable<TableName> names, CancellationToken cancellationToken)
    {
        var source = await BackendConnection.OpenAsync(definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var sourceLease = source.ConfigureAwait(false);
        var target = await BackendConnection.OpenAsync(definition.To with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var targetLease = target.ConfigureAwait(false);
        foreach (var name in names)
        {
            var table = tables.Find(name.Schema, name.Name)!;
            var before = table.Plan;
            var onSource = await SchemaReader.ReadTableAsync(source, table.Name, cancellationToken).ConfigureAwait(false);
            var onTarget = await SchemaReader.ReadTableAsync(target, table.Name, cancellationToken).ConfigureAwait(false);
            SetPlan(table, onSource, onTarget);
            if (table.Copy is not null && (table.Plan is null || before is null || !SameKey(before, table.Plan)))
            {
                throw new ReplicationException($"The key of table {table.Name} changed, or the table was dropped, while it was being copied; cancel the migration and start again.");
            }

            if (table.Copy is not null)
            {
                table.Copy.Table = table.Plan!;
            }
        }
    }

    /// <summary>
    /// The source may be statements ahead of the stream. The target has followed exactly those the stream has met, so where the two differ the target's
    /// definition is the one the log's next rows were written by.
    /// </summary>
    private void SetPlan(StreamTable table, TableDefinition? source, TableDefinition? target)
    {
        table.OtherPlan = null;
        if (source is null || target is null)
        {
            table.Plan = null;
            return;
        }

        if (definition.OnDdl != OnDdl.Exec || AsTheTargetHasIt(source, target) is not { } then)
        {
            table.Plan = Plan(source, target);
            return;
        }

        table.Plan = Plan(then, target);
        if (source.StoredColumns.All(c => target.Columns.Any(t => string.Equals(t.Name, c.Name, StringComparison.OrdinalIgnoreCase))))
        {
            table.OtherPlan = Plan(source, target);
        }
    }

    private TableDefinition? AsTheTargetHasIt(TableDefinition source, TableDefinition target)
    {
        var sameKind = SourceServer.IsMariaDb == TargetServer.IsMariaDb;
        var columns = new List<ColumnDefinition>();
        foreach (var column in target.Columns)
        {
            var there = source.Columns.FirstOrDefault(c => string.Equals(c.Name, column.Name, StringComparison.OrdinalIgnoreCase));
            columns.Add(there is not null && (!sameKind || IsTranslated(there, column) || SameValues(there, column)) ? there with { Ordinal = column.Ordinal } : column);
        }

        // The same columns, or common ones in another order, are not what a missed statement looks like: then the source's word counts.
        var common = columns.Where(c => source.Columns.Any(s => s.Name == c.Name)).Select(c => c.Name);
        var isSame = columns.Count == source.Columns.Count && columns.All(c => source.Columns.Contains(c with { Ordinal = source.Columns.FirstOrDefault(s => s.Name == c.Name)?.Ordinal ?? -1 }));
        return isSame || !common.SequenceEqual(source.Columns.Select(c => c.Name).Where(n => columns.Any(c => c.Name == n))) ? null : source with { Columns = columns, Indexes = target.Indexes, Key = target.Key };
    }

    // A type that one of the servers does not have differs from the beginning, and not because a statement was missed.
    private bool IsTranslated(ColumnDefinition source, ColumnDefinition target) =>
        !ServerTraits.Knows(TargetServer, source.DataType) || !ServerTraits.Knows(SourceServer, target.DataType);

    // What the log does not say of a column and its decoding needs.
    private static bool SameValues(ColumnDefinition left, ColumnDefinition right) =>
        left.DataType == right.DataType && left.IsUnsigned == right.IsUnsigned && left.IsGenerated == right.IsGenerated && left.NumericScale == right.NumericScale
        && Charset(left) == Charset(right) && (left.Kind is not (ColumnKind.Enum or ColumnKind.Set) || left.ColumnType == right.ColumnType);

    private static string? Charset(ColumnDefinition column) => column.CharacterSet == "utf8" ? "utf8mb3" : column.CharacterSet;

    private static bool Same(TableName left, TableName right) =>
        left == right || (string.Equals(left.Schema, right.Schema, StringComparison.OrdinalIgnoreCase) && string.Equals(left.Name, right.Name, StringComparison.OrdinalIgnoreCase));

    private static bool SameKey(TablePlan left, TablePlan right) =>
        left.Source.KeyColumns.Select(c => (c.Name, c.ColumnType, c.Collation)).SequenceEqual(right.Source.KeyColumns.Select(c => (c.Name, c.ColumnType, c.Collation)));

    private TablePlan Plan(TableDefinition source, TableDefinition target)
    {
        var role = _roles.GetValueOrDefault(source.Name, CascadeRole.None);
        if (role.Ancestors.FirstOrDefault(a => tables.Find(a.Schema, a.Name) is null) is { Name: not null } missing)
        {
            throw new ReplicationException($"Rows of {source.Name} change through a cascading foreign key when {missing} changes, which the source does not log; migrate {missing} too.");
        }

        return TablePlan.Create(source, target, role, SourceServer, TargetServer);
    }
}
