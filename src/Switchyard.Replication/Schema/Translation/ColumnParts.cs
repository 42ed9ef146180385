namespace Switchyard.Replication.Schema;

/// <summary>The expression of a generated column.</summary>
internal sealed record GeneratedParts(IReadOnlyList<SqlToken> Expression, bool IsStored);

/// <summary>A printed column definition, taken apart.</summary>
internal sealed class ColumnParts
{
    /// <summary>The type with its arguments and UNSIGNED, ZEROFILL.</summary>
    internal string Type { get; private set; } = "";

    /// <summary>NULL or NOT NULL, when printed.</summary>
    internal string? Nullability { get; private set; }

    internal IReadOnlyList<SqlToken>? DefaultTokens { get; private set; }

    internal List<SqlToken>? Default => DefaultTokens is null ? null : [.. DefaultTokens];

    internal string? OnUpdate { get; private set; }

    internal bool AutoIncrement { get; private set; }

    internal bool Invisible { get; private set; }

    /// <summary>ENUM or SET of the character set binary, which information_schema shows as none.</summary>
    internal bool IsBinaryText { get; private set; }

    internal GeneratedParts? Generated { get; private set; }

    internal string? Comment { get; private set; }

    internal IReadOnlyList<SqlToken>? Check { get; private set; }

    internal static ColumnParts Parse(List<SqlToken> tokens, IReadOnlyList<string> attributeWords)
    {
        var parts = new ColumnParts();
        var i = 2;
        if (i < tokens.Count && tokens[i].Is("("))
        {
            i = SqlTokens.Closing(tokens, i) + 1;
        }

        while (i < tokens.Count && (tokens[i].Is("unsigned") || tokens[i].Is("zerofill") || tokens[i].Is("precision")))
        {
            i++;
        }

        parts.Type = SqlTokens.Write(tokens.GetRange(1, i - 1));
        while (i < tokens.Count)
        {
            i = parts.ReadAttribute(tokens, i, attributeWords);
        }

        return parts;
    }

    private int ReadAttribute(List<SqlToken> tokens, int i, IReadOnlyList<string> attributeWords)
    {
        switch (tokens[i].Text.ToUpperInvariant())
        {
            case "CHARACTER":
                IsBinaryText = i + 2 < tokens.Count && tokens[i + 2].Is("binary");
                return i + 3;
            case "CHARSET" or "COLLATE" or "SRID" or "COLUMN_FORMAT" or "STORAGE" or "ENGINE_ATTRIBUTE" or "SECONDARY_ENGINE_ATTRIBUTE":
                return i + 2;
            case "NOT" when i + 1 < tokens.Count && tokens[i + 1].Is("NULL"):
                Nullability = "NOT NULL";
                return i + 2;
            case "NULL":
                Nullability = "NULL";
                return i + 1;
            case "DEFAULT":
                var end = EndOfDefault(tokens, i + 1, attributeWords);
                DefaultTokens = tokens.GetRange(i + 1, end - i - 1);
                return end;
            case "ON":
                var after = i + 3;
                if (after < tokens.Count && tokens[after].Is("("))
                {
                    after = SqlTokens.Closing(tokens, after) + 1;
                }

                OnUpdate = SqlTokens.Write(tokens.GetRange(i, after - i));
                return after;
            case "AUTO_INCREMENT":
                AutoIncrement = true;
                return i + 1;
            case "INVISIBLE":
                Invisible = true;
                return i + 1;
            case "GENERATED":
                var open = tokens.FindIndex(i, t => t.Is("("));
                var close = SqlTokens.Closing(tokens, open);
                var kind = close + 1 < tokens.Count ? tokens[close + 1] : default;
                Generated = new GeneratedParts(tokens.GetRange(open + 1, close - open - 1), kind.Is("STORED") || kind.Is("PERSISTENT"));
                return kind.Is("STORED") || kind.Is("PERSISTENT") || kind.Is("VIRTUAL") ? close + 2 : close + 1;
            case "COMMENT":
                Comment = tokens[i + 1].Text;
                return i + 2;
            case "CHECK":
                var checkClose = SqlTokens.Closing(tokens, i + 1);
                Check = tokens.GetRange(i + 2, checkClose - i - 2);
                return checkClose + 1;
            default:
                return i + 1;
        }
    }

    private static int EndOfDefault(List<SqlToken> tokens, int start, IReadOnlyList<string> attributeWords)
    {
        var i = start;
        while (i < tokens.Count)
        {
            if (i > start && attributeWords.Any(tokens[i].Is))
            {
                return i;
            }

            i = tokens[i].Is("(") ? SqlTokens.Closing(tokens, i) + 1 : i + 1;
        }

        return i;
    }
}
