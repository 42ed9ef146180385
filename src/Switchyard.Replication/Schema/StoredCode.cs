using Switchyard.Replication.Ddl;

namespace Switchyard.Replication.Schema;

/// <summary>
/// What the body of a trigger, an event, a routine or a view names. Read without knowing which of its words are variables or columns: what is found counts only where there is a
/// table, a view or a routine of that name.
/// </summary>
public static class StoredCode
{
    private static readonly DdlToken s_none = new("", IsQuoted: false, IsWord: false);

    // A table's name can follow these.
    private static readonly string[] s_beforeTables =
        ["FROM", "JOIN", "INTO", "UPDATE", "TABLE", "INSERT", "REPLACE", "DELETE", "IGNORE", "DELAYED", "LOW_PRIORITY", "HIGH_PRIORITY", "QUICK", "TRUNCATE", "CALL"];

    // A list of tables is over at these.
    private static readonly string[] s_afterTables = ["WHERE", "SET", "VALUES", "VALUE", "SELECT", "ON", "USING", "GROUP", "ORDER", "LIMIT", "HAVING", "DO", "THEN", "BEGIN", "END", "CALL"];

    /// <summary>Whether one of some tables is named.</summary>
    /// <param name="body">The code, as the server keeps it.</param>
    /// <param name="schema">Of names without one.</param>
    /// <param name="sqlMode">The modes it was made in.</param>
    /// <param name="tables">The tables.</param>
    public static bool Uses(string body, string schema, string sqlMode, IReadOnlySet<TableName> tables) => Find(body, schema, sqlMode).Any(tables.Contains);

    internal static IEnumerable<TableName> Find(string body, string schema, string sqlMode)
    {
        var modes = sqlMode.Split(',');
        var tokens = DdlTokens.Read(body, modes.Contains("ANSI_QUOTES"), !modes.Contains("NO_BACKSLASH_ESCAPES"));
        var isList = false;
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            isList = isList ? !(token.IsPunctuation(';') || s_afterTables.Any(token.Is)) : token.Is("FROM") || token.Is("UPDATE") || token.Is("JOIN");
            if (!token.IsWord || At(i - 1).IsPunctuation('.'))
            {
                continue;
            }

            if (At(i + 1).IsPunctuation('.') && At(i + 2).IsWord)
            {
                yield return new TableName(token.Text, At(i + 2).Text);
            }
            else if (At(i + 1).IsPunctuation('(') || s_beforeTables.Any(At(i - 1).Is) || (isList && (At(i - 1).IsPunctuation(',') || At(i - 1).IsPunctuation('('))))
            {
                yield return new TableName(schema, token.Text);
            }
        }

        DdlToken At(int index) => index >= 0 && index < tokens.Count ? tokens[index] : s_none;
    }
}
