namespace Switchyard.Replication.Schema;

/// <summary>Indexes, foreign keys and checks of a CREATE TABLE statement.</summary>
internal sealed class KeyTranslator(ServerTraits target, TableDefinition table, List<GateFinding> findings)
{
    // InnoDB's limit for a key.
    private const long MaxKeyBytes = 3072;
    private int _checks;

    /// <summary>The name of an index element; null for the primary key and for constraints.</summary>
    internal static string? NameOf(List<SqlToken> tokens)
    {
        var key = tokens.FindIndex(t => t.Is("KEY") || t.Is("INDEX"));
        return key >= 0 && !tokens[0].Is("CONSTRAINT") && key + 1 < tokens.Count && tokens[key + 1].Kind == SqlTokenKind.Name ? tokens[key + 1].Unquoted : null;
    }

    /// <summary>The element for the target, or null when it is left out.</summary>
    internal string? Translate(List<SqlToken> tokens)
    {
        if (tokens[0].Is("CONSTRAINT") || tokens[0].Is("CHECK"))
        {
            return tokens.Exists(t => t.Is("FOREIGN")) ? SqlTokens.Write(tokens) : Check(tokens);
        }

        if (tokens[0].Is("PERIOD"))
        {
            Refuse("period", table.Name.ToString(), $"{table.Name} has a PERIOD, which cannot be moved");
            return null;
        }

        return Index(tokens);
    }

    private string? Check(List<SqlToken> tokens)
    {
        var name = tokens[0].Is("CONSTRAINT") ? tokens[1].Unquoted : "";
        var open = tokens.FindIndex(t => t.Is("("));
        var close = SqlTokens.Closing(tokens, open);
        var isEnforced = close + 1 >= tokens.Count || !tokens[close + 1].Is("NOT");
        if (!target.HasChecks || (!isEnforced && target.IsMariaDb))
        {
            Warn("check_dropped", name, $"{table.Name} has the check {name}, which the target does not {(isEnforced ? "enforce" : "keep without enforcing it")}");
            return null;
        }

        // MariaDB names checks within their table, MySQL within the schema: its own generated names would collide there.
        var isGenerated = name.StartsWith("CONSTRAINT_", StringComparison.Ordinal) || (!target.IsMariaDb && name.Length > 0 && !IsSafeName(name));
        _checks++;
        var newName = isGenerated && !target.IsMariaDb ? $"{table.Name.Name}_check_{_checks}" : name;
        const int maxNameLength = 64;
        var prefix = newName.Length is > 0 and <= maxNameLength ? $"CONSTRAINT `{newName.Replace("`", "``", StringComparison.Ordinal)}` " : "";
        var condition = ExpressionTranslator.Translate(tokens.GetRange(open + 1, close - open - 1), target);
        return $"{prefix}CHECK ({condition}){(isEnforced ? "" : " NOT ENFORCED")}";
    }

    /// <summary>On MySQL a check shares the schema's name space; a name MariaDB derived from a column would repeat between tables.</summary>
    private bool IsSafeName(string name) => !table.Columns.Any(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase));

    private string? Index(List<SqlToken> tokens)
    {
        var open = tokens.FindIndex(t => t.Is("("));
        var close = SqlTokens.Closing(tokens, open);
        var name = NameOf(tokens) ?? "PRIMARY";
        var subject = $"{table.Name}.{name}";
        var parts = SqlTokens.SplitAtCommas(tokens, open + 1, close);
        if (parts.Exists(p => p[0].Is("(")) && !target.HasFunctionalIndexes)
        {
            Refuse("functional_index", subject, $"The index {name} of {table.Name} is over an expression, which the target does not have");
            return null;
        }

        if (tokens[0].Is("SPATIAL") && !target.HasSpatialIndexes)
        {
            Warn("spatial_index_dropped", subject, $"The spatial index {name} of {table.Name} cannot be built on the target; searches there read the whole table");
            return null;
        }

        if (tokens[0].Is("VECTOR") && !target.HasVectorIndexes)
        {
            Warn("vector_index_dropped", subject, $"The vector index {name} of {table.Name} cannot be built on the target; searches there read the whole table");
            return null;
        }

        var definition = table.Indexes.FirstOrDefault(i => string.Equals(i.Name, name, StringComparison.OrdinalIgnoreCase));
        if (definition is { IsPrimary: true } && target.IsMariaDb && definition.Parts.Any(p => Column(p)?.IsGenerated == true))
        {
            Refuse("key_generated", subject, $"The primary key of {table.Name} contains a generated column, which MariaDB does not allow");
            return null;
        }

        if (definition is { Kind: IndexKind.Hash } && !target.IsMariaDb && definition.Parts.Any(p => p.PrefixLength is null && Column(p) is not { OctetLength: null or <= MaxKeyBytes }))
        {
            Refuse("hash_index", subject, $"The unique index {name} of {table.Name} covers whole long values by a hash, which the target does not have");
            return null;
        }

        if (parts.Exists(p => p.Exists(t => t.Is("DESC"))) && !target.HasDescendingIndexes)
        {
            Warn("descending_index", subject, $"The index {name} of {table.Name} is descending; the target keeps it ascending");
        }

        var head = SqlTokens.Write(tokens.GetRange(0, open));
        var body = string.Join(',', parts.Select(p => p[0].Is("(") ? ExpressionTranslator.Translate(p, target) : SqlTokens.Write(p)));
        return $"{head} ({body}){Options(tokens, close + 1, subject, name)}";
    }

    private ColumnDefinition? Column(IndexPart part) => table.Columns.FirstOrDefault(c => string.Equals(c.Name, part.Column, StringComparison.OrdinalIgnoreCase));

    private string Options(List<SqlToken> tokens, int start, string subject, string name)
    {
        var text = "";
        for (var i = start; i < tokens.Count; i++)
        {
            switch (tokens[i].Text.ToUpperInvariant())
            {
                case "USING":
                    text += tokens[i + 1].Is("BTREE") ? " USING BTREE" : "";
                    i++;
                    break;
                case "COMMENT":
                    text += $" COMMENT {tokens[++i].Text}";
                    break;
                case "KEY_BLOCK_SIZE":
                    i += tokens[i + 1].Is("=") ? 2 : 1;
                    break;
                case "INVISIBLE" or "IGNORED":
                    if (target.HasInvisibleIndexes)
                    {
                        text += target.IsMariaDb ? " IGNORED" : " INVISIBLE";
                    }
                    else
                    {
                        Warn("invisible_index", subject, $"The index {name} of {table.Name} is invisible to the optimizer; on the target it is visible");
                    }

                    break;
                case "WITH":
                    if (target.IsMariaDb)
                    {
                        Warn("parser_dropped", subject, $"The full-text index {name} of {table.Name} uses the parser {tokens[i + 2].Text}, which the target does not have");
                    }
                    else
                    {
                        text += $" WITH PARSER {tokens[i + 2].Text}";
                    }

                    i += 2;
                    break;
                case "M" or "DISTANCE" when i + 2 < tokens.Count && target.HasVectorIndexes:
                    text += $" {tokens[i].Text}={tokens[i + 2].Text}";
                    i += 2;
                    break;
                default:
                    break;
            }
        }

        return text;
    }

    private void Warn(string code, string subject, string what) => findings.Add(GateFinding.Warn(code, subject, $"{what}.", ""));

    private void Refuse(string code, string subject, string what) => findings.Add(GateFinding.Refuse(
        code, subject, $"{what}.", "Exclude the table, or change it on the source."));
}
