using System.Diagnostics.CodeAnalysis;
using System.Text;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Keys;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Values;

namespace Switchyard.Replication.Tables;

/// <summary>Everything about moving one table, worked out once from its definitions on both sides. Immutable.</summary>
internal sealed class TablePlan
{
    private TablePlan(TableDefinition source, TableDefinition target, CascadeRole cascades, ServerInfo sourceServer, ServerInfo targetServer)
    {
        Source = source;
        Name = source.Name;
        SetCascades(cascades);
        if (source.Key is not { } key || source.KeyColumns.Count == 0)
        {
            throw new ReplicationException($"Table {Name} has no primary key and no unique key of non-null columns; add one, for instance ALTER TABLE {Name.Quoted} ADD COLUMN id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY.");
        }

        TakesLoggedRows = LoggedRowRules.Understands(sourceServer, targetServer) && LoggedRowRules.AreAlike(source, target);
        Conflicts = new ConflictKeys(source, target);
        var targetColumns = target.Columns.ToDictionary(c => c.Name, StringComparer.OrdinalIgnoreCase);
        ColumnDefinition OnTarget(ColumnDefinition column) => targetColumns.GetValueOrDefault(column.Name)
            ?? throw new ReplicationException($"Column {Name}.{column.Name} is missing on the target; create it there with the source's definition.");

        // Between MySQL servers, a scalar inside JSON is more than its text. What writes one uses what reads it, JSON_TABLE, which an older target refuses.
        bool KeepsJsonTypes(ColumnDefinition column) =>
            !sourceServer.IsMariaDb && TypedJson.IsReadBy(targetServer) && column.Kind == ColumnKind.Json && targetColumns.TryGetValue(column.Name, out var there) && there.Kind == ColumnKind.Json;

        Shape = source.ToShape(KeepsJsonTypes);
        Columns =
        [
            .. source.StoredColumns.Where(c => !OnTarget(c).IsGenerated).Select(c => new ColumnPlan(
                c.Ordinal,
                Encoding.UTF8.GetBytes(c.QuotedName),
                LiteralRules.ForWrite(Name, c, OnTarget(c), targetServer),
                OnTarget(c).Kind is ColumnKind.Timestamp or ColumnKind.DateTime,
                c.Kind)),
        ];
        KeyOrdinals = [.. source.KeyColumns.Select(c => c.Ordinal)];
        Codec = new KeyCodec(source.KeyColumns);
        SourceKey = [.. source.KeyColumns.Select(c => new KeyColumnSql(Encoding.UTF8.GetBytes(c.QuotedName), LiteralRules.ForCompare(c, sourceServer)))];
        TargetKey =
        [
            .. source.KeyColumns.Select(c => new KeyColumnSql(
                Encoding.UTF8.GetBytes(c.QuotedName),
                LiteralRules.ForCompare(c, targetServer),
                ExactComparison(c, OnTarget(c)))),
        ];
        KeyColumnNames = string.Join(", ", source.KeyColumns.Select(c => c.Name));
        var columnList = string.Join(",", source.StoredColumns.Where(c => !OnTarget(c).IsGenerated).Select(c => c.QuotedName));
        InsertPrefix = Encoding.UTF8.GetBytes($"INSERT INTO {Name.Quoted} ({columnList}) VALUES ");
        UpdatePrefix = Encoding.UTF8.GetBytes($"UPDATE {Name.Quoted} SET ");
        DeletePrefix = Encoding.UTF8.GetBytes($"DELETE FROM {Name.Quoted} WHERE ");
        var selected = string.Join(",", source.StoredColumns.Where(c => !OnTarget(c).IsGenerated).Concat(source.KeyColumns.Where(c => c.IsGenerated))
            .Select(c => KeepsJsonTypes(c) && TypedJson.IsReadBy(sourceServer) ? JsonScalars.ReadingTypes(c.QuotedName) : c.CanonicalExpression));
        var keyNames = string.Join(",", source.KeyColumns.Select(c => c.QuotedName));
        var force = $" FORCE INDEX ({Quote(key.Name)}) WHERE ";
        SelectPrefix = Encoding.UTF8.GetBytes($"SELECT {selected} FROM {Name.Quoted}{force}");
        SelectSuffix = Encoding.UTF8.GetBytes($" ORDER BY {keyNames}");
        BoundPrefix = Encoding.UTF8.GetBytes($"SELECT {string.Join(",", source.KeyColumns.Select(c => c.CanonicalExpression))} FROM {Name.Quoted}{force}");
        var positions = source.StoredColumns.Where(c => !OnTarget(c).IsGenerated).Concat(source.KeyColumns.Where(c => c.IsGenerated)).Select(c => c.Ordinal).ToList();
        SelectedKeyPositions = [.. KeyOrdinals.Select(o => positions.IndexOf(o))];
    }

    public TableName Name { get; }

    public TableDefinition Source { get; }

    public CascadeRole Cascades { get; private set; }

    /// <summary>Ordinals of the columns whose change here changes other tables.</summary>
    public int[] CascadingOrdinals { get; private set; }

    public TableShape Shape { get; }

    /// <summary>Columns in the order of <see cref="InsertPrefix"/> and of what <see cref="SelectPrefix"/> reads first.</summary>
    public ColumnPlan[] Columns { get; }

    public int[] KeyOrdinals { get; }

    /// <summary>By what two changes of the table can meet.</summary>
    public ConflictKeys Conflicts { get; }

    /// <summary>Whether rows mean the same on the target as they stand in the source's log.</summary>
    public bool TakesLoggedRows { get; }

    public KeyCodec Codec { get; }

    public KeyColumnSql[] SourceKey { get; }

    public KeyColumnSql[] TargetKey { get; }

    public string KeyColumnNames { get; }

    public byte[] InsertPrefix { get; }

    public byte[] UpdatePrefix { get; }

    public byte[] DeletePrefix { get; }

    public byte[] SelectPrefix { get; }

    public byte[] SelectSuffix { get; }

    /// <summary>Reads only the key columns.</summary>
    public byte[] BoundPrefix { get; }

    /// <summary>Where each key column stands in a row that <see cref="SelectPrefix"/> reads.</summary>
    public int[] SelectedKeyPositions { get; }

    public static TablePlan Create(TableDefinition source, TableDefinition target, CascadeRole cascades, ServerInfo sourceServer, ServerInfo targetServer) =>
        new(source, target, cascades, sourceServer, targetServer);

    /// <summary>The same table when a foreign key of another one has given it another role.</summary>
    public TablePlan With(CascadeRole role)
    {
        var plan = (TablePlan)MemberwiseClone();
        plan.SetCascades(role);
        return plan;
    }

    /// <summary>The key cells of a row image, in key order.</summary>
    public Cell[] KeyOf(RowImage row)
    {
        var key = new Cell[KeyOrdinals.Length];
        for (var i = 0; i < key.Length; i++)
        {
            key[i] = row[KeyOrdinals[i]];
        }

        return key;
    }

    public byte[] EncodedKeyOf(RowImage row) => Codec.Encode(KeyOf(row));

    [MemberNotNull(nameof(Cascades), nameof(CascadingOrdinals))]
    private void SetCascades(CascadeRole role)
    {
        Cascades = role;
        CascadingOrdinals = [.. Source.Columns.Where(c => role.UpdateCascadesFrom.Contains(c.Name, StringComparer.OrdinalIgnoreCase)).Select(c => c.Ordinal)];
    }

    // Only where collations differ can two keys be one on the target and two on the source.
    private static byte[]? ExactComparison(ColumnDefinition source, ColumnDefinition target) =>
        source.Kind == ColumnKind.Text && target.Kind == ColumnKind.Text && target.CharacterSet is { } charset
            && !string.Equals(source.Collation, target.Collation, StringComparison.OrdinalIgnoreCase)
            ? Encoding.UTF8.GetBytes($"{source.QuotedName} COLLATE {charset}_bin")
            : null;

    private static string Quote(string name) => $"`{name.Replace("`", "``", StringComparison.Ordinal)}`";
}
