namespace Switchyard.Sql;

/// <summary>What a statement does with a table; a stronger access has the larger value.</summary>
public enum TableAccess
{
    /// <summary>A consistent read.</summary>
    Read,

    /// <summary>A read that locks: FOR UPDATE, FOR SHARE, LOCK IN SHARE MODE.</summary>
    LockingRead,

    /// <summary>Rows or the definition may change.</summary>
    Write,
}

/// <summary>A table, view or sequence named by a statement, once per statement with its strongest access.</summary>
/// <param name="Schema">The schema as written, or null for the session's current one.</param>
/// <param name="Name">The name as written, quotes removed; compare as the server's <c>lower_case_table_names</c> says.</param>
/// <param name="Access">The strongest access of the statement to it.</param>
public readonly record struct TableReference(string? Schema, string Name, TableAccess Access);
