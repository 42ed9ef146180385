namespace Switchyard.Replication.Schema;

/// <summary>Expressions of defaults, generated columns, checks and functional indexes.</summary>
internal static class ExpressionTranslator
{
    /// <summary>Names of collations and introducers the target knows otherwise are replaced; everything else stays as printed.</summary>
    internal static string Translate(IReadOnlyList<SqlToken> tokens, ServerTraits target)
    {
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
}
