using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Two real servers, a schema on the source, the same tables on the target, and a stream between them.</summary>
internal sealed class Scenario : IAsyncDisposable
{
    private readonly ConcurrentStack<IAsyncDisposable> _owned = new();

    private Scenario(string from, ConnectionOptions to, string schema)
    {
        From = ConnectionOptions.Parse(from);
        To = to;
        Schema = schema;
    }

    public ConnectionOptions From { get; }

    public ConnectionOptions To { get; }

    public string Schema { get; }

    public IReadOnlyList<TableName> Tables { get; private set; } = [];

    public StreamDefinition Definition { get; set; } = null!;

    public BackendConnection Source { get; private set; } = null!;

    public BackendConnection Target { get; private set; } = null!;

    public static async Task<Scenario> CreateAsync(string from, string to, params string[] ddl) =>
        await CreateAsync(await LabServer.SharedAsync(from, "source"), await LabServer.SharedAsync(to, "target"), ddl);

    public static async Task<Scenario> CreateAsync(LabServer from, LabServer to, params string[] ddl)
    {
        var scenario = new Scenario(from.Dsn, ConnectionOptions.Parse(to.Dsn), LabServer.UniqueSchema());
        scenario.Source = await scenario.ConnectSourceAsync(withSchema: false);
        scenario.Target = await BackendConnection.OpenAsync(scenario.To, default);
        scenario._owned.Push(scenario.Target);
        await scenario.Source.ExecuteAsync($"CREATE DATABASE {scenario.Schema} DEFAULT CHARACTER SET utf8mb4", default);
        await scenario.Source.ChangeSchemaAsync(scenario.Schema, default);
        foreach (var statement in ddl)
        {
            await scenario.Source.ExecuteAsync(statement, default);
        }

        return scenario;
    }

    /// <summary>The same with another server as the source, which holds the schema already. The first one still owns what is to be cleaned up.</summary>
    public Scenario MovedTo(LabServer server)
    {
        var moved = new Scenario(server.Dsn, To, Schema) { Tables = Tables, Target = Target };
        moved.Definition = Definition with { From = moved.From };
        return moved;
    }

    /// <summary>A connection of an application: in the schema, strict about nothing.</summary>
    public async Task<BackendConnection> ConnectSourceAsync(bool withSchema = true)
    {
        var connection = await BackendConnection.OpenAsync(From with { Schema = withSchema ? Schema : null }, default);
        await connection.ExecuteAsync("SET SESSION sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00', innodb_lock_wait_timeout=30", default);
        _owned.Push(connection);
        return connection;
    }

    /// <summary>Creates the tables on the target and records the stream at the source's end.</summary>
    public async Task RecordAsync(bool copies = true, Func<StreamDefinition, StreamDefinition>? change = null)
    {
        var tables = await SchemaReader.ReadTablesAsync(Source, Schema, default);
        Tables = [.. tables.Select(t => t.Name)];
        await using (var a = await BackendConnection.OpenAsync(From, default))
        await using (var b = await BackendConnection.OpenAsync(To, default))
        {
            // Small tables go the way of large ones here.
            await new SchemaCopier(a, b) { SmallTableBytes = -1 }.CopyTablesAsync(Schema, [.. Tables.Select(t => t.Name)], deferIndexes: true, default);
        }

        Definition = new StreamDefinition { Id = Schema + ".forward", From = From, To = To, Tables = Tables, CopiesTables = copies };
        Definition = change?.Invoke(Definition) ?? Definition;
        await ReplicationStream.RecordAsync(Definition, await ReplicationStream.ReadEndAsync(From, default), default);
    }

    public async Task<ReplicationStream> OpenAsync(bool start = true, ILogger? logger = null)
    {
        var stream = await ReplicationStream.OpenAsync(Definition, default, logger: logger);
        _owned.Push(stream);
        if (start)
        {
            stream.Start();
        }

        return stream;
    }

    /// <summary>Waits until everything written on the source so far is on the target.</summary>
    public static async Task CatchUpAsync(ReplicationStream stream)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        await stream.WaitForAppliedAsync(await stream.ReadSourceEndAsync(limit.Token), limit.Token);
    }

    /// <summary>Waits until the stream is in a state.</summary>
    public static async Task<StreamProgress> UntilAsync(ReplicationStream stream, StreamState state)
    {
        var there = new TaskCompletionSource<StreamProgress>(TaskCreationOptions.RunContinuationsAsynchronously);
        void Look(StreamProgress progress)
        {
            if (progress.State == state)
            {
                there.TrySetResult(progress);
            }
        }

        stream.StateChanged += Look;
        Look(stream.Progress);
        try
        {
            return await there.Task.WaitAsync(TimeSpan.FromMinutes(5));
        }
        finally
        {
            stream.StateChanged -= Look;
        }
    }

    /// <summary>Compares every row of every table, as each server prints it.</summary>
    public async Task AssertSameAsync()
    {
        foreach (var table in Tables)
        {
            var source = await RowsAsync(From, table);
            var target = await RowsAsync(To, table);
            var missing = source.Except(target).Take(3).ToArray();
            var extra = target.Except(source).Take(3).ToArray();
            Assert.True(missing.Length == 0 && extra.Length == 0 && source.Count == target.Count,
                $"{table}: {source.Count} rows on the source, {target.Count} on the target; missing: {string.Join(" | ", missing)}; extra: {string.Join(" | ", extra)}");
        }
    }

    /// <summary>Takes all logs but the last from the source, which has to be the test's own: everybody loses them.</summary>
    public async Task PurgeLogsAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        while (true)
        {
            // A server keeps a log while a connection still sends it, and MariaDB until its last checkpoint is written.
            var logs = await Source.QueryAsync("SHOW BINARY LOGS", limit.Token);
            if (logs.RowCount == 1)
            {
                return;
            }

            await Source.ExecuteAsync($"PURGE BINARY LOGS TO '{logs.GetString(logs.RowCount - 1, 0)}'", limit.Token);
        }
    }

    /// <summary>Ends the connections that read the server's log, and returns how many there were.</summary>
    public static async Task<int> KillDumpsAsync(BackendConnection server, CancellationToken cancellationToken)
    {
        var dumps = await server.QueryAsync("SELECT id FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'", cancellationToken);
        foreach (var dump in dumps.Rows)
        {
            await KillAsync(server, dump.GetUInt64(0), cancellationToken);
        }

        return dumps.RowCount;
    }

    public static async Task KillAsync(BackendConnection server, ulong id, CancellationToken cancellationToken)
    {
        try
        {
            await server.ExecuteAsync($"KILL {id}", cancellationToken);
        }
        catch (ServerErrorException e) when (e.Code == 1094)
        {
            // Gone by itself.
        }
    }

    public async Task<long> CountAsync(TableName table) => (await Target.QueryAsync($"SELECT COUNT(*) FROM {table.Quoted}", default)).GetInt64(0, 0);

    public async ValueTask DisposeAsync()
    {
        while (_owned.TryPop(out var last))
        {
            await last.DisposeAsync();
        }

        foreach (var server in (ConnectionOptions[])[From, To])
        {
            await using var connection = await BackendConnection.OpenAsync(server, default);
            foreach (var xid in await PreparedXa.ReadAsync(connection, default))
            {
                // What a failed test left prepared would keep the schema from going.
                await connection.ExecuteAsync($"XA ROLLBACK {xid}", default);
            }

            await connection.ExecuteAsync($"DROP DATABASE IF EXISTS {Schema}", default);
        }
    }

    private static async Task<HashSet<string>> RowsAsync(ConnectionOptions server, TableName table)
    {
        await using var connection = await BackendConnection.OpenAsync(server, default);
        await connection.ExecuteAsync("SET NAMES binary", default);
        await connection.ExecuteAsync("SET SESSION time_zone='+00:00', sql_mode='ALLOW_INVALID_DATES'", default);
        var definition = await SchemaReader.ReadTableAsync(connection, table, default);
        await connection.ExecuteAsync("SET NAMES binary", default);
        // Independent of the product's own reading but for the types whose text is lossy.
        var columns = definition!.Columns.Select(c => c.DataType is "float" or "double" ? $"`{c.Name}`*1e0" : $"HEX(`{c.Name}`)");
        var result = await connection.QueryAsync($"SELECT CONCAT_WS('|',{string.Join(",", columns.Select(c => $"COALESCE({c},'-')"))}) FROM {table.Quoted}", default);
        return [.. result.Rows.Select(r => r.GetString(0))];
    }
}
