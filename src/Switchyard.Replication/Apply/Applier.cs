using Switchyard.Binlog;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Apply;

/// <summary>
/// Takes events in the source's order and commits them to the target in that order: one loop, one target transaction at a time. Small source
/// transactions that are already here are joined. Between transactions, with nothing under way, it does what copiers ask.
/// </summary>
internal sealed class Applier(StreamDefinition definition, StreamTables tables, TargetWriter target, GtidTracker gtids, DdlExecutor ddl, BoundaryQueue boundaries, PositionBoard board, StreamStatus status, AsyncSignal wake, TimeProvider clock) : IDisposable
{
    private const int MaxJoinedTransactions = 500;

    // Rows of events smaller than this fit into any statement beside what is there.
    private const int LargeRowsBytes = 128 * 1024;

    // Positions moved past without a change are written this often; until then a restart reads them again, which is harmless.
    private static readonly TimeSpan s_persistPeriod = TimeSpan.FromSeconds(1);

    private readonly ChangeGroup _complete = new();
    private readonly ChangeGroup _current = new();
    private readonly RowApplier _rows = new(!(definition.SourceLogsCascades ?? false));
    private EventPump? _pump;
    private BinlogPosition _reached = board.Current;
    private string _reachedGtid = gtids.Text;
    private long _lastPersist = clock.GetTimestamp();
    private bool _inTransaction;
    private bool _isOwn;
    private volatile bool _stopRequested;

    /// <summary>The end of the last transaction handled, of whomever. A snapshot that contains it contains everything applied.</summary>
    public BinlogPosition LastTransactionEnd { get; private set; } = board.Current;

    /// <summary>GTIDs up to <see cref="LastTransactionEnd"/>.</summary>
    public string LastTransactionGtid => _reachedGtid;

    /// <summary>Whether those GTIDs tell of every transaction since the stream was opened.</summary>
    public bool HasAllGtids => gtids.IsComplete;

    public void RequestStop()
    {
        _stopRequested = true;
        wake.Set();
    }

    /// <summary>Applies until stopped or a connection breaks.</summary>
    public async Task RunAsync(EventPump pump, CancellationToken cancellationToken)
    {
        _pump = pump;
        if (target.TakeSettledCommit())
        {
            // The group whose answer was lost is on the target after all, and chunks have to know its keys.
            Committed(_complete.Touched, _complete.Transactions, target.Persisted);
        }

        Forget();
        _reached = board.Current;
        _reachedGtid = gtids.Text;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!_inTransaction)
            {
                if (_stopRequested)
                {
                    await FlushAsync(cancellationToken).ConfigureAwait(false);
                    await target.PersistAsync(board.Current, _reachedGtid, cancellationToken).ConfigureAwait(false);
                    return;
                }

                await RunDueAsync(null, cancellationToken).ConfigureAwait(false);
            }

            status.Received(pump.Received);
            if (!pump.TryRead(out var item))
            {
                if (_complete.Transactions > 0)
                {
                    await FlushAsync(cancellationToken).ConfigureAwait(false);
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

    /// <summary>Writes the position reached, so that a chunk inserted now is never met by events from before it.</summary>
    public Task PersistAsync(CancellationToken cancellationToken)
    {
        _lastPersist = clock.GetTimestamp();
        return target.PersistAsync(board.Current, _reachedGtid, cancellationToken);
    }

    public void Dispose()
    {
        _complete.Dispose();
        _current.Dispose();
    }

    // After a broken connection the log is read again from the last commit; nothing half done is kept.
    private void Forget()
    {
        _complete.Clear();
        _current.Clear();
        _rows.Reset();
        _inTransaction = false;
        _isOwn = false;
    }

    private async Task RunDueAsync(BinlogPosition? next, CancellationToken cancellationToken)
    {
        while (boundaries.HasDue(_reached, next))
        {
            await FlushAsync(cancellationToken).ConfigureAwait(false);
            if (boundaries.TakeDue(_reached, next) is { } request)
            {
                await request.RunAsync(cancellationToken).ConfigureAwait(false);
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
                _current.Clear();
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
            case PositionItem position:
                Advance(position.Position);
                status.Heard(position.IsHeartbeat ? 0 : position.Timestamp, _complete.Transactions > 0);
                await PersistSometimesAsync(cancellationToken).ConfigureAwait(false);
                break;
        }
    }

    private async Task ApplyRowsAsync(RowsItem item, CancellationToken cancellationToken)
    {
        var plan = item.Table.Plan ?? throw new ReplicationException($"Rows of {item.Table.Name} at {item.Position} came after the table was dropped.");
        foreach (var change in item.Rows)
        {
            if (item.Table.Copy is { } copy)
            {
                while ((copy.Blocking(change.Before) ?? copy.Blocking(change.After)) is { } chunk)
                {
                    await WaitForInsertAsync(copy, chunk, cancellationToken).ConfigureAwait(false);
                }
            }

            if (!_current.IsEmpty && item.Bytes > LargeRowsBytes && _current.Bytes + (2L * SizeOf(change)) > target.MaxStatementBytes - LargeRowsBytes)
            {
                await SpillAsync(cancellationToken).ConfigureAwait(false);
            }

            _rows.Apply(_current, item, plan, change);
            if (_current.Bytes > SpillBytes)
            {
                await SpillAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static long SizeOf(RowChange change)
    {
        var bytes = 0L;
        foreach (var cell in change.Before.Cells)
        {
            bytes += cell.Bytes.Length;
        }

        foreach (var cell in change.After.Cells)
        {
            bytes += cell.Bytes.Length;
        }

        return bytes;
    }

    // Half of what the server takes leaves room for the next row, whatever its size so far.
    private long SpillBytes => Math.Min(definition.LargeTransactionBytes, target.MaxStatementBytes / 2);

    private async Task SpillAsync(CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken).ConfigureAwait(false);
        await target.SpillAsync(_current, cancellationToken).ConfigureAwait(false);
        foreach (var touched in _current.Touched)
        {
            _complete.Touched.Add(touched);
        }

        _current.Clear();
        _rows.Reset();
    }

    private async Task WaitForInsertAsync(TableCopyState copy, Chunk chunk, CancellationToken cancellationToken)
    {
        await FlushAsync(cancellationToken).ConfigureAwait(false);
        var outcome = await chunk.Outcome.WaitAsync(cancellationToken).ConfigureAwait(false);
        ChunkTransitions.Settle(copy, chunk, outcome);
    }

    private async Task EndAsync(EndItem end, CancellationToken cancellationToken)
    {
        if ((end.IsRollback || end.PreparedXid is not null) && (!_current.IsEmpty || target.HasOpenTransaction))
        {
            throw new ReplicationException(end.PreparedXid is { } xid
                ? $"The XA transaction {xid} changes migrated tables and is only prepared at {end.Position}; XA transactions cannot be replicated yet. End it on the source, stop using XA for these tables, and copy again."
                : $"The binary log has changes of migrated tables that were rolled back at {end.Position}: a transaction mixes engines with and without transactions. Convert the tables to InnoDB and copy again.");
        }

        _inTransaction = false;
        _isOwn = false;
        gtids.Add(end.Gtid);
        if (target.HasOpenTransaction)
        {
            _reachedGtid = gtids.Text;
            _complete.Touched.AddRange(_current.Touched);
            await target.CommitLargeAsync(_current, end.Position, _reachedGtid, cancellationToken).ConfigureAwait(false);
            Committed(_complete.Touched, 1, end.Position);
            _complete.Clear();
            _current.Clear();
            _rows.Reset();
            return;
        }

        LastTransactionEnd = end.Position;
        if (!_current.IsEmpty)
        {
            if (_complete.Bytes + _current.Bytes > SpillBytes)
            {
                await FlushAsync(cancellationToken).ConfigureAwait(false);
            }

            _current.Transactions = 1;
            _complete.Append(_current);
        }

        _current.Clear();
        _rows.Reset();
        Advance(end.Position);
        if (_complete.Bytes > definition.GroupBytes || _complete.Transactions >= MaxJoinedTransactions)
        {
            await FlushAsync(cancellationToken).ConfigureAwait(false);
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
                _rows.Statement(_current, item.Query.Sql.Span);
            }

            return;
        }

        var concerns = tables.Concerns(item.Statement);
        if (concerns && !_isOwn)
        {
            await FlushAsync(cancellationToken).ConfigureAwait(false);
            if (_inTransaction && (!_current.IsEmpty || target.HasOpenTransaction))
            {
                throw new ReplicationException($"The binary log has a statement that changes migrated tables in the middle of a transaction with rows, at {item.Position}; that cannot be followed exactly. Copy again.");
            }

            await ddl.HandleAsync(item, target, cancellationToken).ConfigureAwait(false);
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
                await FlushAsync(cancellationToken).ConfigureAwait(false);
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

        _reachedGtid = gtids.Text;
        if (_complete.Transactions == 0)
        {
            board.Publish(_reached);
            status.Count(0);
        }
    }

    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (_complete.Transactions == 0)
        {
            return;
        }

        await target.CommitAsync(_complete, _reached, _reachedGtid, cancellationToken).ConfigureAwait(false);
        _lastPersist = clock.GetTimestamp();
        Committed(_complete.Touched, _complete.Transactions, _reached);
        _complete.Clear();
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

        status.Count(transactions);
        board.Publish(end);
    }

    private Task PersistSometimesAsync(CancellationToken cancellationToken) =>
        !_inTransaction && _complete.Transactions == 0 && board.Current != target.Persisted && clock.GetElapsedTime(_lastPersist) > s_persistPeriod
            ? PersistAsync(cancellationToken)
            : Task.CompletedTask;
}
