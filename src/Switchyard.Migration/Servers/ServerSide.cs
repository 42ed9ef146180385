using System.Diagnostics;
using System.Globalization;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>One server of a migration, over one connection that is opened when first needed and again when it broke.</summary>
internal sealed partial class ServerSide(ConnectionOptions options, IReadOnlyList<string> schemas) : IServerSide
{
    // Every lock we wait for is bounded, so that a statement of ours never queues the application behind it for long.
    private const string Setup =
        "SET SESSION lock_wait_timeout=2, innodb_lock_wait_timeout=2, time_zone='+00:00', sql_mode='NO_AUTO_VALUE_ON_ZERO', foreign_key_checks=0";

    private static readonly HashSet<string> s_systemSchemas = new(StringComparer.OrdinalIgnoreCase)
    {
        "mysql", "information_schema", "performance_schema", "sys", "_switchyard",
    };

    // The application waits for this, and a server that is frozen never answers.
    private static readonly TimeSpan s_liftLimit = TimeSpan.FromSeconds(5);

    // Within the limit of a step.
    private static readonly TimeSpan s_readersLimit = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan s_betweenTries = TimeSpan.FromMilliseconds(200);

    private BackendConnection? _connection;
    private TableNameComparer? _names;
    private LockFence? _preparedFence;

    private string SchemaTexts => string.Join(", ", schemas.Select(SqlText.QuoteString));

    public async Task ConnectAsync(CancellationToken cancellationToken) => await OpenAsync(cancellationToken);

    public async Task<ServerFacts> ReadFactsAsync(CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var values = await connection.QueryAsync("SELECT @@version, @@global.read_only, @@global.log_bin, @@global.binlog_format, @@global.binlog_row_image", cancellationToken);
        return new ServerFacts(
            values.GetString(0, 0), values.GetInt64(0, 1) != 0, values.GetInt64(0, 2) != 0, values.GetString(0, 3), values.GetString(0, 4),
            await ReadLongTransactionsAsync(connection, cancellationToken));
    }

    public async Task<IReadOnlyList<string>> ReadPreparedXaAsync(CancellationToken cancellationToken) =>
        await PreparedXa.ReadAsync(await OpenAsync(cancellationToken), cancellationToken);

    public async Task<StreamPosition> ReadEndAsync(CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        // The statement was renamed in MySQL 8.2 and the old name is gone in 8.4.
        var sql = connection.Server.IsAtLeast(ServerVendor.MySql, 8, 4) ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
        var status = await connection.QueryAsync(sql, cancellationToken);
        if (status.RowCount == 0)
        {
            throw new CutoverFailedException($"{options.Host}:{options.Port} writes no binary log.", "Start it with log_bin.");
        }

        return new StreamPosition(status.GetString(0, 0), status.GetUInt64(0, 1));
    }

    public async Task<bool> SchemaExistsAsync(string schema, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        return (await connection.QueryAsync($"SELECT 1 FROM information_schema.schemata WHERE schema_name={SqlText.QuoteString(schema)}", cancellationToken)).RowCount > 0;
    }

    public async Task<IReadOnlyList<SchemaItem>> ListViewsAndRoutinesAsync(string schema, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var name = SqlText.QuoteString(schema);
        var rows = await connection.QueryAsync(
            $"SELECT 'VIEW', table_name FROM information_schema.views WHERE table_schema={name} UNION ALL " +
            $"SELECT table_type, table_name FROM information_schema.tables WHERE table_schema={name} AND table_type='SEQUENCE' UNION ALL " +
            $"SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema={name} AND routine_type IN ('PROCEDURE', 'FUNCTION')", cancellationToken);
        return [.. rows.Rows.Select(r => new SchemaItem(r.GetString(0), schema, r.GetString(1)))];
    }

    public async Task<IReadOnlyList<SchemaItem>> ListTablesAsync(string schema, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var rows = await connection.QueryAsync(
            $"SELECT table_name FROM information_schema.tables WHERE table_schema={SqlText.QuoteString(schema)} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY table_name", cancellationToken);
        return [.. rows.Rows.Select(r => new SchemaItem("TABLE", schema, r.GetString(0)))];
    }

    public async Task<IReadOnlyList<RoutineBody>> ListRoutineBodiesAsync(string schema, CancellationToken cancellationToken)
    {
        // The session's time zone is UTC.
        var connection = await OpenAsync(cancellationToken);
        var rows = await connection.QueryAsync(
            $"SELECT routine_type, routine_name, routine_definition, DATE_FORMAT(last_altered, '%Y-%m-%dT%H:%i:%sZ') FROM information_schema.routines WHERE routine_schema={SqlText.QuoteString(schema)} AND routine_type IN ('PROCEDURE', 'FUNCTION')", cancellationToken);
        return [.. rows.Rows.Select(r => new RoutineBody(new SchemaItem(r.GetString(0), schema, r.GetString(1)), r.GetStringOrNull(2) ?? "", DateTimeOffset.Parse(r.GetString(3), CultureInfo.InvariantCulture)))];
    }

    public async Task<IReadOnlyList<(SchemaItem View, string Text)>> ListViewTextsAsync(string schema, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var rows = await connection.QueryAsync(
            $"SELECT table_name, view_definition, check_option, security_type FROM information_schema.views WHERE table_schema={SqlText.QuoteString(schema)}", cancellationToken);
        return [.. rows.Rows.Select(r => (new SchemaItem("VIEW", schema, r.GetString(0)), $"{r.GetStringOrNull(1)} {r.GetStringOrNull(2)} {r.GetStringOrNull(3)}"))];
    }

    public async Task<IReadOnlyList<(SchemaItem Item, string Definer)>> ListDefinersAsync(string schema, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var name = SqlText.QuoteString(schema);
        var rows = await connection.QueryAsync(
            $"SELECT 'VIEW', table_name, definer FROM information_schema.views WHERE table_schema={name} UNION ALL " +
            $"SELECT routine_type, routine_name, definer FROM information_schema.routines WHERE routine_schema={name} AND routine_type IN ('PROCEDURE', 'FUNCTION')", cancellationToken);
        return [.. rows.Rows.Select(r => (new SchemaItem(r.GetString(0), schema, r.GetString(1)), r.GetStringOrNull(2) ?? ""))];
    }

    public async Task DropAsync(IReadOnlyList<SchemaItem> items, CancellationToken cancellationToken)
    {
        var existing = await ExistingSchemasAsync(cancellationToken);
        foreach (var item in items.Where(i => existing.Contains(i.Schema)))
        {
            await ExecuteAsync($"DROP {item.Kind} IF EXISTS {SqlText.QuoteIdentifier(item.Schema, item.Name)}", cancellationToken);
        }
    }

    public async Task DropTablesAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        var existing = await ExistingSchemasAsync(cancellationToken);
        var there = tables.Where(t => existing.Contains(t.Schema)).Select(t => t.Quoted).ToList();
        if (there.Count > 0)
        {
            await ExecuteBesideReadersAsync($"DROP TABLE IF EXISTS {string.Join(", ", there)}", cancellationToken);
        }
    }

    /// <summary>
    /// A transaction that only reads may have begun here before reads were taken back, and may go on for a while; each wait for it is short, since others queue behind it.
    /// </summary>
    private async Task ExecuteBesideReadersAsync(string sql, CancellationToken cancellationToken)
    {
        const int Named = 5;
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await ExecuteAsync(sql, cancellationToken);
                return;
            }
            catch (ServerErrorException e) when (e.Code == LockFence.LockWaitTimeout && Stopwatch.GetElapsedTime(began) < s_readersLimit)
            {
                await Task.Delay(s_betweenTries, cancellationToken);
            }
            catch (ServerErrorException e) when (e.Code == LockFence.LockWaitTimeout)
            {
                var open = await ReadLongTransactionsAsync(await OpenAsync(cancellationToken), cancellationToken);
                throw new CutoverFailedException(
                    $"Transactions that are open on {options.Host}:{options.Port} hold the tables{(open.Count > 0 ? $": {string.Join("; ", open.Take(Named))}" : "")}.", "Let them end, or end them there (KILL and the connection's number).", e);
            }
        }
    }

    public async Task RenameTablesAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        var renames = (await PresentAsync(tables, cancellationToken)).Select(t => $"{t.Quoted} TO {(t with { Name = OldName(t.Name) }).Quoted}").ToList();
        if (renames.Count > 0)
        {
            await ExecuteAsync($"RENAME TABLE {string.Join(", ", renames)}", cancellationToken);
        }
    }

    public async Task DropSchemaIfEmptyAsync(string schema, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var name = SqlText.QuoteString(schema);
        var left = await connection.QueryAsync(
            $"SELECT (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema={name}) + " +
            $"(SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema={name}) + " +
            $"(SELECT COUNT(*) FROM information_schema.events WHERE event_schema={name})", cancellationToken);
        if (left.GetInt64(0, 0) == 0)
        {
            await ExecuteAsync($"DROP SCHEMA IF EXISTS {SqlText.QuoteIdentifier(schema)}", cancellationToken);
        }
    }

    public async Task<IReadOnlyList<string>> ListSchemasAsync(CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var schemas = await connection.QueryAsync(
            "SELECT table_schema FROM information_schema.tables UNION SELECT routine_schema FROM information_schema.routines UNION SELECT event_schema FROM information_schema.events", cancellationToken);
        return [.. schemas.Rows.Select(r => r.GetString(0)).Where(s => !s_systemSchemas.Contains(s)).Order(StringComparer.Ordinal)];
    }

    public async Task LiftReadOnlyAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_liftLimit);
        try
        {
            await EndReadOnlyAttemptsAsync(limit.Token);
            await ExecuteAsync("SET GLOBAL read_only=0", limit.Token);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CutoverFailedException(
                $"{options.Host}:{options.Port} did not answer to SET GLOBAL read_only=0 within {s_liftLimit.TotalSeconds:0.#} s.", "Look after that server; once it answers, run it there if it is still read-only.", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (await TakePreparedFenceAsync() is { } unused)
        {
            await unused.DisposeAsync();
        }

        await CloseAsync();
    }

    private async ValueTask CloseAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }

    /// <summary>The name a table gets at <c>complete --rename-tables</c>; table names end at 64 characters.</summary>
    internal static string OldName(string table) => $"_{(table.Length > 59 ? table[..59] : table)}_old";

    private async Task<BackendConnection> OpenAsync(CancellationToken cancellationToken)
    {
        if (_connection is { IsUsable: true } usable)
        {
            return usable;
        }

        await CloseAsync();
        var connection = await BackendConnection.OpenAsync(options, cancellationToken);
        _connection = connection;
        await connection.ExecuteAsync(Setup, cancellationToken);
        return connection;
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        await connection.ExecuteAsync(sql, cancellationToken);
    }

    private async Task<HashSet<string>> ExistingSchemasAsync(CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var schemas = await connection.QueryAsync("SELECT schema_name FROM information_schema.schemata", cancellationToken);
        return schemas.Rows.Select(r => r.GetString(0)).ToHashSet((await NamesAsync(cancellationToken)).Strings);
    }

    /// <summary>Those of some tables that are there: the application may have dropped others.</summary>
    private async Task<IReadOnlyList<TableName>> PresentAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        var connection = await OpenAsync(cancellationToken);
        var present = await connection.QueryAsync($"SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema IN ({SchemaTexts})", cancellationToken);
        var names = present.Rows.Select(r => new TableName(r.GetString(0), r.GetString(1))).ToHashSet(await NamesAsync(cancellationToken));
        return [.. tables.Where(names.Contains)];
    }

    /// <summary>How this server compares names: what was written down may name a table in another case than the server lists it by.</summary>
    private async Task<TableNameComparer> NamesAsync(CancellationToken cancellationToken) =>
        _names ??= await TableNameComparer.ReadAsync(await OpenAsync(cancellationToken), cancellationToken);
}
