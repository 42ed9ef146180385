using System.Text;

namespace Switchyard.Replication.Ddl;

/// <param name="Text">The word without quotes, the inside of a string literal as it is written, or one punctuation character.</param>
/// <param name="IsQuoted">Written in quotes, so never a keyword and never punctuation.</param>
/// <param name="IsWord">An identifier or keyword.</param>
internal readonly record struct DdlToken(string Text, bool IsQuoted, bool IsWord)
{
    public bool Is(string keyword) => IsWord && !IsQuoted && string.Equals(Text, keyword, StringComparison.OrdinalIgnoreCase);

    public bool IsLiteral => IsQuoted && !IsWord;

    public bool IsPunctuation(char character) => !IsWord && !IsQuoted && Text.Length == 1 && Text[0] == character;
}

/// <summary>Splits a statement into words, string literals and punctuation. The inside of version comments is code.</summary>
internal static class DdlTokens
{
    public static List<DdlToken> Read(string sql, bool ansiQuotes, bool backslashEscapes)
    {
        var tokens = new List<DdlToken>();
        var i = 0;
        while (i < sql.Length)
        {
            var c = sql[i];
            if (char.IsWhiteSpace(c))
            {
                i++;
            }
            else if (c == '#' || (c == '-' && At(sql, i + 1) == '-' && (i + 2 >= sql.Length || char.IsWhiteSpace(sql[i + 2]))))
            {
                i = LineEnd(sql, i);
            }
            else if (c == '/' && At(sql, i + 1) == '*')
            {
                i = Comment(sql, i);
            }
            else if (c == '*' && At(sql, i + 1) == '/')
            {
                i += 2;
            }
            else if (c == '`' || (c == '"' && ansiQuotes))
            {
                i = Quoted(sql, i, tokens);
            }
            else if (c is '\'' or '"')
            {
                var end = LiteralEnd(sql, i, backslashEscapes);
                tokens.Add(new DdlToken(sql[(i + 1)..Math.Max(i + 1, end - 1)], true, false));
                i = end;
            }
            else if (IsWordCharacter(c))
            {
                var start = i;
                while (i < sql.Length && IsWordCharacter(sql[i]))
                {
                    i++;
                }

                tokens.Add(new DdlToken(sql[start..i], false, true));
            }
            else
            {
                tokens.Add(new DdlToken(c.ToString(), false, false));
                i++;
            }
        }

        return tokens;
    }

    private static char At(string sql, int index) => index < sql.Length ? sql[index] : '\0';

    private static bool IsWordCharacter(char c) => char.IsLetterOrDigit(c) || c is '_' or '$' or '@' || c >= 0x80;

    private static int LineEnd(string sql, int i)
    {
        var end = sql.IndexOf('\n', i);
        return end < 0 ? sql.Length : end + 1;
    }

    // "/*!40101 x */" and MariaDB's "/*M!100100 x */" are run by the server: only their brackets are passed over.
    private static int Comment(string sql, int i)
    {
        var mark = At(sql, i + 2) == 'M' ? i + 3 : i + 2;
        if (At(sql, mark) == '!')
        {
            mark++;
            while (char.IsAsciiDigit(At(sql, mark)))
            {
                mark++;
            }

            return mark;
        }

        var end = sql.IndexOf("*/", i + 2, StringComparison.Ordinal);
        return end < 0 ? sql.Length : end + 2;
    }

    private static int Quoted(string sql, int i, List<DdlToken> tokens)
    {
        var quote = sql[i++];
        var name = new StringBuilder();
        while (i < sql.Length)
        {
            if (sql[i] == quote)
            {
                if (At(sql, i + 1) != quote)
                {
                    i++;
                    break;
                }

                i++;
            }

            name.Append(sql[i++]);
        }

        tokens.Add(new DdlToken(name.ToString(), true, true));
        return i;
    }

    private static int LiteralEnd(string sql, int i, bool backslashEscapes)
    {
        var quote = sql[i++];
        while (i < sql.Length)
        {
            if (sql[i] == '\\' && backslashEscapes)
            {
                i += 2;
            }
            else if (sql[i] == quote)
            {
                if (At(sql, i + 1) != quote)
                {
                    return i + 1;
                }

                i += 2;
            }
            else
            {
                i++;
            }
        }

        return sql.Length;
    }
}
