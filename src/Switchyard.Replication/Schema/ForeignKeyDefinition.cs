namespace Switchyard.Replication.Schema;

/// <summary>What a foreign key does to children when the parent row changes.</summary>
public enum ForeignKeyAction
{
    Restrict,
    NoAction,
    Cascade,
    SetNull,
    SetDefault,
}

/// <summary>A foreign key, seen from the child table that declares it.</summary>
public sealed record ForeignKeyDefinition
{
    /// <summary>The constraint's name.</summary>
    public required string Name { get; init; }

    /// <summary>The child's columns in order.</summary>
    public required IReadOnlyList<string> Columns { get; init; }

    /// <summary>The parent table.</summary>
    public required TableName ReferencedTable { get; init; }

    /// <summary>The parent's columns, matching <see cref="Columns"/>.</summary>
    public required IReadOnlyList<string> ReferencedColumns { get; init; }

    /// <summary>What an update of the parent's key does.</summary>
    public required ForeignKeyAction OnUpdate { get; init; }

    /// <summary>What a delete of the parent does.</summary>
    public required ForeignKeyAction OnDelete { get; init; }

    /// <summary>Whether a change of the parent changes child rows by itself.</summary>
    public bool Cascades => OnUpdate is ForeignKeyAction.Cascade or ForeignKeyAction.SetNull or ForeignKeyAction.SetDefault
        || OnDelete is ForeignKeyAction.Cascade or ForeignKeyAction.SetNull or ForeignKeyAction.SetDefault;
}
