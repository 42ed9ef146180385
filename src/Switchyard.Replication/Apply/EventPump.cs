using System.Diagnostics.CodeAnalysis;
using Switchyard.Binlog;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Source;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Apply;

/// <summary>
/// Reads the source's log ahead of the applier: keeps what concerns the stream, drops the rest, and waits when it is a set number of bytes
/// ahead. It also waits behind every statement that may change a table's definition, because the rows after it are decoded by the new one.
/// </summary>
internal sealed partial class EventPump(BinlogReader reader, StreamTables tables, string? oppositeId, int queueBytes, AsyncSignal wake, XaRegistry xa, ChangeReach reach, StreamStatus status, bool mayHaveGoneOn, Func<BinlogPosition, CancellationToken, Task<BinlogReader>> reopen) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Queue<StreamItem> _items = new();
    private readonly OwnStatements _ownStatements = new(oppositeId is null ? [] : [oppositeId]);
    private readonly QueueMemory _memory = new();
    private readonly AsyncSignal _room = new();
    private readonly AsyncSignal _resume = new();
    private readonly CancellationTokenSource _stop = new();
    private BinlogPosition _received = reader.Position;
    private BinlogPosition _last = reader.Position;
    private BinlogPosition _beginning;
    private long _bytes;
    private long _takenBytes;
    private Exception? _failure;
    private BinlogEvent? _gtid;
    private bool _inTransaction;
    private bool _isOwn;

    // The log's last word was that it goes on in the next file.
    private bool _hasRotated = reader.Position.Offset == BinlogPosition.FirstOffset;

    /// <summary>The end of what was read.</summary>
    public BinlogPosition Received
    {
        get
        {
            lock (_lock)
            {
                return _received;
            }
        }
    }

    /// <summary>Reads until disposed; faults are handed to the applier behind the items read before.</summary>
    public async Task RunAsync()
    {
        try
        {
            while (true)
            {
                // Without a variable, which would hold the last event, however large, while the next one is awaited.
                await DeliverDueAsync(Take(await reader.ReadAsync(_stop.Token).ConfigureAwait(false))).ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            _failure = e;
            wake.Set();
        }
    }

    /// <summary>The next item, if there is one. The rows of the one before are not to be looked at any more.</summary>
    /// <exception cref="Exception">What ended the reading, once everything read before is taken.</exception>
    public bool TryRead([NotNullWhen(true)] out StreamItem? item)
    {
        var failure = Volatile.Read(ref _failure);
        lock (_lock)
        {
            // Until the next one is asked for, the last one is in memory: a reader that went on would hold two of the largest.
            if (Interlocked.Add(ref _bytes, -_takenBytes) <= queueBytes && _takenBytes > 0)
            {
                _room.Set();
            }

            _takenBytes = 0;
            if (_items.TryDequeue(out item))
            {
                _takenBytes = item.Bytes;
                if (item is RowsItem { Block: { } block })
                {
                    _memory.Reach(block);
                }

                return true;
            }
        }

        if (failure is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }

        return false;
    }

    /// <summary>The definitions are current again: go on reading.</summary>
    public void Resume() => _resume.Set();

    public void Dispose() => _stop.Cancel();

    private StreamItem? Take(BinlogEvent? next)
    {
        if (next is null)
        {
            throw new Client.BackendUnavailableException(Client.UnavailableReason.ConnectionLost, "The source ended the binary log stream.");
        }

        var item = Translate(next);
        _hasRotated = next is RotateEvent { IsArtificial: false } || (_hasRotated && next is not FormatDescriptionEvent);
        lock (_lock)
        {
            _received = next.Position;
        }

        _last = next.Position;
        return item;
    }

    private async ValueTask DeliverDueAsync(StreamItem? item)
    {
        if (item is null)
        {
            return;
        }

        if (_due is { } branch)
        {
            _due = null;
            await DeliverBranchAsync(branch, item).ConfigureAwait(false);
        }

        await DeliverAsync(item).ConfigureAwait(false);
    }

    private async ValueTask DeliverAsync(StreamItem item)
    {
        await Faults.FaultPoints.HitAsync("stream.event.delivered", _stop.Token).ConfigureAwait(false);
        if (item is StatementItem unjudged)
        {
            item = unjudged with { Statement = await reach.JudgeAsync(unjudged.Query, unjudged.Statement, _stop.Token).ConfigureAwait(false) };
        }

        Enqueue(item);
        if (item is StatementItem statement && tables.Concerns(statement.Statement))
        {
            await _resume.WaitAsync(_stop.Token).ConfigureAwait(false);
        }

        while (Interlocked.Read(ref _bytes) > queueBytes)
        {
            await _room.WaitAsync(_stop.Token).ConfigureAwait(false);
        }
    }

    private void Enqueue(StreamItem item)
    {
        lock (_lock)
        {
            _items.Enqueue(item);
            Interlocked.Add(ref _bytes, item.Bytes);
        }

        wake.Set();
    }

    private StreamItem? Translate(BinlogEvent next)
    {
        switch (next)
        {
            case GtidEvent gtid:
                _gtid = gtid;
                _beginning = _last;
                return null;
            case MariaDbGtidEvent gtid:
                _gtid = gtid;
                _beginning = _last;
                if ((gtid.GroupFlags & MariaDbGtidFlags.PreparedXa) != 0)
                {
                    BeginBranch(gtid.Xid!);
                    return null;
                }

                return (gtid.GroupFlags & MariaDbGtidFlags.Standalone) == 0 ? Begin(next) : null;
            case QueryEvent query:
                return Query(query);
            case RowsEvent rows when _branch is not null:
                KeepInBranch(rows);
                return null;
            case RowsEvent rows:
                return Rows(rows);
            case XidEvent:
                return End(next);
            case XaPrepareEvent prepared:
                return EndBranch(prepared);
            case FormatDescriptionEvent { IsFirstSinceStart: true } when mayHaveGoneOn && _hasRotated:
                // A server that begins a file while it runs does not say that it has just been started.
                throw TornLog.GoneOn(_last);
            case FormatDescriptionEvent { IsFirstSinceStart: true }:
                return BreakOff(next);
            default:
                return _inTransaction ? null : new PositionItem(next.Position, next is HeartbeatEvent);
        }
    }

    private BeginItem Begin(BinlogEvent next)
    {
        EnterTransaction(next.Position);
        return new BeginItem(next.Position, next.Timestamp);
    }

    private void EnterTransaction(BinlogPosition at)
    {
        if (_inTransaction)
        {
            throw new ReplicationException($"The binary log begins a transaction at {at} inside another that has not ended; the log is damaged or written by a server that is not understood.");
        }

        _inTransaction = true;
        _isOwn = false;
    }

    private EndItem End(BinlogEvent next, bool isRollback = false)
    {
        var gtid = _gtid;
        _gtid = null;
        _inTransaction = false;
        _isOwn = false;
        return new EndItem(next.Position, next.Timestamp, gtid, isRollback);
    }

    private StreamItem BreakOff(BinlogEvent next)
    {
        _gtid = null;
        reach.EndSessions(next.Position);
        if (!_inTransaction)
        {
            return new PositionItem(next.Position, IsHeartbeat: false);
        }

        if (_branch is { } branch)
        {
            xa.Forget(branch);
            _branch = null;
        }

        if (mayHaveGoneOn)
        {
            throw TornLog.GoneOn(_last);
        }

        _inTransaction = false;
        _isOwn = false;
        return new BrokenOffItem(next.Position);
    }

    private StreamItem? Query(QueryEvent query)
    {
        if (query.IsBegin)
        {
            return Begin(query);
        }

        if (query.IsCommit)
        {
            return End(query);
        }

        if (query.IsRollback)
        {
            return End(query, isRollback: true);
        }

        var text = query.SqlText;
        if (Is(text, "XA START"))
        {
            // MariaDB says so in the GTID event.
            if (_branch is null)
            {
                BeginBranch(XaBranch.XidOf(text, query.Position));
            }

            return null;
        }

        if (_branch is not null && Is(text, "XA END"))
        {
            return null;
        }

        // MariaDB opens a group for these, and they close it; MySQL lets them stand alone.
        if (Is(text, "XA COMMIT") || Is(text, "XA ROLLBACK"))
        {
            return EndPrepared(query, text, isCommit: Is(text, "XA COMMIT"));
        }

        var item = Statement(query);
        if (_branch is not null)
        {
            if (item.Statement.Kind == DdlKind.Savepoint || tables.Concerns(item.Statement))
            {
                xa.Keep(_branch, item);
            }

            return null;
        }

        return item;
    }

    private StatementItem Statement(QueryEvent query)
    {
        var statement = DdlStatement.Of(query);
        if (statement.Kind == DdlKind.None && (statement.Has("TRIGGER") || statement.Has("EVENT")))
        {
            status.NoteCodeChange();
        }

        if (statement.Kind is not (DdlKind.None or DdlKind.Savepoint) && _ownStatements.TakeIfOwn(query))
        {
            statement = statement with { Kind = DdlKind.Own };
        }

        var gtid = _inTransaction ? null : _gtid;
        if (!_inTransaction)
        {
            _gtid = null;
        }

        return new StatementItem(query.Position, query.Timestamp, gtid, query, statement, _inTransaction) { Bytes = 256 + query.Sql.Length };
    }

    private StreamItem? Rows(RowsEvent rows)
    {
        if (_isOwn)
        {
            return null;
        }

        if (rows.Table.Schema == ControlTables.Schema)
        {
            _isOwn = oppositeId is not null && StreamMarks.IsOf(rows, oppositeId);
            if (_isOwn)
            {
                _ownStatements.Take(rows);
            }

            return _isOwn ? new OwnItem(rows.Position, rows.Timestamp) : null;
        }

        if (tables.Find(rows.Table.Schema, rows.Table.Table) is not { } table)
        {
            return null;
        }

        if (!_inTransaction)
        {
            throw new ReplicationException($"The binary log has rows of {table.Name} at {rows.Position} outside any transaction; it is damaged or written by a server that is not understood.");
        }

        // Those of an XA transaction wait for its end, however long it takes.
        if (_branch is not null)
        {
            rows.MoveTo(new byte[rows.BorrowedBytes]);
        }

        var block = _branch is null ? _memory.Take(rows) : null;
        return new RowsItem(rows.Position, rows.Timestamp, table, rows, block) { Bytes = 512 + rows.DataBytes };
    }
}
