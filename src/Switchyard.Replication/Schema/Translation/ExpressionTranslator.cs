using System.Text;

namespace Switchyard.Replication.Schema;

/// <summary>Expressions of defaults, generated columns, checks and functional indexes.</summary>
internal static class ExpressionTranslator
{
    /// <summary>Names of collations and introducers the target knows otherwise are replaced, and MySQL's way to print REGEXP; everything else stays as printed.</summary>
    internal static string Translate(IReadOnlyList<SqlToken> tokens, ServerTraits target)
    {
        if (target.IsMariaDb)
        {
            tokens = WithPlainLiterals(WithRegexpOperator(tokens), target);
        }

        var result = new List<SqlToken>(tokens.Count);
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            if (token.Kind == SqlTokenKind.Word && i > 0 && tokens[i - 1].Is("collate") && CollationMap.Map(token.Text, target) is { } mapped)
            {
                token = token with { Text = mapped.Collation };
            }
            else if (token.Kind == SqlTokenKind.Word && token.Text.StartsWith("_utf8", StringComparison.OrdinalIgnoreCase)
                && token.Text.Length <= "_utf8mb3".Length && !target.CharacterSets.Contains(token.Text[1..]))
            {
                token = token with { Text = token.Text.Equals("_utf8", StringComparison.OrdinalIgnoreCase) ? "_utf8mb3" : "_utf8" };
            }

            result.Add(token);
        }

        return SqlTokens.Write(result);
    }

    // MariaDB keeps _utf8mb4'it\'s' as _utf8mb4'it's' and _utf8mb4'ü' as _utf8mb4'xC3xBC', and reads them again like that: an error, or another text. The session is utf8mb4, so no introducer says the same;
    // older ones keep what needs four bytes of it as a question mark.
    private static List<SqlToken> WithPlainLiterals(IReadOnlyList<SqlToken> tokens, ServerTraits target)
    {
        const string Hard = "\\'";
        var result = new List<SqlToken>(tokens.Count);
        for (var i = 0; i < tokens.Count; i++)
        {
            var (token, next) = (tokens[i], i + 1 < tokens.Count ? tokens[i + 1] : default);
            if (token is not { Kind: SqlTokenKind.Word, Text: ['_', ..] } || next.Kind != SqlTokenKind.String || next.Text[1..^1] is var inside && inside.AsSpan().IndexOfAny(Hard) < 0 && Ascii.IsValid(inside))
            {
                result.Add(token);
                continue;
            }

            i++;
            result.Add(token.Text.Equals("_utf8mb4", StringComparison.OrdinalIgnoreCase)
                ? !target.KeepsWideLiterals && next.Text.Any(char.IsSurrogate) && !next.Text.Contains('\\', StringComparison.Ordinal)
                    ? new SqlToken(SqlTokenKind.Symbol, $"CONVERT(X'{Convert.ToHexString(Encoding.UTF8.GetBytes(next.Unquoted))}' USING utf8mb4)", token.SpaceBefore)
                    : next with { SpaceBefore = token.SpaceBefore }
                : new SqlToken(SqlTokenKind.Symbol, $"CONVERT({next.Text} USING {token.Text[1..]})", token.SpaceBefore));
        }

        return result;
    }

    // MySQL 8 prints x REGEXP y as regexp_like(x,y), a function that MariaDB does not have.
    private static IReadOnlyList<SqlToken> WithRegexpOperator(IReadOnlyList<SqlToken> tokens)
    {
        var call = -1;
        for (var i = 0; i + 1 < tokens.Count && call < 0; i++)
        {
            call = tokens[i].Is("regexp_like") && tokens[i + 1].Is("(") ? i : -1;
        }

        if (call < 0)
        {
            return tokens;
        }

        var close = SqlTokens.Closing(tokens, call + 1);
        var arguments = SqlTokens.SplitAtCommas(tokens, call + 2, close);
        if (arguments.Count != 2)
        {
            return tokens;
        }

        SqlToken Symbol(string text) => new(SqlTokenKind.Symbol, text, false);
        return WithRegexpOperator([
            .. tokens.Take(call), tokens[call] with { Kind = SqlTokenKind.Symbol, Text = "(" }, Symbol("("), .. arguments[0], Symbol(")"), new SqlToken(SqlTokenKind.Word, "regexp", true), Symbol("("), .. arguments[1], Symbol(")"), .. tokens.Skip(close),
        ]);
    }
}
