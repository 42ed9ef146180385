namespace Switchyard.Sql;

/// <summary>What a SET assigns to.</summary>
public enum SetScope
{
    /// <summary>A session system variable (no scope word, SESSION, LOCAL or @@).</summary>
    Session,

    /// <summary>A global system variable.</summary>
    Global,

    /// <summary>SET PERSIST.</summary>
    Persist,

    /// <summary>SET PERSIST_ONLY.</summary>
    PersistOnly,

    /// <summary>A system variable written without scope after one with GLOBAL or PERSIST: servers differ in how they read that.</summary>
    Ambiguous,

    /// <summary>A characteristic of the next transaction only.</summary>
    NextTransaction,

    /// <summary>A user variable.</summary>
    UserVariable,

    /// <summary>SET NAMES: <c>names</c>, and <c>collate</c> when it follows.</summary>
    Names,

    /// <summary>SET CHARACTER SET.</summary>
    CharacterSet,

    /// <summary>SET ROLE.</summary>
    Role,
}

/// <summary>The form of an assigned value.</summary>
public enum SetValueKind
{
    /// <summary>A single word: ON, utf8mb4, REPEATABLE READ.</summary>
    Word,

    /// <summary>The word DEFAULT.</summary>
    Default,

    /// <summary>A single string literal.</summary>
    String,

    /// <summary>A single number, with its sign.</summary>
    Number,

    /// <summary>Anything else.</summary>
    Expression,
}

/// <summary>One assignment of a SET statement.</summary>
/// <param name="Scope">What is assigned to.</param>
/// <param name="Name">Lower case, without at signs and scope. SET TRANSACTION gives <c>transaction_isolation</c> and <c>transaction_read_only</c>.</param>
/// <param name="ValueStart">Offset of the value's text, in bytes.</param>
/// <param name="ValueLength">Length of the value's text, in bytes.</param>
/// <param name="ValueKind">The form of the value.</param>
public readonly record struct SetAssignment(SetScope Scope, string Name, int ValueStart, int ValueLength, SetValueKind ValueKind)
{
    /// <summary>The value's text as it stands in the statement, quotes included.</summary>
    public ReadOnlySpan<byte> ValueText(ReadOnlySpan<byte> sql) => sql.Slice(ValueStart, ValueLength);
}
