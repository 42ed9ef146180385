using System.Text;

namespace Switchyard.Replication.Schema;

/// <summary>
/// Cuts what a server prints for SHOW CREATE into tokens. Version comments (<c>/*!80023 … */</c>, <c>/*M!100301 … */</c>) are opened: what is
/// in them is meant, and the translator decides whether the target has it.
/// </summary>
internal static class SqlTokens
{
    internal static List<SqlToken> Read(string sql)
    {
        var tokens = new List<SqlToken>();
        var space = false;
        for (var i = 0; i < sql.Length;)
        {
            var c = sql[i];
            if (char.IsWhiteSpace(c))
            {
                space = true;
                i++;
                continue;
            }

            if (c == '/' && i + 1 < sql.Length && sql[i + 1] == '*')
            {
                i = SkipCommentOpening(sql, i);
                space = true;
                continue;
            }

            if (c == '*' && i + 1 < sql.Length && sql[i + 1] == '/')
            {
                i += 2;
                space = true;
                continue;
            }

            var (kind, end) = c switch
            {
                '`' => (SqlTokenKind.Name, EndOfQuoted(sql, i)),
                '\'' or '"' => (SqlTokenKind.String, EndOfQuoted(sql, i)),
                _ when IsWordCharacter(c) => (SqlTokenKind.Word, EndOfWord(sql, i)),
                _ => (SqlTokenKind.Symbol, i + 1),
            };
            tokens.Add(new SqlToken(kind, sql[i..end], space));
            space = false;
            i = end;
        }

        return tokens;
    }

    internal static string Write(IEnumerable<SqlToken> tokens)
    {
        var text = new StringBuilder();
        foreach (var token in tokens)
        {
            if (token.SpaceBefore && text.Length > 0)
            {
                text.Append(' ');
            }

            text.Append(token.Text);
        }

        return text.ToString();
    }

    /// <summary>The index of the parenthesis that closes the one at <paramref name="open"/>.</summary>
    internal static int Closing(IReadOnlyList<SqlToken> tokens, int open)
    {
        var depth = 0;
        for (var i = open; i < tokens.Count; i++)
        {
            depth += tokens[i].Is("(") ? 1 : tokens[i].Is(")") ? -1 : 0;
            if (depth == 0)
            {
                return i;
            }
        }

        throw new FormatException("A CREATE statement has an unclosed parenthesis.");
    }

    /// <summary>Splits at commas outside parentheses.</summary>
    internal static List<List<SqlToken>> SplitAtCommas(IReadOnlyList<SqlToken> tokens, int start, int end)
    {
        var parts = new List<List<SqlToken>>();
        var current = new List<SqlToken>();
        var depth = 0;
        for (var i = start; i < end; i++)
        {
            depth += tokens[i].Is("(") ? 1 : tokens[i].Is(")") ? -1 : 0;
            if (depth == 0 && tokens[i].Is(","))
            {
                parts.Add(current);
                current = [];
                continue;
            }

            current.Add(tokens[i]);
        }

        if (current.Count > 0)
        {
            parts.Add(current);
        }

        return parts;
    }

    private static int SkipCommentOpening(string sql, int at)
    {
        var i = at + 2;
        if (i < sql.Length && sql[i] == 'M')
        {
            i++;
        }

        if (i < sql.Length && sql[i] == '!')
        {
            i++;
            while (i < sql.Length && char.IsAsciiDigit(sql[i]))
            {
                i++;
            }

            return i;
        }

        var close = sql.IndexOf("*/", at + 2, StringComparison.Ordinal);
        return close < 0 ? sql.Length : close + 2;
    }

    private static int EndOfQuoted(string sql, int start)
    {
        var quote = sql[start];
        for (var i = start + 1; i < sql.Length; i++)
        {
            if (sql[i] == '\\' && quote != '`')
            {
                i++;
            }
            else if (sql[i] == quote)
            {
                if (i + 1 < sql.Length && sql[i + 1] == quote)
                {
                    i++;
                    continue;
                }

                return i + 1;
            }
        }

        throw new FormatException("A CREATE statement has an unclosed quote.");
    }

    private static int EndOfWord(string sql, int start)
    {
        var i = start;
        while (i < sql.Length && IsWordCharacter(sql[i]))
        {
            i++;
        }

        return i;
    }

    private static bool IsWordCharacter(char c) => char.IsLetterOrDigit(c) || c is '_' or '$' or '@' or '.' || c > 0x7F;
}
