using System.Text;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Schema;

/// <summary>Reads table definitions off a server: information_schema and SHOW CREATE TABLE, of both vendors since MySQL 5.6.</summary>
public static class SchemaReader
{
    // One that goes on being changed is taken as it is; what does not fit then ends what is being done.
    private const int MaxReadings = 5;

    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>All base tables of a schema, by name.</summary>
    /// <exception cref="ServerErrorException">The server refused a query.</exception>
    public static async Task<IReadOnlyList<TableDefinition>> ReadTablesAsync(
        BackendConnection connection, string schema, CancellationToken cancellationToken) =>
        await ReadAsync(connection, schema, only: null, cancellationToken).ConfigureAwait(false);

    /// <summary>One table, or null when it is not there (or is no base table).</summary>
    /// <exception cref="ServerErrorException">The server refused a query.</exception>
    public static async Task<TableDefinition?> ReadTableAsync(
        BackendConnection connection, TableName table, CancellationToken cancellationToken)
    {
        var tables = await ReadAsync(connection, table.Schema, table.Name, cancellationToken).ConfigureAwait(false);
        return tables.Count == 1 ? tables[0] : tables.FirstOrDefault(t => t.Name == table);
    }

    /// <summary>The foreign keys that the tables of a schema declare; tables without any are left out.</summary>
    internal static async Task<IReadOnlyDictionary<TableName, IReadOnlyList<ForeignKeyDefinition>>> ReadForeignKeysAsync(
        BackendConnection connection, string schema, CancellationToken cancellationToken)
    {
        var rows = await connection.QueryAsync(new SchemaQueries(connection.Server, schema, null).ForeignKeys, cancellationToken).ConfigureAwait(false);
        return rows.Rows.GroupBy(r => new TableName(schema, r.GetString("table_name"))).ToDictionary(g => g.Key, g => TableRows.BuildForeignKeys([.. g]));
    }

    private static async Task<IReadOnlyList<TableDefinition>> ReadAsync(BackendConnection connection, string schema, string? only, CancellationToken cancellationToken, int reading = 1)
    {
        var (definitions, changed) = await ReadOnceAsync(connection, schema, only, cancellationToken).ConfigureAwait(false);
        if (changed.Count == 0 || reading == MaxReadings)
        {
            return definitions;
        }

        var tables = definitions.ToDictionary(t => t.Name);
        foreach (var name in changed)
        {
            tables.Remove(name);
            foreach (var table in await ReadAsync(connection, schema, name.Name, cancellationToken, reading + 1).ConfigureAwait(false))
            {
                tables[table.Name] = table;
            }
        }

        return [.. tables.Values.OrderBy(t => t.Name)];
    }

    /// <returns>The tables, and the names of those that were changed while they were read, so that one half tells of another definition than the other.</returns>
    private static async Task<(IReadOnlyList<TableDefinition> Definitions, IReadOnlyList<TableName> Changed)> ReadOnceAsync(
        BackendConnection connection, string schema, string? only, CancellationToken cancellationToken)
    {
        await using var session = await ShowCreateSession.OpenAsync(connection, cancellationToken).ConfigureAwait(false);
        var server = connection.Server;
        if (server.Vendor == ServerVendor.MySql && server.Version.Major >= 8)
        {
            await connection.ExecuteAsync("SET SESSION information_schema_stats_expiry=0", cancellationToken).ConfigureAwait(false);
        }

        var queries = new SchemaQueries(server, schema, only);
        var tables = await connection.QueryAsync(queries.Tables, cancellationToken).ConfigureAwait(false);
        var columns = await GroupAsync(connection, queries.Columns, cancellationToken).ConfigureAwait(false);
        var indexes = await GroupAsync(connection, queries.Indexes, cancellationToken).ConfigureAwait(false);
        var foreignKeys = await GroupAsync(connection, queries.ForeignKeys, cancellationToken).ConfigureAwait(false);
        var checks = queries.Checks is { } sql ? await GroupAsync(connection, sql, cancellationToken).ConfigureAwait(false) : null;
        await FaultPoints.HitAsync("schema.read.listed", cancellationToken).ConfigureAwait(false);
        var result = new List<TableDefinition>(tables.RowCount);
        var changed = new List<TableName>();
        foreach (var row in tables.Rows)
        {
            var name = new TableName(row.GetString("table_schema"), row.GetString("table_name"));
            string statement;
            try
            {
                statement = await ReadStatementAsync(connection, name, cancellationToken).ConfigureAwait(false);
            }
            catch (ServerErrorException e) when (ServerErrors.IsGone(e))
            {
                // Applications make and drop tables all the time, and which of them matter is the caller's to say.
                continue;
            }

            var table = TableRows.Build(name, row, statement, columns.Of(name), indexes.Of(name), foreignKeys.Of(name), checks?.Of(name) ?? []);
            result.Add(table);
            if (!PrintsColumns(table))
            {
                changed.Add(name);
            }
        }

        return (result, changed);
    }

    /// <summary>Whether the columns are those the statement prints.</summary>
    private static bool PrintsColumns(TableDefinition table)
    {
        try
        {
            var tokens = SqlTokens.Read(table.CreateStatement);
            var open = tokens.FindIndex(t => t.Is("("));
            var printed = SqlTokens.SplitAtCommas(tokens, open + 1, SqlTokens.Closing(tokens, open)).Where(e => e[0].Kind == SqlTokenKind.Name).Select(e => e[0].Unquoted);
            return printed.SequenceEqual(table.Columns.Select(c => c.Name), StringComparer.OrdinalIgnoreCase);
        }
        catch (FormatException)
        {
            // What cannot be read at all is refused with a sentence.
            return true;
        }
    }

    /// <summary>
    /// MySQL keeps the literals of expressions (checks, defaults, generated columns, indexes over expressions) in the bytes of their own character sets and prints them so, but converts the whole as
    /// if it were three-byte UTF-8, where each byte of an emoji becomes a question mark. Unconverted it is UTF-8 as long as every literal is.
    /// </summary>
    private static async Task<string> ReadStatementAsync(BackendConnection connection, TableName name, CancellationToken cancellationToken)
    {
        var show = $"SHOW CREATE TABLE {name.Quoted}";
        var printed = (await connection.QueryAsync(show, cancellationToken).ConfigureAwait(false)).GetString(0, 1);
        if (connection.Server.IsMariaDb || !printed.Contains('?', StringComparison.Ordinal))
        {
            return printed;
        }

        await connection.ExecuteAsync("SET @switchyard_results=@@session.character_set_results, character_set_results=NULL", cancellationToken).ConfigureAwait(false);
        try
        {
            var stored = await connection.QueryAsync(show, cancellationToken).ConfigureAwait(false);
            return s_strict.GetString(stored.GetBytes(0, 1));
        }
        catch (DecoderFallbackException)
        {
            return printed;
        }
        finally
        {
            if (connection.IsUsable)
            {
                await connection.GiveBackAsync("SET character_set_results=@switchyard_results").ConfigureAwait(false);
            }
        }
    }

    private static async Task<RowsByTable> GroupAsync(BackendConnection connection, string sql, CancellationToken cancellationToken) =>
        new(await connection.QueryAsync(sql, cancellationToken).ConfigureAwait(false));

    /// <summary>Rows of one information_schema query, by table.</summary>
    private sealed class RowsByTable(QueryResult result)
    {
        private readonly ILookup<string, QueryRow> _rows = result.Rows.ToLookup(r => r.GetString("table_name"), StringComparer.Ordinal);

        internal IReadOnlyList<QueryRow> Of(TableName table) => [.. _rows[table.Name]];
    }
}
