using System.Collections.Concurrent;
using Switchyard.Client;
using Switchyard.Replication;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

/// <summary>Replication that is always done at once, and remembers what was asked of it.</summary>
internal sealed class FakeEngine(FakeServers servers) : IReplicationEngine
{
    public List<Finding> Findings { get; } = [];

    /// <summary>Appliers that run now, by stream id. More than one at a time is the fault every test looks for.</summary>
    public ConcurrentDictionary<string, FakeStream> Running { get; } = new(StringComparer.Ordinal);

    public bool TwoRanAtOnce { get; private set; }

    /// <summary>Set to hold back the copy until it is completed.</summary>
    public TaskCompletionSource? CopyGate { get; set; }

    /// <summary>What was looked at last.</summary>
    public CreateMigrationRequest? LastSettings { get; private set; }

    public Task<IReadOnlyList<Finding>> PreflightAsync(ConnectionOptions source, ConnectionOptions target, CreateMigrationRequest settings, bool begun, CancellationToken cancellationToken)
    {
        LastSettings = settings;
        return Task.FromResult<IReadOnlyList<Finding>>(Findings);
    }

    /// <summary>What stands in the way of tables that are added.</summary>
    public List<Finding> AddedFindings { get; } = [];

    public Task<IReadOnlyList<Finding>> PreflightAddedAsync(
        ConnectionOptions source, ConnectionOptions target, IReadOnlyList<MigratedSchema> schemas, IReadOnlyCollection<TableName> added, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Finding>>(AddedFindings);

    public Task<IReadOnlyList<Finding>> CheckWayBackAsync(StreamSpec spec, Direction direction, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Finding>>([]);

    public Task<IForeignWatch> WatchAsync(StreamSpec spec, StreamPosition? after, Action<ForeignWriteStatus> found, CancellationToken cancellationToken) =>
        Task.FromResult<IForeignWatch>(new FakeWatch(servers.Of(spec.To)));

    private sealed class FakeWatch(FakeServer server) : IForeignWatch
    {
        public StreamPosition Examined => server.End;

        public string? Error => null;

        public Task WaitForExaminedAsync(StreamPosition position, CancellationToken cancellationToken) => Task.CompletedTask;

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    public Task<ServerNames> ReadNamesAsync(ConnectionOptions backend, CancellationToken cancellationToken) => Task.FromResult(new ServerNames(IgnoreCase: false, ["shop"]));

    public Task<IReadOnlyList<string>> ListTablesAsync(ConnectionOptions backend, string schema, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>([.. servers.Of(backend).Tables.Order(StringComparer.Ordinal)]);

    public Task<IReadOnlyList<string>> ListSequencesAsync(ConnectionOptions backend, string schema, IReadOnlyCollection<string> named, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<string>>([]);

    /// <summary>What the copy of the schema reports.</summary>
    public List<Finding> SchemaFindings { get; } = [];

    public Task<IReadOnlyList<Finding>> CopySchemaAsync(StreamSpec spec, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Finding>>(SchemaFindings);

    /// <summary>Tables made anew, in order.</summary>
    public ConcurrentQueue<TableName> MadeAnew { get; } = new();

    /// <summary>Why tables cannot be made anew; null when they can.</summary>
    public string? CopyAgainRefusal { get; set; }

    public Task<IReadOnlyList<Finding>> CopyAgainAsync(
        StreamSpec spec, IReadOnlyList<TableName> tables, IReadOnlyCollection<TableName> added, Action<string?> delayed, CancellationToken cancellationToken)
    {
        if (CopyAgainRefusal is { } refusal)
        {
            throw new ReplicationException(refusal);
        }

        foreach (var table in tables)
        {
            MadeAnew.Enqueue(table);
        }

        return Task.FromResult<IReadOnlyList<Finding>>([]);
    }

    public Task<IReadOnlyList<TableName>?> FindChangedAsync(StreamSpec spec, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<TableName>?>([]);

    public Task<StreamPosition> RecordAsync(StreamSpec spec, StreamPosition? at, CancellationToken cancellationToken)
    {
        var position = at ?? servers.Of(spec.From).End;
        servers.Of(spec.To).Streams[spec.Id] = position;
        return Task.FromResult(position);
    }

    public Task<IStreamRecord> BeginRecordAsync(StreamSpec spec, CancellationToken cancellationToken)
    {
        servers.Of(spec.To).Streams[spec.Id] = servers.Of(spec.From).End;
        return Task.FromResult<IStreamRecord>(new FakeRecord(servers.Of(spec.To), spec.Id));
    }

    public Task<IMigrationStream> OpenAsync(StreamSpec spec, CancellationToken cancellationToken) =>
        servers.Of(spec.To).Streams.ContainsKey(spec.Id)
            ? Task.FromResult<IMigrationStream>(new FakeStream(this, servers.Of(spec.From), servers.Of(spec.To), spec.Id))
            : throw new InvalidOperationException($"The stream {spec.Id} is not recorded.");

    public Task VerifyCanFollowAsync(StreamSpec spec, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>How far a stream that does not run is from losing its log; a failure when it is lost.</summary>
    public Func<LogReach?> Reach { get; set; } = () => null;

    public Task<LogReach?> ReadLogReachAsync(StreamSpec spec, CancellationToken cancellationToken) => Task.FromResult(Reach());

    public Task<IMigrationCopy> PrepareCopyAsync(StreamSpec spec, IMigrationStream stream, CancellationToken cancellationToken) =>
        Task.FromResult<IMigrationCopy>(new FakeCopy(this, spec));

    public Task RemoveAsync(StreamSpec spec, CancellationToken cancellationToken)
    {
        servers.Of(spec.To).Streams.TryRemove(spec.Id, out _);
        return Task.CompletedTask;
    }

    internal void Began(FakeStream stream)
    {
        Running[stream.Id] = stream;
        TwoRanAtOnce |= Running.Count > 1;
    }

    internal void Ended(FakeStream stream) => Running.TryRemove(stream.Id, out _);

    private sealed class FakeRecord(FakeServer follower, string id) : IStreamRecord
    {
        public Task MoveAsync(StreamPosition to, CancellationToken cancellationToken)
        {
            follower.Streams[id] = to;
            return Task.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class FakeCopy(FakeEngine engine, StreamSpec spec) : IMigrationCopy
    {
        public IReadOnlyList<TableStatus> Progress => [.. spec.Tables.Select(t => new TableStatus(spec.Schemas.NameOf(t), 10, 10, "done"))];

        public (string? Reason, TimeSpan Held) Throttled { get; private set; }

        public void Throttle(ThrottleSettings settings, IReadOnlyDictionary<string, ConnectionOptions> replicas) =>
            Throttled = (settings.Paused ? "paused by the operator" : null, TimeSpan.Zero);

        public Task RunAsync(CancellationToken cancellationToken) => engine.CopyGate?.Task.WaitAsync(cancellationToken) ?? Task.CompletedTask;
    }
}

internal sealed class FakeStream(FakeEngine engine, FakeServer from, FakeServer to, string id) : IMigrationStream
{
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _running;

    public string Id => id;

    public Task Completion => _ended.Task;

    public StreamStatus Status => new(_running ? "running" : "stopped", to.Streams.GetValueOrDefault(id).ToString(), Lag, 0, null) { LogRetentionSeconds = LogRetention, FollowerSilentSeconds = FollowerSilence };

    public double Lag { get; set; }

    public double? LogRetention { get; set; }

    public double? FollowerSilence { get; set; }

    public event Action<StreamPosition>? Applied;

    public void Start()
    {
        if (to.Triggers.Count > 0)
        {
            throw new InvalidOperationException($"There are live triggers on {to.Name}.");
        }

        engine.Began(this);
        _running = true;
    }

    public bool HasSourceMoved => false;

    public TablesReplacedException? Replaced { get; private set; }

    /// <summary>It meets a statement that brings another table under the name of one.</summary>
    public void Replace(string table)
    {
        Replaced = new TablesReplacedException([new TableName("shop", table)], $"Table shop.{table} was replaced on the source by RENAME TABLE at log.1:7");
        _running = false;
        engine.Ended(this);
        _ended.TrySetException(Replaced);
    }

    public long DefinitionChanges => 0;

    public long CodeChanges { get; set; }

    public async Task BetweenTransactionsAsync(Func<CancellationToken, Task> action, CancellationToken cancellationToken)
    {
        to.IsBetweenTransactions = true;
        try
        {
            await action(cancellationToken);
        }
        finally
        {
            to.IsBetweenTransactions = false;
        }
    }

    public bool IsUnrelatedXa(string xid) => xid.StartsWith("X'00'", StringComparison.Ordinal);

    public Task WaitForRunningAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _running = false;
        engine.Ended(this);
        _ended.TrySetResult();
        return Task.CompletedTask;
    }

    public Task<StreamPosition> ReadEndAsync(CancellationToken cancellationToken) => Task.FromResult(from.End);

    public Task<Replication.ApplyDelay?> ReadDelayAsync(CancellationToken cancellationToken) => Task.FromResult<Replication.ApplyDelay?>(null);

    public Task WaitForAppliedAsync(StreamPosition position, CancellationToken cancellationToken)
    {
        to.Streams[id] = position;
        Applied?.Invoke(position);
        return Task.CompletedTask;
    }

    public void Fail(string why)
    {
        _running = false;
        engine.Ended(this);
        _ended.TrySetException(new InvalidOperationException(why));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
