namespace Switchyard.Replication.Schema;

/// <summary>The access method of an index.</summary>
public enum IndexKind
{
    BTree,
    Hash,
    FullText,
    Spatial,
    Vector,
}

/// <summary>One part of an index: a column (or a prefix of it), or an expression of a functional index.</summary>
/// <param name="Column">The column's name; null for an expression.</param>
/// <param name="Expression">The expression of a functional part; null for a column.</param>
/// <param name="PrefixLength">Characters (bytes for binary data) indexed when only a prefix is; null for the whole column.</param>
/// <param name="IsDescending">DESC on servers that store it.</param>
public sealed record IndexPart(string? Column, string? Expression = null, int? PrefixLength = null, bool IsDescending = false);

/// <summary>An index of a table.</summary>
public sealed record IndexDefinition
{
    /// <summary>The index's name; <c>PRIMARY</c> for the primary key.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it is the primary key.</summary>
    public bool IsPrimary => string.Equals(Name, "PRIMARY", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it refuses duplicates; true for the primary key.</summary>
    public required bool IsUnique { get; init; }

    /// <summary>The access method.</summary>
    public required IndexKind Kind { get; init; }

    /// <summary>Its parts in order.</summary>
    public required IReadOnlyList<IndexPart> Parts { get; init; }

    /// <summary>False for an invisible (MySQL) or ignored (MariaDB) index.</summary>
    public bool IsVisible { get; init; } = true;

    /// <summary>The plain columns of the index; only meaningful when no part is an expression.</summary>
    public IReadOnlyList<string> Columns => [.. Parts.Where(p => p.Column is not null).Select(p => p.Column!)];
}
