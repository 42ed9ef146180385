using Microsoft.Extensions.Logging;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;
using Switchyard.Replication.Target;
using Switchyard.Replication.Watch;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>The product's engine, over Switchyard.Replication.</summary>
internal sealed class ReplicationEngine(TimeProvider time, ILoggerFactory loggers) : IReplicationEngine
{
    private const int DefaultApplyThreads = 4;
    private readonly ILogger _log = loggers.CreateLogger("Switchyard.Replication");

    public async Task<IReadOnlyList<Finding>> PreflightAsync(
        ConnectionOptions source, ConnectionOptions target, CreateMigrationRequest settings, bool begun, CancellationToken cancellationToken)
    {
        var request = new GateRequest
        {
            Source = source,
            Target = target,
            Schemas = [.. settings.Selections.Select(s => new GateSchema(s.Schema) { Tables = [.. s.Tables ?? []], ExcludedTables = [.. s.ExcludeTables ?? []] })],
            IsResume = begun,
        };
        var findings = await SchemaGate.InspectAsync(request, cancellationToken);
        return Convert(findings);
    }

    public async Task<IReadOnlyList<Finding>> PreflightAddedAsync(
        ConnectionOptions source, ConnectionOptions target, IReadOnlyList<MigratedSchema> schemas, IReadOnlyCollection<TableName> added, CancellationToken cancellationToken)
    {
        var request = new GateRequest
        {
            Source = source,
            Target = target,
            Schemas = [.. schemas.Select(s => new GateSchema(s.Name) { Tables = [.. s.Tables], IsMovedWhole = s.Whole })],
            IsResume = true,
        };
        return Convert(await SchemaGate.InspectAddedAsync(request, added, cancellationToken));
    }

    public async Task<IReadOnlyList<Finding>> CheckWayBackAsync(StreamSpec spec, Direction direction, CancellationToken cancellationToken)
    {
        var (origin, follower) = direction.From == Side.Source ? ("source", "target") : ("target", "source");
        var findings = await SchemaGate.InspectWayBackAsync(spec.From, origin, spec.To, follower, [.. spec.Schemas.Select(s => s.Name)], cancellationToken);
        return [.. findings.Select(f => Finding.Error(f.Code, f.What, f.Remedy))];
    }

    public async Task<ServerNames> ReadNamesAsync(ConnectionOptions backend, CancellationToken cancellationToken)
    {
        await using var connection = await BackendConnection.OpenAsync(backend, cancellationToken);
        var comparison = await connection.QueryAsync("SELECT @@global.lower_case_table_names", cancellationToken);
        var schemas = await connection.QueryAsync("SELECT schema_name FROM information_schema.schemata", cancellationToken);
        return new ServerNames(comparison.GetInt64(0, 0) != 0, [.. schemas.Rows.Select(r => r.GetString(0))]);
    }

    public async Task<IReadOnlyList<string>> ListTablesAsync(ConnectionOptions backend, string schema, CancellationToken cancellationToken)
    {
        await using var connection = await BackendConnection.OpenAsync(backend, cancellationToken);
        var tables = await connection.QueryAsync(
            $"SELECT table_name FROM information_schema.tables WHERE table_schema={SqlText.QuoteString(schema)} AND table_type='BASE TABLE' ORDER BY table_name", cancellationToken);
        return [.. tables.Rows.Select(r => r.GetString(0))];
    }

    public async Task<IReadOnlyList<string>> ListSequencesAsync(ConnectionOptions backend, string schema, IReadOnlyCollection<string> named, CancellationToken cancellationToken)
    {
        await using var connection = await BackendConnection.OpenAsync(backend, cancellationToken);
        return [.. (await SequenceReader.ListMovingAsync(connection, schema, named, cancellationToken)).Select(s => s.Name)];
    }

    public async Task<IReadOnlyList<Finding>> CopySchemaAsync(StreamSpec spec, CancellationToken cancellationToken)
    {
        await using var source = await BackendConnection.OpenAsync(spec.From, cancellationToken);
        await using var target = await BackendConnection.OpenAsync(spec.To, cancellationToken);
        await FaultPoints.HitAsync("copy.schema.connected", cancellationToken);
        await new DdlTurn(spec.Id).TakeAsync(target, cancellationToken);
        var copier = new SchemaCopier(source, target);
        var findings = new List<GateFinding>();
        foreach (var schema in spec.Schemas.Where(s => s.Whole || s.Sequences is not null))
        {
            await copier.CopySequencesAsync(schema.Name, schema.Sequences, cancellationToken);
        }

        foreach (var schema in spec.Schemas)
        {
            findings.AddRange((await copier.CopyTablesAsync(schema.Name, schema.Tables, spec.Settings.DeferSecondaryKeys, cancellationToken)).Findings);
        }

        var others = await copier.CopyViewsAndRoutinesAsync([.. spec.Schemas.Where(s => s.Whole).Select(s => s.Name)], cancellationToken);
        return Convert([.. findings, .. others.Findings]);
    }

    public async Task<IReadOnlyList<Finding>> CopyAgainAsync(
        StreamSpec spec, IReadOnlyList<TableName> tables, IReadOnlyCollection<TableName> added, Action<string?> delayed, CancellationToken cancellationToken) =>
        Convert(await ReplicationStream.CopyAgainAsync(Define(spec), tables, spec.Settings.DeferSecondaryKeys, time, _log, cancellationToken, delayed, added));

    public Task<IReadOnlyList<TableName>?> FindChangedAsync(StreamSpec spec, CancellationToken cancellationToken) => ReplicationStream.FindChangedAsync(Define(spec), cancellationToken);

    public async Task<StreamPosition> RecordAsync(StreamSpec spec, StreamPosition? at, CancellationToken cancellationToken)
    {
        var begin = at is { } known ? new BinlogPosition(known.File, known.Offset) : await ReplicationStream.ReadEndAsync(spec.From, cancellationToken);
        var recorded = await ReplicationStream.RecordAsync(Define(spec), begin, cancellationToken);
        return new StreamPosition(recorded.File, recorded.Offset);
    }

    public async Task<IStreamRecord> BeginRecordAsync(StreamSpec spec, CancellationToken cancellationToken)
    {
        await RecordAsync(spec, at: null, cancellationToken);
        return await EngineRecord.OpenAsync(spec, cancellationToken);
    }

    public async Task<IMigrationStream> OpenAsync(StreamSpec spec, CancellationToken cancellationToken) =>
        new EngineStream(await ReplicationStream.OpenAsync(Define(spec), cancellationToken, time, _log), spec.From);

    public Task VerifyCanFollowAsync(StreamSpec spec, CancellationToken cancellationToken) => ReplicationStream.VerifyCanFollowAsync(Define(spec), cancellationToken);

    public Task<LogReach?> ReadLogReachAsync(StreamSpec spec, CancellationToken cancellationToken) => ReplicationStream.ReadLogReachAsync(spec.From, spec.To, spec.Id, cancellationToken);

    public Task<IMigrationCopy> PrepareCopyAsync(StreamSpec spec, IMigrationStream stream, CancellationToken cancellationToken) =>
        Task.FromResult<IMigrationCopy>(new EngineCopy(new TableCopier(((EngineStream)stream).Inner, CopyOptionsOf(spec)), spec.Schemas));

    private static CopyOptions CopyOptionsOf(StreamSpec spec) => spec.Settings.CopyThreads is { } threads ? new CopyOptions { Threads = threads } : new CopyOptions();

    public async Task<IForeignWatch> WatchAsync(StreamSpec spec, StreamPosition? after, Action<ForeignWriteStatus> found, CancellationToken cancellationToken)
    {
        var definition = new ForeignWriteWatchDefinition
        {
            Server = spec.To,
            Tables = spec.Tables,
            OwnStreamIds = spec.OppositeId is { } opposite ? [spec.Id, opposite] : [spec.Id],
            After = after is { } known ? new BinlogPosition(known.File, known.Offset) : null,
        };
        return new EngineWatch(await ForeignWriteWatch.OpenAsync(definition, cancellationToken, time, _log), spec.Schemas, found);
    }

    public async Task RemoveAsync(StreamSpec spec, CancellationToken cancellationToken)
    {
        await using var server = await BackendConnection.OpenAsync(spec.To, cancellationToken);
        for (var builder = 0; builder < CopyOptionsOf(spec).Threads; builder++)
        {
            await new DdlTurn(spec.Id, builder).TakeByForceAsync(server, cancellationToken);
        }

        await new DdlTurn(spec.Id).TakeByForceAsync(server, cancellationToken);
        await ControlTables.HoldAsync(server, cancellationToken);
        var tables = (await server.QueryAsync(
            $"SELECT table_name FROM information_schema.tables WHERE table_schema={SqlText.QuoteString(ControlTables.Schema)}", cancellationToken)).Rows.Select(r => r.GetString(0)).ToHashSet(StringComparer.OrdinalIgnoreCase);
        if (!tables.Contains("stream"))
        {
            return;
        }

        var id = SqlText.QuoteString(spec.Id);
        await server.ExecuteAsync("START TRANSACTION", cancellationToken);
        foreach (var table in tables.Where(t => t is "copy_range" or "copy_table" or "copy_again" or "ddl_intent" or "stream_xa"))
        {
            await server.ExecuteAsync($"DELETE FROM `{ControlTables.Schema}`.`{table}` WHERE stream_id={id}", cancellationToken);
        }

        await server.ExecuteAsync($"DELETE FROM `{ControlTables.Schema}`.`stream` WHERE id={id}", cancellationToken);
        await server.ExecuteAsync("COMMIT", cancellationToken);
        if ((await server.QueryAsync($"SELECT COUNT(*) FROM `{ControlTables.Schema}`.`stream`", cancellationToken)).GetInt64(0, 0) == 0)
        {
            await FaultPoints.HitAsync("remove.tables.before", cancellationToken);
            await ControlTables.DropAsync(server, cancellationToken);
        }
    }

    private static IReadOnlyList<Finding> Convert(IReadOnlyList<GateFinding> findings) =>
        [.. findings.Select(f => new Finding(
            f.Severity switch
            {
                GateSeverity.Refuse => FindingSeverity.Error,
                GateSeverity.Warn => FindingSeverity.Warning,
                _ => FindingSeverity.Information,
            },
            f.Code, f.What, f.Remedy))];

    private static StreamDefinition Define(StreamSpec spec) => new()
    {
        ApplyThreads = spec.Settings.ApplyThreads ?? DefaultApplyThreads,
        Id = spec.Id,
        From = spec.From,
        To = spec.To,
        Tables = spec.Tables,
        CopiesTables = spec.Copying,
        OppositeId = spec.OppositeId,
        OnDdl = spec.Settings.OnDdl switch
        {
            OnDdl.Ignore => Replication.OnDdl.Ignore,
            OnDdl.Stop => Replication.OnDdl.Stop,
            OnDdl.ExecIgnore => Replication.OnDdl.ExecIgnore,
            _ => Replication.OnDdl.Exec,
        },
    };
}
