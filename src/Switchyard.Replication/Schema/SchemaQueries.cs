using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>
/// The information_schema queries. Names are given as lower-case aliases because MySQL 8 prints its column names in upper case; columns a
/// server does not have yet are replaced by their neutral value.
/// </summary>
internal sealed class SchemaQueries
{
    internal SchemaQueries(ServerInfo server, string schema, string? table)
    {
        var isMySql = server.Vendor == ServerVendor.MySql;
        var isMySql8 = isMySql && server.Version >= new Version(8, 0, 16);
        var hasGenerated = !isMySql || server.Version >= new Version(5, 7);
        var filter = $"table_schema = {SqlText.QuoteString(schema)}" + (table is null ? "" : $" AND table_name = {SqlText.QuoteString(table)}");
        Tables = "SELECT table_schema AS table_schema, table_name AS table_name, engine AS engine, table_collation AS table_collation, "
            + "table_rows AS table_rows, data_length AS data_length, table_type AS table_type, create_options AS create_options "
            + $"FROM information_schema.tables WHERE {filter} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY table_name";
        Columns = "SELECT table_name AS table_name, column_name AS column_name, ordinal_position AS ordinal_position, "
            + "column_default AS column_default, is_nullable AS is_nullable, data_type AS data_type, column_type AS column_type, "
            + "character_maximum_length AS character_length, character_octet_length AS octet_length, numeric_precision AS numeric_precision, "
            + "numeric_scale AS numeric_scale, datetime_precision AS datetime_precision, character_set_name AS character_set_name, "
            + "collation_name AS collation_name, extra AS extra, column_comment AS column_comment, "
            + (hasGenerated ? "generation_expression AS generation_expression, " : "NULL AS generation_expression, ")
            + (isMySql8 ? "srs_id AS srs_id " : "NULL AS srs_id ")
            + $"FROM information_schema.columns WHERE {filter} ORDER BY table_name, ordinal_position";
        Indexes = "SELECT table_name AS table_name, index_name AS index_name, non_unique AS non_unique, seq_in_index AS seq_in_index, "
            + "column_name AS column_name, sub_part AS sub_part, index_type AS index_type, collation AS direction, "
            + (isMySql8 ? "expression AS expression, is_visible AS is_visible " : "NULL AS expression, ")
            + (isMySql8 ? "" : !isMySql && server.Version >= new Version(10, 6) ? "IF(ignored = 'YES', 'NO', 'YES') AS is_visible " : "'YES' AS is_visible ")
            + $"FROM information_schema.statistics WHERE {filter} ORDER BY table_name, index_name, seq_in_index";
        ForeignKeys = "SELECT k.table_name AS table_name, k.constraint_name AS constraint_name, k.column_name AS column_name, "
            + "k.referenced_table_schema AS referenced_schema, k.referenced_table_name AS referenced_table, "
            + "k.referenced_column_name AS referenced_column, r.update_rule AS update_rule, r.delete_rule AS delete_rule "
            + "FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r "
            + "ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name "
            + $"WHERE {Qualify("k", schema, table)} AND k.referenced_table_name IS NOT NULL "
            + "ORDER BY k.table_name, k.constraint_name, k.ordinal_position";
        if (isMySql8)
        {
            Checks = "SELECT t.table_name AS table_name, t.constraint_name AS constraint_name, c.check_clause AS check_clause, t.enforced AS enforced "
                + "FROM information_schema.table_constraints t JOIN information_schema.check_constraints c "
                + "ON c.constraint_schema = t.constraint_schema AND c.constraint_name = t.constraint_name "
                + $"WHERE t.constraint_type = 'CHECK' AND {Qualify("t", schema, table)} ORDER BY t.table_name, t.constraint_name";
        }
        else if (!isMySql)
        {
            var checkFilter = $"constraint_schema = {SqlText.QuoteString(schema)}" + (table is null ? "" : $" AND table_name = {SqlText.QuoteString(table)}");
            Checks = "SELECT table_name AS table_name, constraint_name AS constraint_name, check_clause AS check_clause, 'YES' AS enforced "
                + $"FROM information_schema.check_constraints WHERE {checkFilter} ORDER BY table_name, constraint_name";
        }
    }

    internal string Tables { get; }

    internal string Columns { get; }

    internal string Indexes { get; }

    internal string ForeignKeys { get; }

    /// <summary>Null where the server knows no CHECK constraints.</summary>
    internal string? Checks { get; }

    private static string Qualify(string alias, string schema, string? table) =>
        $"{alias}.table_schema = {SqlText.QuoteString(schema)}" + (table is null ? "" : $" AND {alias}.table_name = {SqlText.QuoteString(table)}");
}
