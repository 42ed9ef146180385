using Switchyard.Replication.Ddl;

namespace Switchyard.Replication.Schema;

/// <summary>Finds the sequences that the body of a stored program asks for values.</summary>
internal static class SequenceCalls
{
    private static readonly DdlToken s_none = new("", IsQuoted: false, IsWord: false);
    private static readonly string[] s_functions = ["NEXTVAL", "LASTVAL", "SETVAL"];

    /// <param name="body">The program, as the server keeps it.</param>
    /// <param name="schema">Of names without one.</param>
    /// <param name="sqlMode">The modes it was made in.</param>
    public static IEnumerable<TableName> Find(string body, string schema, string sqlMode)
    {
        var modes = sqlMode.Split(',');
        var tokens = DdlTokens.Read(body, modes.Contains("ANSI_QUOTES"), !modes.Contains("NO_BACKSLASH_ESCAPES"));
        for (var i = 0; i < tokens.Count; i++)
        {
            var start = s_functions.Any(tokens[i].Is) && At(i + 1).IsPunctuation('(') ? i + 2
                : (tokens[i].Is("NEXT") || tokens[i].Is("PREVIOUS")) && At(i + 1).Is("VALUE") && At(i + 2).Is("FOR") ? i + 3
                : modes.Contains("ORACLE") && (tokens[i].Is("NEXTVAL") || tokens[i].Is("CURRVAL")) && At(i - 1).IsPunctuation('.') ? (At(i - 3).IsPunctuation('.') ? i - 4 : i - 2)
                : -1;
            if (start >= 0 && At(start).IsWord)
            {
                var isQualified = At(start + 1).IsPunctuation('.') && At(start + 2).IsWord && start + 2 != i;
                yield return isQualified ? new TableName(At(start).Text, At(start + 2).Text) : new TableName(schema, At(start).Text);
            }
        }

        DdlToken At(int index) => index >= 0 && index < tokens.Count ? tokens[index] : s_none;
    }
}
