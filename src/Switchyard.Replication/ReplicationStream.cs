using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Apply;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;

namespace Switchyard.Replication;

/// <summary>
/// One direction of replication: reads the source's binary log and commits the changes of the migrated tables on the target, each together with
/// its position, so that a crash neither loses nor repeats. Forward and reverse streams are this class with the sides exchanged.
/// Opening it takes the stream over from any other process; that one stops at its next transaction. Members may be called from any thread.
/// </summary>
public sealed class ReplicationStream : IAsyncDisposable
{
    private readonly CancellationTokenSource _abort = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly AsyncSignal _wake = new();
    private readonly PositionBoard _board;
    private readonly StreamStatus _status;
    private readonly TargetWriter _target;
    private readonly CommitQueue _queue;
    private readonly StreamRunner _runner;
    private Task _running = Task.CompletedTask;
    private bool _started;
    private int _disposed;

    private ReplicationStream(StreamDefinition definition, StreamTables tables, TablePlanner planner, StreamRow row, TimeProvider clock, ILogger logger)
    {
        Definition = definition;
        Tables = tables;
        Planner = planner;
        OwnerToken = row.OwnerToken;
        SourceIdentity = row.SourceIdentity;
        Clock = clock;
        Logger = logger;
        Boundaries = new BoundaryQueue(_wake);
        _board = new PositionBoard(row.Position);
        _status = new StreamStatus(clock) { Freshness = definition.HeartbeatPeriod * 5, SilenceLimit = definition.SilenceLimit };
        var mode = new LoggedRowsMode(LoggedRowRules.Understands(planner.SourceServer, planner.TargetServer));
        _target = new TargetWriter(definition.To, mode, definition.Id, row.OwnerToken, row.Position, row.Gtid);
        var gtids = new GtidTracker(planner.SourceServer.IsMariaDb, row.Gtid);
        Xa = new XaRegistry(tables, definition.QueueBytes);
        _queue = new CommitQueue(definition, _target, mode, _wake);
        Applier = new Applier(Definition, tables, _target, _queue, mode, gtids, new DdlExecutor(Definition, tables, planner), Boundaries, _board, _status, _wake, Xa, clock);
        _runner = new StreamRunner(Definition, tables, row.SourceIdentity, _target, _queue, Applier, Boundaries, _board, _status, _wake, Xa, gtids, clock, logger);
        _board.Applied += position => Applied?.Invoke(position);
        _status.StateChanged += _ => StateChanged?.Invoke(Progress);
    }

    /// <summary>After the target's COMMIT was answered, and when the log moves on without changes for the target. Called by the applier: do not block.</summary>
    public event Action<BinlogPosition>? Applied;

    /// <summary>The stream's state changed. Called by the applier: do not block.</summary>
    public event Action<StreamProgress>? StateChanged;

    /// <summary>What is replicated.</summary>
    public StreamDefinition Definition { get; }

    /// <summary>Where the stream stands.</summary>
    public StreamProgress Progress => _status.Read(_board.Current);

    /// <summary>Ends when the stream has stopped or failed; never with an exception.</summary>
    public Task Completion => _running;

    internal StreamTables Tables { get; }

    internal TablePlanner Planner { get; }

    internal BoundaryQueue Boundaries { get; }

    internal XaRegistry Xa { get; }

    internal Applier Applier { get; }

    internal TargetWriter Target => _target;

    internal string OwnerToken { get; }

    /// <summary>Which server positions are of.</summary>
    internal string SourceIdentity { get; }

    /// <summary>It failed because another server answers where the source was: open it anew.</summary>
    public bool HasSourceMoved => _runner.HasSourceMoved;

    /// <summary>It failed because other tables are behind the names of some: open it anew after <see cref="CopyAgainAsync"/>. Null while it has not.</summary>
    public TablesReplacedException? Replaced => _runner.Replaced;

    /// <summary>Cancelled when the stream is closed for good.</summary>
    internal CancellationToken Aborted => _abort.Token;

    internal TimeProvider Clock { get; }

    internal ILogger Logger { get; }

    /// <summary>
    /// Records on the target that the stream begins at a position of the source's binary log, whatever was recorded before under its id. Creates our
    /// tables there if they are missing.
    /// </summary>
    /// <returns>The position recorded.</returns>
    /// <exception cref="ReplicationException">The source's log does not reach there.</exception>
    public static async Task<BinlogPosition> RecordAsync(StreamDefinition definition, BinlogPosition at, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(definition);
        await StreamRecorder.RecordAsync(definition, at, cancellationToken).ConfigureAwait(false);
        return at;
    }

    /// <summary>Where a recorded stream would resume; null when it is not recorded on the target.</summary>
    public static async Task<BinlogPosition?> ReadRecordedAsync(ConnectionOptions target, string id, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(target);
        var connection = await WriteSession.OpenAsync(target, 5, cancellationToken).ConfigureAwait(false);
        await using var lease = connection.ConfigureAwait(false);
        try
        {
            return (await StreamRow.ReadAsync(connection, id, locked: false, cancellationToken).ConfigureAwait(false))?.Position;
        }
        catch (ServerErrorException e) when (e.Code is 1146 or 1049)
        {
            return null;
        }
    }

    /// <summary>
    /// For a stream that does not run: how far the place where it would go on is from being purged. Null when it is not recorded, or was recorded on another server
    /// than answers now.
    /// </summary>
    /// <exception cref="ReplicationException">The log does not reach back there any more.</exception>
    public static async Task<LogReach?> ReadLogReachAsync(ConnectionOptions source, ConnectionOptions target, string id, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(target);
        var written = await BackendConnection.OpenAsync(target with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var writtenLease = written.ConfigureAwait(false);
        if (await StreamRow.ReadAsync(written, id, locked: false, cancellationToken).ConfigureAwait(false) is not { } row)
        {
            return null;
        }

        var from = (await XaRows.LoadAsync(written, id, cancellationToken).ConfigureAwait(false)).Select(x => x.Begin).Append(row.Position).Min();
        var connection = await BackendConnection.OpenAsync(source with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var lease = connection.ConfigureAwait(false);
        return await SourceLog.ReadIdentityAsync(connection, cancellationToken).ConfigureAwait(false) == row.SourceIdentity
            ? await LogReach.ReadAsync(connection, from, cancellationToken).ConfigureAwait(false)
            : null;
    }

    /// <summary>
    /// For a stream that is recorded and has never run: its tables whose definitions were changed on the source since, by the source's log. Null where the log does not tell: it does not reach
    /// back to the place any more, or another server answers.
    /// </summary>
    public static Task<IReadOnlyList<TableName>?> FindChangedAsync(StreamDefinition definition, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(definition);
        return ChangesSince.ReadAsync(definition, cancellationToken);
    }

    /// <summary>The flushed end of a server's binary log.</summary>
    public static async Task<BinlogPosition> ReadEndAsync(ConnectionOptions server, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(server);
        var connection = await BackendConnection.OpenAsync(server with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var lease = connection.ConfigureAwait(false);
        return await SourceLog.ReadEndAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// For a stream that does not run: makes tables of it anew on the target, empty and as the source has them now, and records that nothing of its log before now concerns them. A
    /// <see cref="TableCopier"/> copies their rows then. Tables whose rows change with theirs by cascading foreign keys go with them. Safe to repeat after a crash.
    /// </summary>
    /// <param name="definition">The stream.</param>
    /// <param name="names">The tables.</param>
    /// <param name="deferIndexes">Leave secondary indexes that can wait to the copy's end.</param>
    /// <param name="clock">Tells the time between attempts.</param>
    /// <param name="logger">Is told of attempts.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    /// <param name="delayed">Is told why it takes longer, and null when it does not any more.</param>
    /// <param name="added">Those of them that the stream has not followed before: what the target holds under their names is not the stream's to drop.</param>
    /// <returns>What of their definitions could not be carried over exactly.</returns>
    /// <exception cref="ReplicationException">As they are on the source now they cannot be moved, and nothing was changed; or the target refused one.</exception>
    public static Task<IReadOnlyList<GateFinding>> CopyAgainAsync(
        StreamDefinition definition, IReadOnlyList<TableName> names, bool deferIndexes, TimeProvider clock, ILogger logger, CancellationToken cancellationToken, Action<string?>? delayed = null,
        IReadOnlyCollection<TableName>? added = null) =>
        new TableRenewal(definition, deferIndexes, clock, logger, delayed, added ?? []).RunAsync(names, cancellationToken);

    /// <summary>Takes the recorded stream over. It does nothing until <see cref="Start"/>.</summary>
    /// <exception cref="ReplicationException">The stream is not recorded, or a table cannot be replicated exactly.</exception>
    /// <exception cref="BackendUnavailableException">A side cannot be reached, or stopped answering.</exception>
    /// <exception cref="ServerErrorException">A side refused.</exception>
    public static async Task<ReplicationStream> OpenAsync(
        StreamDefinition definition, CancellationToken cancellationToken, TimeProvider? clock = null, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(definition);
        try
        {
            return await OpenWithinLimitsAsync(definition, clock ?? TimeProvider.System, logger ?? NullLogger.Instance, cancellationToken).ConfigureAwait(false);
        }
        catch (BackendUnavailableException e) when (e.Reason == UnavailableReason.TimedOut)
        {
            throw new BackendUnavailableException(e.Reason, $"The stream {definition.Id} could not be opened: {e.Message} Look at that server, its load and disk, and the network to it.", e);
        }
    }

    private static async Task<ReplicationStream> OpenWithinLimitsAsync(StreamDefinition definition, TimeProvider clock, ILogger logger, CancellationToken cancellationToken)
    {
        // Here nobody listens whether a server is still there; what runs later may take its time.
        ConnectionOptions Bound(ConnectionOptions server) => server with { Schema = null, CommandTimeout = server.CommandTimeout ?? definition.OpeningLimit };
        var source = await BackendConnection.OpenAsync(Bound(definition.From), cancellationToken).ConfigureAwait(false);
        await using var sourceLease = source.ConfigureAwait(false);
        var target = await WriteSession.OpenAsync(Bound(definition.To), 20, cancellationToken).ConfigureAwait(false);
        await using var targetLease = target.ConfigureAwait(false);
        await Faults.FaultPoints.HitAsync("stream.open.connected", cancellationToken).ConfigureAwait(false);
        var names = await source.QueryAsync("SELECT @@lower_case_table_names", cancellationToken).ConfigureAwait(false);
        var tables = new StreamTables(definition.Tables, ignoreCase: names.GetString(0, 0) != "0");
        definition = definition with
        {
            SourceLogsCascades = definition.SourceLogsCascades ?? await TablePlanner.ReadLogsCascadesAsync(source, cancellationToken).ConfigureAwait(false),
        };
        var planner = new TablePlanner(definition, tables, source.Server, target.Server);
        await planner.LoadAsync(source, target, cancellationToken).ConfigureAwait(false);
        var row = await StreamRecorder.TakeOverAsync(target, definition.Id, cancellationToken).ConfigureAwait(false);
        row = await StreamRecorder.FollowAsync(definition with { From = source.Options }, source, target, row, cancellationToken).ConfigureAwait(false);
        await CopyStore.LoadAsync(target, definition.Id, tables, cancellationToken).ConfigureAwait(false);
        return new ReplicationStream(definition, tables, planner, row, clock, logger);
    }

    /// <summary>Begins to read and apply.</summary>
    /// <exception cref="InvalidOperationException">It was started before: open the stream anew to go on after a stop.</exception>
    public void Start()
    {
        if (_started)
        {
            throw new InvalidOperationException("A stream is started once; open it anew to go on.");
        }

        _started = true;
        _running = RunAsync();
    }

    private async Task RunAsync()
    {
        using var running = CancellationTokenSource.CreateLinkedTokenSource(_abort.Token);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(_stopping.Token, running.Token);
        void GiveUp(ReplicationException reason)
        {
            _runner.Lost = reason;
            running.Cancel();
        }

        var pulse = new SidePulse(Definition, _status, GiveUp, Clock).RunAsync(ended.Token);
        await _runner.RunAsync(_stopping.Token, running.Token).ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        await pulse.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Applies what is under way, writes the position, and stops. When it returns nothing of the stream runs on the target any more.</summary>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        Applier.RequestStop();
        await _stopping.CancelAsync().ConfigureAwait(false);
        await using (cancellationToken.Register(_abort.Cancel).ConfigureAwait(false))
        {
            await _running.ConfigureAwait(false);
        }

        await _target.DisconnectAsync().ConfigureAwait(false);
    }

    /// <summary>
    /// Completes when everything of the source's log up to the position that concerns the migrated tables is committed on the target: a wake-up, not a poll.
    /// </summary>
    /// <exception cref="ReplicationException">The stream has failed.</exception>
    public Task WaitForAppliedAsync(BinlogPosition position, CancellationToken cancellationToken) => _board.WaitAsync(position, cancellationToken);

    /// <summary>
    /// Runs an action between two transactions, with nothing of the stream under way on the target: for what waits for every transaction on a table, as a definition
    /// does. While it does, the stream's own transactions would wait behind it, and those that ran ahead of their turn for them.
    /// </summary>
    /// <exception cref="ReplicationException">The stream was closed before it came to it.</exception>
    public Task BetweenTransactionsAsync(Func<CancellationToken, Task> action, CancellationToken cancellationToken) => Boundaries.EnqueueAsync(action, cancellationToken);

    /// <summary>
    /// Grows before a statement that may change the definition of one of the tables, or empty it, is applied, and again after: while it stays the same, none was.
    /// </summary>
    public long DefinitionChanges => Applier.DefinitionChanges;

    /// <summary>
    /// Grows with every statement of the source's log that may make, change or drop a trigger or an event, when it is read: while it is the same at two places that were applied, there was none between.
    /// </summary>
    public long CodeChanges => _status.CodeChanges;

    /// <summary>
    /// Whether a prepared XA transaction of the source is known to change none of the stream's tables; by the identifier <see cref="PreparedXa"/> gives.
    /// </summary>
    public bool IsUnrelatedXa(string xid) => Xa.IsUnrelated(xid);

    /// <summary>
    /// The statement that has been with the target for longest, asked over a connection of its own, since those that apply may wait; null when none is. The
    /// caller's token bounds the answer.
    /// </summary>
    public async Task<ApplyDelay?> ReadDelayAsync(CancellationToken cancellationToken)
    {
        var own = _queue.Connections.Append(_target.ConnectionId).OfType<ulong>().ToHashSet();
        var connection = await BackendConnection.OpenAsync(Definition.To with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var lease = connection.ConfigureAwait(false);
        var processes = await ServerProcess.ListAsync(connection, cancellationToken).ConfigureAwait(false);
        return processes.Where(p => own.Contains(p.Id) && p.Verb is not null).MaxBy(p => p.Seconds) is { } longest
            ? new ApplyDelay(longest.Id, longest.Verb!, longest.State, longest.Seconds, await ServerDisk.IsFullAsync(connection, processes, cancellationToken).ConfigureAwait(false))
            : null;
    }

    /// <summary>The flushed end of the source's binary log now.</summary>
    /// <exception cref="SourceMovedException">Another server answers there.</exception>
    public async Task<BinlogPosition> ReadSourceEndAsync(CancellationToken cancellationToken)
    {
        var connection = await BackendConnection.OpenAsync(Definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var lease = connection.ConfigureAwait(false);
        await VerifySourceAsync(connection, cancellationToken).ConfigureAwait(false);
        return await SourceLog.ReadEndAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether a connection is to the server whose positions the stream knows: an address can come to belong to another.</summary>
    /// <exception cref="SourceMovedException">It is to another.</exception>
    public async Task VerifySourceAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        if (await SourceLog.ReadIdentityAsync(connection, cancellationToken).ConfigureAwait(false) is var identity && identity != SourceIdentity)
        {
            throw new SourceMovedException($"{Definition.From.Host}:{Definition.From.Port} is now another server ({identity}) than the one the stream {Definition.Id} reads ({SourceIdentity}).");
        }
    }

    /// <summary>Whether a stream could go on with the server its definition names now, whichever it was recorded on; changes nothing.</summary>
    /// <exception cref="ReplicationException">It could not; the message says what is missing.</exception>
    public static async Task VerifyCanFollowAsync(StreamDefinition definition, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(definition);
        var source = await BackendConnection.OpenAsync(definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var sourceLease = source.ConfigureAwait(false);
        var target = await WriteSession.OpenAsync(definition.To, 20, cancellationToken).ConfigureAwait(false);
        await using var targetLease = target.ConfigureAwait(false);
        if (await StreamRow.ReadAsync(target, definition.Id, locked: false, cancellationToken).ConfigureAwait(false) is { } row
            && await SourceLog.ReadIdentityAsync(source, cancellationToken).ConfigureAwait(false) != row.SourceIdentity)
        {
            await StreamRecorder.VerifyCanFollowAsync(definition, source, target, row, cancellationToken).ConfigureAwait(false);
            await GtidPositions.LocateAsync(definition.From, source, row.Gtid, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Stops at once: what is not committed is not done.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            await _running.ConfigureAwait(false);
            return;
        }

        await _abort.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        Boundaries.Close(new ReplicationException($"The stream {Definition.Id} was closed."));
        await _queue.DisposeAsync().ConfigureAwait(false);
        await _target.DisposeAsync().ConfigureAwait(false);
        Applier.Dispose();
        _stopping.Dispose();
        _abort.Dispose();
    }
}
