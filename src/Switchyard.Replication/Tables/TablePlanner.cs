using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tables;

/// <summary>Reads the definitions of a stream's tables on both sides and works out how to move them.</summary>
internal sealed class TablePlanner(StreamDefinition definition, StreamTables tables, ServerInfo sourceServer, ServerInfo targetServer)
{
    // All tables of the schemas, with the foreign keys by which the log's next rows were written.
    private readonly Dictionary<TableName, TableDefinition> _known = [];
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
    /// <exception cref="ReplicationException">A table is missing on the target, or on the source without a statement that is followed, has no key, or cannot be replicated exactly.</exception>
    public async Task LoadAsync(BackendConnection source, BackendConnection target, CancellationToken cancellationToken)
    {
        var sourceTables = new List<TableDefinition>();
        var targetTables = new List<TableDefinition>();
        foreach (var schema in tables.All.Select(t => t.Name.Schema).Distinct())
        {
            sourceTables.AddRange(await SchemaReader.ReadTablesAsync(source, schema, cancellationToken).ConfigureAwait(false));
            targetTables.AddRange(await SchemaReader.ReadTablesAsync(target, schema, cancellationToken).ConfigureAwait(false));
        }

        foreach (var other in sourceTables)
        {
            _known[other.Name] = other;
        }

        var pairs = new List<(StreamTable Table, TableDefinition? Source, TableDefinition? Target)>();
        foreach (var table in tables.All)
        {
            var (onSource, onTarget) = (Find(sourceTables, table.Name), Find(targetTables, table.Name));
            if (onSource is not null && onTarget is null)
            {
                throw new ReplicationException($"Table {table.Name} is not on the target {definition.To.Host}:{definition.To.Port}; copy the schema first.");
            }

            if (onSource is null && !FollowsDropped(table))
            {
                throw new ReplicationException($"Table {table.Name} is not on the source {definition.From.Host}:{definition.From.Port}.");
            }

            pairs.Add((table, onSource, onTarget));
        }

        LearnRoles(pairs, (FollowsDefinitions ? targetTables : sourceTables).ToDictionary(t => t.Name, t => t.ForeignKeys));
        foreach (var (table, onSource, onTarget) in pairs)
        {
            // Rows of one that was dropped since can come before the statement that did it.
            (table.Plan, table.OtherPlan) = onSource is null && onTarget is not null ? (TryPlan(onTarget, onTarget), null) : FindPlans(onSource, onTarget);
        }
    }

    /// <summary>A table that was dropped on the source is dropped on the target too, where its statement has been met, and no more is to be done for it.</summary>
    private bool FollowsDropped(StreamTable table) => table.Copy is null && definition.OnDdl is OnDdl.Exec or OnDdl.ExecIgnore;

    /// <summary>Reads some tables again after their definitions changed. One that neither side has any more is not to be copied any more either.</summary>
    /// <returns>Those that cannot be followed on: being copied and others by now, or with another key, or with none before a later one. All are left as they are then.</returns>
    public async Task<IReadOnlyList<TableName>> ReloadAsync(IEnumerable<TableName> names, CancellationToken cancellationToken)
    {
        var source = await BackendConnection.OpenAsync(definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var sourceLease = source.ConfigureAwait(false);
        var target = await BackendConnection.OpenAsync(definition.To with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var targetLease = target.ConfigureAwait(false);
        var pairs = new List<(StreamTable Table, TableDefinition? Source, TableDefinition? Target)>();
        foreach (var name in names)
        {
            var table = tables.Find(name.Schema, name.Name)!;
            pairs.Add((
                table,
                await SchemaReader.ReadTableAsync(source, table.Name, cancellationToken).ConfigureAwait(false),
                await SchemaReader.ReadTableAsync(target, table.Name, cancellationToken).ConfigureAwait(false)));
        }

        var withoutKey = pairs.Where(p => p is { Source: { } there, Target: { } here } && AsLogged(there, here).Key is null).ToArray();
        if (withoutKey.FirstOrDefault(p => p.Source!.Key is null) is { Source: { } keyless } bare)
        {
            throw new ReplicationException(
                $"Table {keyless.Name} lost its primary key{(bare.Table.Copy is null ? "" : " while it was being copied")}, and has no unique key of non-null columns: its rows cannot be told apart. "
                + (bare.Table.Copy is null
                    ? $"Give it one on the source if it has none by now (ALTER TABLE {keyless.Name.Quoted} ADD PRIMARY KEY (…)), and go on with `migration start`, which follows that, or copies the table again where the key is a new column. "
                    : "Give it one on the source, cancel the migration and start again. ")
                + "Both in one statement stop nothing: ALTER TABLE … DROP PRIMARY KEY, ADD PRIMARY KEY (…).");
        }

        if (withoutKey.Length > 0)
        {
            // Its key of now is in columns that come later in the log: until then nothing names its rows.
            return [.. withoutKey.Select(p => p.Table.Name)];
        }

        if (definition.SourceLogsCascades != true)
        {
            LearnRoles(pairs, await ReadForeignKeysAsync(FollowsDefinitions ? target : source, cancellationToken).ConfigureAwait(false));
        }

        var found = pairs.Select(p => (p.Table, IsGone: p.Source is null && p.Target is null, Plans: FindPlans(p.Source, p.Target))).ToArray();
        TableName[] lost = [.. found.Where(f => f.Table is { Copy: not null, Plan: { } before } && !f.IsGone && (f.Plans.Plan is not { } now || !SameKey(before, now))).Select(f => f.Table.Name)];
        if (lost.Length > 0)
        {
            return lost;
        }

        foreach (var (table, isGone, plans) in found)
        {
            (table.Plan, table.OtherPlan) = plans;
            if (isGone)
            {
                table.Copy = null;
            }
            else if (table.Copy is not null)
            {
                table.Copy.Table = table.Plan!;
            }
        }

        PassOnRoles();
        return [];
    }

    /// <summary>The target has followed what the stream has met, so its foreign keys are those that act on the log's next rows; what the source has changed since acts on later ones.</summary>
    private bool FollowsDefinitions => definition.OnDdl == OnDdl.Exec;

    private async Task<Dictionary<TableName, IReadOnlyList<ForeignKeyDefinition>>> ReadForeignKeysAsync(BackendConnection server, CancellationToken cancellationToken)
    {
        var keys = new Dictionary<TableName, IReadOnlyList<ForeignKeyDefinition>>();
        foreach (var schema in tables.All.Select(t => t.Name.Schema).Distinct())
        {
            foreach (var (name, list) in await SchemaReader.ReadForeignKeysAsync(server, schema, cancellationToken).ConfigureAwait(false))
            {
                keys[name] = list;
            }
        }

        return keys;
    }

    /// <summary>Works out what foreign keys do to each table's rows, by the definitions at this place of the log.</summary>
    /// <exception cref="ReplicationException">Rows of a table that is being copied change by themselves from here on.</exception>
    private void LearnRoles(IReadOnlyCollection<(StreamTable Table, TableDefinition? Source, TableDefinition? Target)> pairs, Dictionary<TableName, IReadOnlyList<ForeignKeyDefinition>> foreignKeys)
    {
        if (definition.SourceLogsCascades == true)
        {
            return;
        }

        foreach (var (table, source, target) in pairs)
        {
            if (source is null || target is null)
            {
                _known.Remove(table.Name);
            }
            else
            {
                _known[source.Name] = source;
            }
        }

        foreach (var table in tables.All.Where(t => _known.ContainsKey(t.Name)))
        {
            _known[table.Name] = _known[table.Name] with { ForeignKeys = foreignKeys.GetValueOrDefault(table.Name, []) };
        }

        var roles = CascadeRole.Of(_known.Values);
        foreach (var table in tables.All.Where(t => t.Plan is not null))
        {
            if (roles.TryGetValue(table.Plan!.Name, out var role) && role.Adds(table.Plan.Cascades)
                && role.Ancestors.Append(table.Plan.Name).FirstOrDefault(n => tables.Find(n.Schema, n.Name)?.Copy is not null) is { Name: not null } copied)
            {
                throw new ReplicationException($"A foreign key was added by which rows of {table.Name}, or of tables that refer to it, change without an event of their own, while {copied} was being copied; cancel the migration and start again.");
            }
        }

        _roles = roles;
    }

    /// <summary>A foreign key of one table is a matter of the tables it refers to as well.</summary>
    private void PassOnRoles()
    {
        foreach (var table in tables.All)
        {
            if (table.Plan is { } plan && _roles.TryGetValue(plan.Name, out var role) && !role.IsSameAs(plan.Cascades))
            {
                table.Plan = plan.With(role);
                table.OtherPlan = table.OtherPlan?.With(role);
                if (table.Copy is not null)
                {
                    table.Copy.Table = table.Plan;
                }
            }
        }
    }

    /// <summary>
    /// The source may be statements ahead of the stream. The target has followed exactly those the stream has met, so where the two differ the target's
    /// definition is the one the log's next rows were written by.
    /// </summary>
    private (TablePlan? Plan, TablePlan? OtherPlan) FindPlans(TableDefinition? source, TableDefinition? target)
    {
        if (source is null || target is null)
        {
            return (null, null);
        }

        if (!FollowsDefinitions || AsTheTargetHasIt(source, target) is not { } then)
        {
            return (Plan(source, target), null);
        }

        if (then.Key is null && source.Key is not null)
        {
            // Reading on meets the statement that took its key from it first, which lets it be copied again.
            return (null, null);
        }

        var isWritable = source.StoredColumns.All(c => target.Columns.Any(t => string.Equals(t.Name, c.Name, StringComparison.OrdinalIgnoreCase)));
        return (Plan(then, target), isWritable ? TryPlan(source, target) : null);
    }

    /// <summary>Null when the target cannot be written so before it has followed what the source has changed since.</summary>
    private TablePlan? TryPlan(TableDefinition source, TableDefinition target)
    {
        try
        {
            return Plan(source, target);
        }
        catch (ReplicationException)
        {
            return null;
        }
    }

    private TableDefinition AsLogged(TableDefinition source, TableDefinition target) => (FollowsDefinitions ? AsTheTargetHasIt(source, target) : null) ?? source;

    private TableDefinition? AsTheTargetHasIt(TableDefinition source, TableDefinition target)
    {
        var sameKind = SourceServer.IsMariaDb == TargetServer.IsMariaDb;
        var columns = new List<ColumnDefinition>();
        foreach (var column in target.Columns)
        {
            var there = source.Columns.FirstOrDefault(c => string.Equals(c.Name, column.Name, StringComparison.OrdinalIgnoreCase));
            columns.Add(there is not null && (IsTranslated(there, column) || (sameKind ? SameValues(there, column) : SameMembers(there, column))) ? there with { Ordinal = column.Ordinal } : column);
        }

        // Their order is part of it: rows name no columns, and those written before a missed MODIFY … FIRST would be taken for others.
        return columns.SequenceEqual(source.Columns) ? null : source with { Columns = columns, Indexes = target.Indexes, Key = target.Key ?? KeyOver(columns, source) };
    }

    /// <summary>A key that was dropped and made anew since, where its columns are those of before.</summary>
    private static IndexDefinition? KeyOver(List<ColumnDefinition> columns, TableDefinition source) =>
        source.Key is { } key && key.Columns.All(k => columns.Exists(c => string.Equals(c.Name, k, StringComparison.OrdinalIgnoreCase))) ? key : null;

    // A type that one of the servers does not have differs from the beginning, and not because a statement was missed.
    private bool IsTranslated(ColumnDefinition source, ColumnDefinition target) =>
        !ServerTraits.Knows(TargetServer, source.DataType) || !ServerTraits.Knows(SourceServer, target.DataType);

    // What the log does not say of a column and its decoding needs.
    private static bool SameValues(ColumnDefinition left, ColumnDefinition right) =>
        left.DataType == right.DataType && left.IsUnsigned == right.IsUnsigned && left.IsGenerated == right.IsGenerated && left.NumericScale == right.NumericScale
        && Charset(left) == Charset(right) && SameMembers(left, right);

    private static bool SameMembers(ColumnDefinition left, ColumnDefinition right) => left.Kind is not (ColumnKind.Enum or ColumnKind.Set) || left.Kind != right.Kind || left.ColumnType == right.ColumnType;

    private static string? Charset(ColumnDefinition column) => column.CharacterSet == "utf8" ? "utf8mb3" : column.CharacterSet;

    // Names can differ in nothing but case, where a server tells such apart.
    private static TableDefinition? Find(List<TableDefinition> all, TableName name) =>
        all.FirstOrDefault(t => t.Name == name)
        ?? all.FirstOrDefault(t => string.Equals(t.Name.Schema, name.Schema, StringComparison.OrdinalIgnoreCase) && string.Equals(t.Name.Name, name.Name, StringComparison.OrdinalIgnoreCase));

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
