namespace Switchyard.Replication.Schema;

/// <summary>A base table: columns, keys and what is known of its size.</summary>
public sealed record TableDefinition
{
    /// <summary>Schema and table.</summary>
    public required TableName Name { get; init; }

    /// <summary>All columns in the table's order, generated and invisible ones included.</summary>
    public required IReadOnlyList<ColumnDefinition> Columns { get; init; }

    /// <summary>All indexes, the primary key first.</summary>
    public required IReadOnlyList<IndexDefinition> Indexes { get; init; }

    /// <summary>Foreign keys declared by this table.</summary>
    public required IReadOnlyList<ForeignKeyDefinition> ForeignKeys { get; init; }

    /// <summary>
    /// What identifies a row: the primary key, else a unique key of whole, non-null, non-generated columns; null when there is none.
    /// </summary>
    public IndexDefinition? Key { get; init; }

    /// <summary>The columns of <see cref="Key"/> in key order; empty when there is none.</summary>
    public IReadOnlyList<ColumnDefinition> KeyColumns =>
        Key is null ? [] : [.. Key.Parts.Select(p => Columns.First(c => string.Equals(c.Name, p.Column, StringComparison.OrdinalIgnoreCase)))];

    /// <summary>The columns that are read and written: everything not generated.</summary>
    public IReadOnlyList<ColumnDefinition> StoredColumns => [.. Columns.Where(c => !c.IsGenerated)];

    /// <summary>The storage engine, for instance <c>InnoDB</c>.</summary>
    public required string Engine { get; init; }

    /// <summary>The table's default collation.</summary>
    public string? Collation { get; init; }

    /// <summary>Rows, as the server estimates them.</summary>
    public long RowEstimate { get; init; }

    /// <summary>Bytes of row data, as the server estimates them.</summary>
    public long DataLength { get; init; }

    /// <summary>What SHOW CREATE TABLE prints.</summary>
    public required string CreateStatement { get; init; }

    /// <summary>What <see cref="CreateStatement"/> has a question mark for, by column; empty unless it was asked for.</summary>
    internal IReadOnlyDictionary<string, ColumnText> Unprinted { get; init; } = new Dictionary<string, ColumnText>();

    /// <summary>MariaDB WITH SYSTEM VERSIONING: it keeps history rows that no copy can carry over.</summary>
    public bool IsSystemVersioned { get; init; }

    /// <summary>CHECK constraints: name and clause.</summary>
    public IReadOnlyList<CheckDefinition> Checks { get; init; } = [];
}

/// <summary>A CHECK constraint.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Clause">The condition as the server prints it.</param>
/// <param name="IsEnforced">False for MySQL's NOT ENFORCED.</param>
public sealed record CheckDefinition(string Name, string Clause, bool IsEnforced = true);
