using System.Globalization;
using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>Rows of information_schema into a table definition.</summary>
internal static class TableRows
{
    internal static TableDefinition Build(
        TableName name,
        QueryRow table,
        string createStatement,
        IReadOnlyList<QueryRow> columnRows,
        IReadOnlyList<QueryRow> indexRows,
        IReadOnlyList<QueryRow> foreignKeyRows,
        IReadOnlyList<QueryRow> checkRows)
    {
        ColumnDefinition[] columns = [.. columnRows.Select(BuildColumn)];
        IndexDefinition[] indexes =
        [
            .. indexRows.GroupBy(r => r.GetString("index_name"), StringComparer.Ordinal)
                .Select(g => BuildIndex(g.Key, [.. g]))
                .OrderBy(i => i.IsPrimary ? 0 : 1),
        ];
        return new TableDefinition
        {
            Name = name,
            Columns = columns,
            Indexes = indexes,
            ForeignKeys = BuildForeignKeys(foreignKeyRows),
            Key = RowKey.Choose(columns, indexes),
            Engine = table.GetStringOrNull("engine") ?? "",
            Collation = table.GetStringOrNull("table_collation"),
            RowEstimate = Number(table, "table_rows") ?? 0,
            DataLength = Number(table, "data_length") ?? 0,
            CreateStatement = createStatement,
            Checks =
            [
                .. checkRows.Select(r => new CheckDefinition(
                    r.GetString("constraint_name"), r.GetString("check_clause"), r.GetStringOrNull("enforced") != "NO")),
            ],
            IsSystemVersioned = table.GetString("table_type") == "SYSTEM VERSIONED",
        };
    }

    internal static IReadOnlyList<ForeignKeyDefinition> BuildForeignKeys(IReadOnlyList<QueryRow> rows) =>
        [.. rows.GroupBy(r => r.GetString("constraint_name"), StringComparer.Ordinal).Select(g => BuildForeignKey(g.Key, [.. g]))];

    private static ColumnDefinition BuildColumn(QueryRow row)
    {
        var dataType = row.GetString("data_type").ToLowerInvariant();
        var columnType = row.GetString("column_type");
        var extra = row.GetStringOrNull("extra") ?? "";
        var expression = row.GetStringOrNull("generation_expression");
        var isGenerated = Has(extra, "VIRTUAL GENERATED") || Has(extra, "STORED GENERATED") || Has(extra, "PERSISTENT")
            || string.Equals(extra, "VIRTUAL", StringComparison.OrdinalIgnoreCase);
        return new ColumnDefinition
        {
            Ordinal = (int)row.GetInt64("ordinal_position") - 1,
            Name = row.GetString("column_name"),
            ColumnType = columnType,
            DataType = dataType,
            Kind = ColumnKinds.Find(dataType) ?? ColumnKind.Other,
            IsNullable = row.GetString("is_nullable") == "YES",
            IsUnsigned = Has(columnType, "unsigned") && IsNumeric(dataType),
            IsZerofill = Has(columnType, "zerofill") && IsNumeric(dataType),
            CharacterSet = row.GetStringOrNull("character_set_name"),
            Collation = row.GetStringOrNull("collation_name"),
            IsGenerated = isGenerated,
            IsVirtual = isGenerated && Has(extra, "VIRTUAL"),
            GenerationExpression = isGenerated && expression is { Length: > 0 } ? expression : null,
            IsInvisible = Has(extra, "INVISIBLE"),
            IsAutoIncrement = Has(extra, "auto_increment"),
            Default = row.GetStringOrNull("column_default"),
            Extra = extra,
            Comment = row.GetStringOrNull("column_comment") ?? "",
            NumericPrecision = (int?)Number(row, "numeric_precision"),
            NumericScale = (int?)Number(row, "numeric_scale"),
            FractionalDigits = (int)(Number(row, "datetime_precision") ?? 0),
            CharacterLength = Number(row, "character_length"),
            OctetLength = Number(row, "octet_length"),
            IsCompressed = Has(columnType, "COMPRESSED"),
            Srid = (uint?)Number(row, "srs_id"),
        };
    }

    private static IndexDefinition BuildIndex(string name, IReadOnlyList<QueryRow> rows) => new()
    {
        Name = name,
        IsUnique = rows[0].GetInt64("non_unique") == 0,
        Kind = rows[0].GetString("index_type").ToUpperInvariant() switch
        {
            "BTREE" => IndexKind.BTree,
            "FULLTEXT" => IndexKind.FullText,
            "SPATIAL" or "RTREE" => IndexKind.Spatial,
            "VECTOR" => IndexKind.Vector,
            // MariaDB from 11 on prints what was asked for; only a unique key is kept by a hash.
            _ => rows[0].GetInt64("non_unique") == 0 ? IndexKind.Hash : IndexKind.BTree,
        },
        IsVisible = rows[0].GetStringOrNull("is_visible") != "NO",
        Parts =
        [
            .. rows.Select(r => new IndexPart(
                r.GetStringOrNull("column_name"), r.GetStringOrNull("expression"), (int?)Number(r, "sub_part"), r.GetStringOrNull("direction") == "D")),
        ],
    };

    private static ForeignKeyDefinition BuildForeignKey(string name, IReadOnlyList<QueryRow> rows) => new()
    {
        Name = name,
        Columns = [.. rows.Select(r => r.GetString("column_name"))],
        ReferencedTable = new TableName(rows[0].GetString("referenced_schema"), rows[0].GetString("referenced_table")),
        ReferencedColumns = [.. rows.Select(r => r.GetString("referenced_column"))],
        OnUpdate = ParseAction(rows[0].GetString("update_rule")),
        OnDelete = ParseAction(rows[0].GetString("delete_rule")),
    };

    private static ForeignKeyAction ParseAction(string rule) => rule.ToUpperInvariant() switch
    {
        "CASCADE" => ForeignKeyAction.Cascade,
        "SET NULL" => ForeignKeyAction.SetNull,
        "SET DEFAULT" => ForeignKeyAction.SetDefault,
        "RESTRICT" => ForeignKeyAction.Restrict,
        _ => ForeignKeyAction.NoAction,
    };

    private static bool IsNumeric(string dataType) => ColumnKinds.Find(dataType) is
        ColumnKind.Integer or ColumnKind.Decimal or ColumnKind.Float or ColumnKind.Double;

    private static bool Has(string text, string word) => text.Contains(word, StringComparison.OrdinalIgnoreCase);

    /// <summary>A number column, which some servers type as unsigned beyond long (longtext's length): capped.</summary>
    private static long? Number(QueryRow row, string column) =>
        row.GetStringOrNull(column) is { } text && decimal.TryParse(text, NumberStyles.Number, CultureInfo.InvariantCulture, out var value)
            ? (long)Math.Min(value, long.MaxValue)
            : null;
}
