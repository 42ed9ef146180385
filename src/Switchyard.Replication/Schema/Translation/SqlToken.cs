namespace Switchyard.Replication.Schema;

/// <summary>What a piece of a printed CREATE statement is.</summary>
internal enum SqlTokenKind
{
    /// <summary>A keyword, a number or an unquoted name.</summary>
    Word,

    /// <summary>A name in backticks.</summary>
    Name,

    /// <summary>A text in single or double quotes.</summary>
    String,

    /// <summary>One character of punctuation.</summary>
    Symbol,
}

/// <summary>A piece of SQL text.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">As written, quotes included.</param>
/// <param name="SpaceBefore">Whether white space came before it.</param>
internal readonly record struct SqlToken(SqlTokenKind Kind, string Text, bool SpaceBefore)
{
    internal bool Is(string word) => Kind is SqlTokenKind.Word or SqlTokenKind.Symbol && string.Equals(Text, word, StringComparison.OrdinalIgnoreCase);

    /// <summary>The value of a name or string without its quotes.</summary>
    internal string Unquoted => Kind switch
    {
        SqlTokenKind.Name => Text[1..^1].Replace("``", "`", StringComparison.Ordinal),
        SqlTokenKind.String => Text[1..^1].Replace("''", "'", StringComparison.Ordinal),
        _ => Text,
    };
}
