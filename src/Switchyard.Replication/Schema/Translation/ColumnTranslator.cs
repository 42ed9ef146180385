using System.Text;
using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>One column of a CREATE TABLE statement.</summary>
internal sealed class ColumnTranslator(ServerTraits target, TableDefinition table, List<GateFinding> findings)
{
    private static readonly string[] AttributeWords =
    [
        "COMMENT", "ON", "AUTO_INCREMENT", "CHECK", "INVISIBLE", "VISIBLE", "CONSTRAINT", "SRID", "REF_SYSTEM_ID", "COLUMN_FORMAT", "STORAGE",
        "GENERATED", "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE", "WITHOUT", "COMPRESSED",
    ];

    /// <summary>The DEFAULT of a column as the source prints it, if it is a literal; null for none.</summary>
    internal static string? PrintedLiteral(TableDefinition table, ColumnDefinition column)
    {
        var line = table.CreateStatement.Split('\n').Select(l => l.Trim()).FirstOrDefault(l => l.StartsWith(column.QuotedName + " ", StringComparison.OrdinalIgnoreCase));
        return line is null ? null : ColumnParts.Parse(SqlTokens.Read(line.TrimEnd(',')), AttributeWords).DefaultTokens is { Count: > 0 } tokens && IsLiteral(tokens) ? SqlTokens.Write(tokens) : null;
    }

    internal string Translate(List<SqlToken> tokens)
    {
        var name = tokens[0].Unquoted;
        var column = table.Columns.First(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase));
        var parts = ColumnParts.Parse(tokens, AttributeWords);
        var text = new List<string> { tokens[0].Text, TypeOf(column, parts) };
        if (column.IsCompressed && target.IsMariaDb)
        {
            text.Add("COMPRESSED");
        }
        else if (column.IsCompressed)
        {
            Warn("column_compression_dropped", column, "is COMPRESSED, which the target does not have; its values are kept uncompressed there");
        }

        if (parts.IsBinaryText)
        {
            text.Add("CHARACTER SET binary");
        }
        else if (CharacterSetClause(column) is { } charset)
        {
            text.Add(charset);
        }

        if (parts.Generated is { } generated)
        {
            text.Add(GeneratedClause(column, generated));
        }

        if (parts.Nullability is { } nullability && (parts.Generated is null || !target.IsMariaDb))
        {
            text.Add(nullability);
        }

        if (parts.Invisible)
        {
            text.AddRange(InvisibleClause(column, parts));
        }

        if (DefaultClause(column, parts) is { } value)
        {
            text.Add(value);
        }

        text.AddRange(parts.OnUpdate is { } onUpdate ? [onUpdate] : []);
        text.AddRange(parts.AutoIncrement ? ["AUTO_INCREMENT"] : []);
        text.AddRange(SpatialReferenceClause(column));
        text.AddRange(parts.Comment is { } comment ? [$"COMMENT {comment}"] : []);
        text.AddRange(CheckClause(column, parts));
        return string.Join(' ', text);
    }

    private string TypeOf(ColumnDefinition column, ColumnParts parts)
    {
        if (column.DataType is "uuid" or "inet4" or "inet6")
        {
            var (hasType, replacement) = column.DataType switch
            {
                "uuid" => (target.HasUuid, "char(36)"),
                "inet4" => (target.HasInet4, "varchar(15)"),
                _ => (target.HasInet6, "varchar(39)"),
            };
            if (!hasType)
            {
                Warn("type_as_text", column, $"is {column.DataType}, which the target does not have; it becomes {replacement} with the same printed values, "
                    + "and the target neither checks nor normalises what applications write into it");
                return $"{replacement} CHARACTER SET ascii COLLATE ascii_general_ci";
            }
        }

        if (parts.AutoIncrement && column.Kind is ColumnKind.Float or ColumnKind.Double && !target.CountsInFloats)
        {
            Refuse("auto_increment_type", column, $"is a {column.DataType} with AUTO_INCREMENT, which the target counts in integers only");
        }

        if (column.DataType == "vector" && !target.HasVector)
        {
            Refuse("type_unsupported", column, "is VECTOR, which the target does not have");
        }

        if (column.Kind == ColumnKind.Json && !target.HasJson)
        {
            Warn("json_as_text", column, "is JSON, which the target does not have; it becomes longtext without a check");
            return "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
        }

        if (Unprinted(column)?.Members is { } members)
        {
            return $"{column.DataType}({string.Join(',', members.Select(SqlText.QuoteString))})";
        }

        // Display widths and the width of YEAR mean nothing to values, and newer servers warn about them.
        return column.DataType == "year" ? "year" : parts.Type.Replace("geomcollection", "geometrycollection", StringComparison.OrdinalIgnoreCase);
    }

    private string? CharacterSetClause(ColumnDefinition column)
    {
        if (column.Collation is not { } collation || column.Kind is not (ColumnKind.Text or ColumnKind.Enum or ColumnKind.Set))
        {
            return null;
        }

        if (CollationMap.Map(collation, target) is not { } mapped)
        {
            findings.Add(GateFinding.Refuse(
                "collation_missing", $"{table.Name}.{column.Name}", $"Column {column.Name} of {table.Name} has the collation {collation}, and the target ({target.Title}) has none of its character set.",
                $"Run ALTER TABLE {table.Name.Quoted} CONVERT TO CHARACTER SET utf8mb4 on the source, or exclude the table."));
            return null;
        }

        if (!mapped.IsExact)
        {
            Warn("collation_replaced", column, $"has the collation {collation}, which the target does not have; it becomes {mapped.Collation}, "
                + "which may order or compare some characters or trailing spaces differently");
        }

        return $"CHARACTER SET {mapped.CharacterSet} COLLATE {mapped.Collation}";
    }

    private string GeneratedClause(ColumnDefinition column, GeneratedParts generated)
    {
        if (!target.HasGeneratedColumns)
        {
            Refuse("generated_column", column, "is a generated column, which the target does not have");
        }

        return $"GENERATED ALWAYS AS ({Expression(generated.Expression)}) {(generated.IsStored ? "STORED" : "VIRTUAL")}";
    }

    private IEnumerable<string> InvisibleClause(ColumnDefinition column, ColumnParts parts)
    {
        if (!target.HasInvisibleColumns)
        {
            Warn("invisible_column", column, "is INVISIBLE, which the target does not have; there SELECT * shows it");
            return [];
        }

        // MariaDB wants a default for an invisible column that refuses NULL.
        if (target.IsMariaDb && !column.IsNullable && parts.Default is null && !parts.AutoIncrement && parts.Generated is null)
        {
            Warn("invisible_column", column, "is INVISIBLE and NOT NULL without a default, which MariaDB does not allow; there it is visible");
            return [];
        }

        return ["INVISIBLE"];
    }

    private ColumnText? Unprinted(ColumnDefinition column) => table.Unprinted.GetValueOrDefault(column.Name);

    private string? DefaultClause(ColumnDefinition column, ColumnParts parts)
    {
        if (parts.Default is not { Count: > 0 } value)
        {
            return null;
        }

        if (Unprinted(column)?.Default is { } bytes)
        {
            return column.Kind == ColumnKind.Binary ? $"DEFAULT x'{Convert.ToHexString(bytes)}'" : $"DEFAULT {SqlText.QuoteString(Encoding.UTF8.GetString(bytes))}";
        }

        var isNull = value.Count == 1 && value[0].Is("NULL");
        var isParenthesised = value[0].Is("(") && SqlTokens.Closing(value, 0) == value.Count - 1;
        var needsExpression = column.DataType.EndsWith("text", StringComparison.Ordinal) || column.DataType.EndsWith("blob", StringComparison.Ordinal)
            || column.Kind is ColumnKind.Json or ColumnKind.Geometry || column.DataType == "vector";
        var isLiteral = IsLiteral(value) || IsCurrentTimestamp(column, value);
        if (isNull || (isLiteral && (target.IsMariaDb || !needsExpression)))
        {
            return $"DEFAULT {Expression(value)}";
        }

        if (!target.HasExpressionDefaults)
        {
            Warn("default_dropped", column, "has a default that the target cannot express; rows are copied with their values, but a later insert "
                + "on the target that leaves the column out fails or stores an empty value");
            return null;
        }

        if (value.Exists(t => t.Is("nextval") || t.Is("lastval")) && !target.IsMariaDb)
        {
            Refuse("sequence_default", column, "takes its default from a SEQUENCE, which the target does not have");
        }

        return isParenthesised || target.IsMariaDb ? $"DEFAULT {Expression(value)}" : $"DEFAULT ({Expression(value)})";
    }

    private IEnumerable<string> SpatialReferenceClause(ColumnDefinition column)
    {
        if (column.Srid is not { } srid)
        {
            return [];
        }

        if (target.HasSpatialReference)
        {
            return [$"SRID {srid}"];
        }

        Warn("srid_dropped", column, $"is restricted to SRID {srid}, which the target does not check; the values keep their SRID");
        return [];
    }

    private IEnumerable<string> CheckClause(ColumnDefinition column, ColumnParts parts)
    {
        if (parts.Check is null || !target.HasChecks)
        {
            if (parts.Check is not null && !IsJsonCheck(parts.Check))
            {
                Warn("check_dropped", column, "has a CHECK, which the target does not enforce");
            }

            return [];
        }

        return [$"CHECK ({Expression(parts.Check)})"];
    }

    private static bool IsJsonCheck(IReadOnlyList<SqlToken> check) => check.Count > 0 && check[0].Is("json_valid");

    private string Expression(IReadOnlyList<SqlToken> tokens) => ExpressionTranslator.Translate(tokens, target);

    private static bool IsLiteral(IReadOnlyList<SqlToken> value)
    {
        var i = value[0].Is("-") || value[0].Is("+") ? 1 : 0;
        if (value.Count == i + 1)
        {
            return value[i].Kind == SqlTokenKind.String || value[i].Is("TRUE") || value[i].Is("FALSE")
                || (value[i].Kind == SqlTokenKind.Word && (char.IsAsciiDigit(value[i].Text[0]) || value[i].Text[0] == '.'));
        }

        // An introducer, a bit or a hexadecimal literal: b'101', x'00', _utf8mb4'a'; and exponents with a sign: 1e+20.
        var isIntroduced = value.Count == 2 && value[1].Kind == SqlTokenKind.String
            && (value[0].Is("b") || value[0].Is("x") || value[0].Is("n") || value[0].Text[0] == '_');
        var isExponent = value.Count == i + 3 && value[i].Kind == SqlTokenKind.Word && char.IsAsciiDigit(value[i].Text[0])
            && (value[i + 1].Is("+") || value[i + 1].Is("-")) && !value[i + 1].SpaceBefore;
        return isIntroduced || isExponent;
    }

    private static bool IsCurrentTimestamp(ColumnDefinition column, IReadOnlyList<SqlToken> value) =>
        column.Kind is ColumnKind.DateTime or ColumnKind.Timestamp
        && (value[0].Is("CURRENT_TIMESTAMP") || value[0].Is("now"))
        && (value.Count == 1 || (value[1].Is("(") && SqlTokens.Closing(value, 1) == value.Count - 1));

    private void Warn(string code, ColumnDefinition column, string what) =>
        findings.Add(GateFinding.Warn(code, $"{table.Name}.{column.Name}", $"Column {column.Name} of {table.Name} {what}.", ""));

    private void Refuse(string code, ColumnDefinition column, string what) => findings.Add(GateFinding.Refuse(
        code, $"{table.Name}.{column.Name}", $"Column {column.Name} of {table.Name} {what}.", "Exclude the table, change the column on the source, or choose another target."));
}
