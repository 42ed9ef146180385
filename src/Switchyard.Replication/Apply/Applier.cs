using Switchyard.Binlog;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Apply;

/// <summary>
/// Takes events in the source's order and commits them to the target in that order: one loop that judges, writes SQL and hands it to workers. Small source
/// transactions that are already here are joined. Between transactions, with nothing under way, it does what copiers ask.
/// </summary>
internal sealed partial class Applier(StreamDefinition definition, StreamTables tables, TargetWriter target, CommitQueue queue, LoggedRowsMode mode, GtidTracker gtids, DdlExecutor ddl, BoundaryQueue boundaries, PositionBoard board, StreamStatus status, AsyncSignal wake, XaRegistry xa, TimeProvider clock) : IDisposable
{
    private const int MaxJoinedTransactions = 2000;

    // A key takes more memory than the text of its change may.
    private const int MaxJoinedTouches = 50_000;

    // Of a transaction that touches more keys of chunks than this, the chunks are given up, as they are for many transactions.
    private const int MaxSpilledTouches = 1_000_000;

    // Rows of events smaller than this fit into any statement beside what is there.
    private const int LargeRowsBytes = 128 * 1024;

    // Positions moved past without a change are written this often; until then a restart reads them again, which is harmless.
    private static readonly TimeSpan s_persistPeriod = TimeSpan.FromSeconds(1);

    // Enough to be worth a transaction of its own when a worker has nothing to do.
    private const int WorthwhileBytes = 64 * 1024;

    private readonly ChangeGroup _current = new();
    private readonly Stack<ApplyGroup> _spare = new();
    private readonly ConflictMap _conflicts = new();
    private readonly List<(Chunk Chunk, byte[] Key)> _spilledTouches = [];
    private ApplyGroup _group = new();
    private ApplyGroup? _unsure;
    private long _committed;
    private long _numbers;
    private readonly EventRows _events = new();
    private readonly RowApplier _rows = new(!(definition.SourceLogsCascades ?? false));
    private EventPump? _pump;
    private BinlogPosition _reached = board.Current;
    private long _lastPersist = clock.GetTimestamp();
    private long _definitionChanges;
    private bool _inTransaction;
    private bool _isOwn;
    private volatile bool _stopRequested;

    /// <summary>The end of the last transaction handled, of whomever. A snapshot that contains it contains everything applied.</summary>
    public BinlogPosition LastTransactionEnd { get; private set; } = board.Current;

    /// <summary>GTIDs up to <see cref="LastTransactionEnd"/>.</summary>
    public string LastTransactionGtid => gtids.Text;

    /// <summary>Whether those GTIDs tell of every transaction since the stream was opened.</summary>
    public bool HasAllGtids => gtids.IsComplete;

    /// <summary>Rows events sent to the target as they were logged, so far.</summary>
    public long EventsAsLogged { get; private set; }

    /// <summary>Grows before a statement that may change the definition of a table or empty it is applied, and after. Safe from any thread.</summary>
    public long DefinitionChanges => Interlocked.Read(ref _definitionChanges);

    public void RequestStop()
    {
        _stopRequested = true;
        wake.Set();
    }

    /// <summary>Applies until stopped or a connection breaks.</summary>
    public async Task RunAsync(EventPump pump, CancellationToken cancellationToken)
    {
        _pump = pump;
        if (target.TakeSettledCommit() is { } end && _unsure is { } settled && settled.End == end)
        {
            // The group whose answer was lost is on the target after all, and chunks have to know its keys.
            Committed(settled.Touched, settled.Transactions, target.Persisted);
        }

        Forget();
        try
        {
            // The queue is cancelled by another thread, which has to be through with that before the queue is aborted here.
            await using (cancellationToken.Register(queue.Cancel).ConfigureAwait(false))
            {
                await LoopAsync(pump, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            await queue.AbortAsync().ConfigureAwait(false);
            TakeLeft();
        }
    }

    /// <summary>Writes the position reached, so that a chunk inserted now is never met by events from before it.</summary>
    public async Task PersistAsync(CancellationToken cancellationToken)
    {
        _lastPersist = clock.GetTimestamp();
        var writes = board.Current != target.Persisted;
        await target.PersistAsync(board.Current, gtids.Text, cancellationToken).ConfigureAwait(false);
        if (writes)
        {
            status.Wrote();
        }
    }

    public void Dispose()
    {
        _group.Dispose();
        _unsure?.Dispose();
        _current.Dispose();
        while (_spare.TryPop(out var group))
        {
            group.Dispose();
        }
    }

    private async Task LoopAsync(EventPump pump, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await CollectAsync().ConfigureAwait(false);
            if (!_inTransaction)
            {
                if (_stopRequested)
                {
                    await FlushAsync().ConfigureAwait(false);
                    await target.PersistAsync(board.Current, gtids.Text, cancellationToken).ConfigureAwait(false);
                    return;
                }

                await RunDueAsync(null, cancellationToken).ConfigureAwait(false);
            }

            status.Received(pump.Received);
            if (!pump.TryRead(out var item))
            {
                if (_group.Transactions > 0 && queue.HasFreeWorker)
                {
                    Dispatch();
                    continue;
                }

                await wake.WaitAsync(cancellationToken).ConfigureAwait(false);
                continue;
            }

            if (!_inTransaction)
            {
                await RunDueAsync(item.Position, cancellationToken).ConfigureAwait(false);
            }

            await HandleAsync(item, cancellationToken).ConfigureAwait(false);
        }
    }

    // After a broken connection the log is read again from the last commit; nothing half done is kept.
    private void Forget()
    {
        _group.Clear();
        _group.Number = ++_numbers;
        _unsure?.Dispose();
        _unsure = null;
        _spilledTouches.Clear();
        _current.Clear();
        _rows.Reset();
        _events.Reader.Close();
        _inTransaction = false;
        _isOwn = false;
        _reached = board.Current;
    }

    // What had ended before the stop counts; of what had not, only the first can have been committed without our knowing.
    private void TakeLeft()
    {
        while (queue.TryTakeEnded(out var group))
        {
            if (group.Run.IsCompletedSuccessfully)
            {
                Committed(group.Touched, group.Transactions, group.End);
                group.Dispose();
            }
            else if (_unsure is null)
            {
                _unsure = group;
            }
            else
            {
                group.Dispose();
            }
        }
    }

    private async Task RunDueAsync(BinlogPosition? next, CancellationToken cancellationToken)
    {
        while (boundaries.HasDue(_reached, next))
        {
            await FlushAsync().ConfigureAwait(false);
            if (boundaries.TakeDue(_reached, next) is { } request)
            {
                await request.RunAsync(cancellationToken).ConfigureAwait(false);
                target.RequireUsable();
            }
        }
    }

    private async Task HandleAsync(StreamItem item, CancellationToken cancellationToken)
    {
        switch (item)
        {
            case BeginItem:
                _inTransaction = true;
                _isOwn = false;
                status.Heard(item.Timestamp, isBehind: true);
                break;
            case OwnItem:
                _isOwn = true;
                await DropCurrentAsync(cancellationToken).ConfigureAwait(false);
                break;
            case RowsItem rows when !_isOwn:
                await ApplyRowsAsync(rows, cancellationToken).ConfigureAwait(false);
                break;
            case EndItem end:
                await EndAsync(end, cancellationToken).ConfigureAwait(false);
                break;
            case StatementItem statement:
                await StatementAsync(statement, cancellationToken).ConfigureAwait(false);
                break;
            case BrokenOffItem broken:
                await DropCurrentAsync(cancellationToken).ConfigureAwait(false);
                _inTransaction = false;
                _isOwn = false;
                Advance(broken.Position);
                await PersistSometimesAsync(cancellationToken).ConfigureAwait(false);
                break;
            case PositionItem position:
                Advance(position.Position);
                if (position.IsHeartbeat)
                {
                    status.HeardNothingNew(!IsIdle);
                }
                else
                {
                    status.Heard(0, !IsIdle);
                }

                await PersistSometimesAsync(cancellationToken).ConfigureAwait(false);
                break;
        }
    }

    /// <summary>Whether the transaction changes rows of the stream's tables on the target.</summary>
    private bool HasRows => _current.HasRows || target.HasOpenTransaction;

    private async Task EndAsync(EndItem end, CancellationToken cancellationToken)
    {
        if (end.IsRollback && HasRows)
        {
            throw new ReplicationException($"The binary log has changes of migrated tables that were rolled back at {end.Position}: a transaction mixes engines with and without transactions. Convert the tables to InnoDB and copy again.");
        }

        _inTransaction = false;
        _isOwn = false;
        if (end.Xa is { } change)
        {
            _current.Begin(new ChangeStatement(ChangeKind.Other, null, 1));
            XaRows.Write(_current.Sql, definition.Id, change);
            xa.CascadingEnds += !change.IsPrepared && change.Branch.MeetsCascades ? 1 : 0;
        }
        else if (!HasRows)
        {
            // Savepoints of a transaction of other tables.
            _current.Clear();
        }

        if (target.HasOpenTransaction)
        {
            gtids.Add(end.Gtid);
            _spilledTouches.AddRange(_current.Touched);
            await CommitLargeAsync(end.Position, cancellationToken).ConfigureAwait(false);
            return;
        }

        if (!_current.IsEmpty)
        {
            if (_group.Bytes + _current.Bytes > SpillBytes)
            {
                await DispatchAsync().ConfigureAwait(false);
            }

            var waits = _conflicts.Meets(_rows.Keys, _committed, _group.Number);
            _conflicts.Record(_rows.Keys, _group.Number, waits);
            _group.Add(_current, waits);
        }

        _current.Clear();
        _rows.Reset();
        gtids.Add(end.Gtid);
        LastTransactionEnd = end.Position;
        Advance(end.Position);
        if (_group.Bytes > definition.GroupBytes || _group.Transactions >= MaxJoinedTransactions || _group.Touched.Count > MaxJoinedTouches)
        {
            await DispatchAsync().ConfigureAwait(false);
        }
        else if (_group.Bytes > WorthwhileBytes && queue.HasFreeWorker)
        {
            Dispatch();
        }
        else
        {
            await PersistSometimesAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task StatementAsync(StatementItem item, CancellationToken cancellationToken)
    {
        if (item.Statement.Kind == DdlKind.Savepoint)
        {
            if (!_isOwn && _inTransaction)
            {
                _rows.Savepoint(_current, item.Statement);
            }

            return;
        }

        var concerns = tables.Concerns(item.Statement);
        if (concerns)
        {
            Interlocked.Increment(ref _definitionChanges);
        }

        if (concerns && !_isOwn)
        {
            await FlushAsync().ConfigureAwait(false);
            if (_inTransaction && HasRows)
            {
                throw new ReplicationException($"The binary log has a statement that changes migrated tables in the middle of a transaction with rows, at {item.Position}; that cannot be followed exactly. Copy again.");
            }

            if (item.Statement.Kind == DdlKind.Drop)
            {
                // Once a table is gone, none of the rows it had in the log can be met again.
                await PersistAsync(cancellationToken).ConfigureAwait(false);
            }

            await ddl.HandleAsync(item, _reached, target, cancellationToken).ConfigureAwait(false);
            Interlocked.Increment(ref _definitionChanges);
        }

        if (!item.InTransaction)
        {
            gtids.Add(item.Gtid);
            LastTransactionEnd = item.Position;
            Advance(item.Position);
        }

        if (concerns)
        {
            if (!item.InTransaction)
            {
                await FlushAsync().ConfigureAwait(false);
                await PersistAsync(cancellationToken).ConfigureAwait(false);
                await ddl.ForgetIntentAsync(target, cancellationToken).ConfigureAwait(false);
            }

            _pump!.Resume();
        }
    }

    private void Advance(BinlogPosition position)
    {
        if (position > _reached)
        {
            _reached = position;
        }

        PublishReached();
    }

    /// <summary>Nothing is joined and nothing is under way: what was reached is applied.</summary>
    private bool IsIdle => _group.Transactions == 0 && queue.IsIdle;

    private void PublishReached()
    {
        if (IsIdle)
        {
            board.Publish(_reached);
            status.Count(0, isBehind: false);
        }
    }

    // Hands over what is joined, waiting for a worker, and takes note of what has ended meanwhile.
    private async Task DispatchAsync()
    {
        while (_group.Transactions > 0)
        {
            if (queue.HasFreeWorker)
            {
                Dispatch();
                return;
            }

            await queue.WaitForFirstAsync().ConfigureAwait(false);
            await CollectAsync().ConfigureAwait(false);
        }
    }

    private void Dispatch()
    {
        _group.End = _reached;
        _group.EndGtid = gtids.Text;
        queue.Begin(_group);
        _group = _spare.TryPop(out var spare) ? spare : new ApplyGroup();
        _group.Number = ++_numbers;
    }

    private async Task CollectAsync()
    {
        var any = false;
        while (queue.TryTakeEnded(out var group))
        {
            if (!group.Run.IsCompletedSuccessfully)
            {
                _unsure = group;
                await group.Run.ConfigureAwait(false);
            }

            any = true;
            _committed = group.Number;
            Committed(group.Touched, group.Transactions, group.End);
            group.Clear();
            _spare.Push(group);
        }

        if (any)
        {
            _lastPersist = clock.GetTimestamp();
            PublishReached();
        }
    }

    // Everything joined or under way is committed when it returns.
    private async Task FlushAsync()
    {
        await DispatchAsync().ConfigureAwait(false);
        while (!queue.IsIdle)
        {
            await queue.WaitForFirstAsync().ConfigureAwait(false);
            await CollectAsync().ConfigureAwait(false);
        }
    }

    private void Committed(List<(Chunk Chunk, byte[] Key)> touched, int transactions, BinlogPosition end)
    {
        foreach (var (chunk, key) in touched)
        {
            chunk.Touch(key);
        }

        if (end > _reached)
        {
            _reached = end;
        }

        if (end > LastTransactionEnd)
        {
            LastTransactionEnd = end;
        }

        status.Wrote();
        status.Count(transactions, !IsIdle);
        board.Publish(end);
    }

    private Task PersistSometimesAsync(CancellationToken cancellationToken) =>
        !_inTransaction && IsIdle && board.Current != target.Persisted && clock.GetElapsedTime(_lastPersist) > s_persistPeriod
            ? PersistAsync(cancellationToken)
            : Task.CompletedTask;
}
