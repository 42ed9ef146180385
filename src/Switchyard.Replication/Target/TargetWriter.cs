using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Apply;

namespace Switchyard.Replication.Target;

/// <summary>
/// The position row on the target: who owns it, where it stands, and after a broken connection whether the last COMMIT was done. Its own connection moves the
/// position alone, carries transactions too large to be held, and what runs between transactions.
/// </summary>
internal sealed class TargetWriter(ConnectionOptions options, LoggedRowsMode mode, string streamId, string ownerToken, BinlogPosition persisted, string gtid) : IAsyncDisposable
{
    private const int RowLockWaitSeconds = 20;
    private const int MaxAttempts = 30;

    private readonly StatementBatch _batch = new();
    private BackendConnection? _connection;
    private BinlogPosition? _uncertain;
    private bool _inLargeTransaction;
    private bool _largeHasLogged;
    private BinlogPosition? _settled;

    /// <summary>What the position row says, as far as answered. Changed by whoever's turn it is to commit.</summary>
    public BinlogPosition Persisted { get; private set; } = persisted;

    public string PersistedGtid { get; private set; } = gtid;

    /// <summary>The target's max_allowed_packet, in bytes; known once connected.</summary>
    public long MaxStatementBytes { get; private set; } = long.MaxValue;

    public bool HasOpenTransaction => _inLargeTransaction;

    /// <summary>The target's id of the connection, from any thread; null while there is none.</summary>
    public ulong? ConnectionId => _connection?.Server.ConnectionId;

    public BackendConnection Connection => _connection ?? throw new InvalidOperationException("The target is not connected.");

    /// <summary>
    /// Connects and settles what the last connection left open: the row is read under its lock, so a COMMIT still on its way has ended. Each statement has its
    /// limit until <see cref="TakeTime"/>.
    /// </summary>
    /// <param name="limit">How long the target may leave a statement unanswered.</param>
    /// <param name="cancellationToken">Ends it at once.</param>
    /// <exception cref="ReplicationException">Another applier has taken the stream.</exception>
    public async Task ConnectAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        await DisconnectAsync().ConfigureAwait(false);
        _connection = await WriteSession.OpenAsync(options with { CommandTimeout = options.CommandTimeout ?? limit }, RowLockWaitSeconds, cancellationToken).ConfigureAwait(false);
        MaxStatementBytes = await WriteSession.ReadMaxStatementBytesAsync(_connection, cancellationToken).ConfigureAwait(false);
        await _connection.ExecuteAsync("BEGIN", cancellationToken).ConfigureAwait(false);
        var row = await StreamRow.ReadAsync(_connection, streamId, locked: true, cancellationToken).ConfigureAwait(false);
        await _connection.ExecuteAsync("ROLLBACK", cancellationToken).ConfigureAwait(false);
        if (row is null || row.OwnerToken != ownerToken)
        {
            throw Fenced();
        }

        if (row.Position != Persisted)
        {
            _settled = row.Position == _uncertain ? _uncertain : throw Fenced();
        }

        // Of a COMMIT that left the position where it was, only this tells whether it was done.
        (Persisted, PersistedGtid) = (row.Position, row.Gtid);
        _uncertain = null;
        _inLargeTransaction = false;
        await mode.DecideAsync(_connection, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Everything is connected: what runs from here on takes as long as the target needs for it.</summary>
    public void TakeTime() => Connection.CommandTimeout = options.CommandTimeout;

    /// <summary>
    /// With nothing under way: whether this connection can go on. What ran on it between transactions told its own caller that it broke; where the position row
    /// stands has to be read anew before anything builds on it.
    /// </summary>
    /// <exception cref="BackendUnavailableException">It broke.</exception>
    public void RequireUsable()
    {
        if (_uncertain is not null || _connection is not { IsUsable: true })
        {
            throw new BackendUnavailableException(UnavailableReason.ConnectionLost, "The connection to the target broke between two transactions.");
        }
    }

    /// <summary>Adds the change of the position row to a batch.</summary>
    private void WriteAdvance(StatementBatch batch, BinlogPosition from, BinlogPosition end, string endGtid) =>
        StreamRow.WriteAdvance(batch.BeginPosition(), streamId, ownerToken, from, end, endGtid);

    /// <summary>Begins a worker's transaction in a batch, marked as ours.</summary>
    public void WriteBegin(StatementBatch batch, int worker)
    {
        batch.Add("BEGIN"u8);
        StreamRow.WriteWorkerMark(batch.BeginAny(), streamId, ownerToken, worker);
    }

    /// <summary>Ends a worker's transaction in a batch but for the COMMIT: the mark's row goes, the position row moves.</summary>
    public void WriteEnd(StatementBatch batch, int worker, bool hasLogged, BinlogPosition from, BinlogPosition end, string endGtid)
    {
        StreamRow.WriteWorkerMarkEnd(hasLogged ? batch.BeginLoggedCheck() : batch.BeginAny(), streamId, ownerToken, worker, onlyIfStrict: hasLogged);
        WriteAdvance(batch, from, end, endGtid);
    }

    /// <summary>Commits the transaction open on a connection, which has moved the position row. One at a time, in order.</summary>
    public async Task CommitAsync(BackendConnection connection, BinlogPosition end, string endGtid, CancellationToken cancellationToken)
    {
        await FaultPoints.HitAsync("apply.commit.before", cancellationToken).ConfigureAwait(false);
        await EndAsync(connection, end, endGtid, cancellationToken).ConfigureAwait(false);
        await FaultPoints.HitAsync("apply.commit.after", cancellationToken).ConfigureAwait(false);
    }

    private async Task EndAsync(BackendConnection connection, BinlogPosition end, string endGtid, CancellationToken cancellationToken)
    {
        _uncertain = end;
        await FaultPoints.HitAsync("apply.commit.uncertain", cancellationToken).ConfigureAwait(false);
        await connection.ExecuteAsync("COMMIT", cancellationToken).ConfigureAwait(false);
        await FaultPoints.HitAsync("apply.commit.unanswered", cancellationToken).ConfigureAwait(false);
        _uncertain = null;
        Persisted = end;
        PersistedGtid = endGtid;
    }

    /// <summary>
    /// What a refused change means. Whoever took the stream over may have applied this very change: then the statement fails before the position row is looked at.
    /// Rows as logged are tried once more as SQL, which finds the row at fault if there is one.
    /// </summary>
    public async Task<Exception> ExplainAsync(ChangeRefusedException refused, CancellationToken cancellationToken)
    {
        if (refused.IsPosition || await StreamRow.ReadAsync(Connection, streamId, locked: false, cancellationToken).ConfigureAwait(false) is not { } row || row.OwnerToken != ownerToken)
        {
            return Fenced();
        }

        if (!refused.WasLogged)
        {
            return new ReplicationException(refused.Message, refused);
        }

        mode.Refuse();
        return new StreamRestartException($"{refused.Message} They are applied as SQL from now on.", refused);
    }

    /// <summary>Runs a part of a transaction too large for one statement; the rest and the position follow.</summary>
    /// <exception cref="StreamRestartException">The target took the transaction back; the source has to be read again from the last commit.</exception>
    public async Task SpillAsync(ChangeGroup part, CancellationToken cancellationToken)
    {
        _batch.Clear();
        if (!_inLargeTransaction)
        {
            _batch.Add("BEGIN"u8);
            StreamRow.WriteMark(_batch.BeginPosition(), streamId, ownerToken, Persisted);
            _inLargeTransaction = true;
            _largeHasLogged = false;
        }

        _largeHasLogged |= part.HasLogged;
        _batch.Add(part);
        await RunLargeAsync(Persisted, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Ends a transaction begun by <see cref="SpillAsync"/>.</summary>
    public async Task CommitLargeAsync(ChangeGroup rest, BinlogPosition end, string endGtid, CancellationToken cancellationToken)
    {
        _batch.Clear();
        _largeHasLogged |= rest.HasLogged;
        _batch.Add(rest);
        WriteAdvance(_batch, Persisted, end, endGtid);
        await RunLargeAsync(end, cancellationToken).ConfigureAwait(false);
        if (_largeHasLogged && !await LoggedRowsMode.IsStrictAsync(Connection, cancellationToken).ConfigureAwait(false))
        {
            await RollbackAsync(cancellationToken).ConfigureAwait(false);
            mode.Refuse();
            throw new StreamRestartException("The target's slave_exec_mode lets missing rows pass; rows are applied as SQL from now on.");
        }

        try
        {
            await CommitAsync(Connection, end, endGtid, cancellationToken).ConfigureAwait(false);
            _inLargeTransaction = false;
        }
        catch (ServerErrorException e) when (ServerErrors.IsTransactionConflict(e))
        {
            throw await TakenBackAsync(e, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Writes down which GTIDs lie before the position, once that is known.</summary>
    public async Task RecordGtidAsync(string known, CancellationToken cancellationToken)
    {
        _batch.Clear();
        _batch.Add("BEGIN"u8);
        WriteAdvance(_batch, Persisted, Persisted, known);
        await _batch.SendAsync(Connection, MaxStatementBytes, Persisted, cancellationToken).ConfigureAwait(false);
        await EndAsync(Connection, Persisted, known, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Moves the position alone, over transactions that had nothing for the target.</summary>
    public async Task PersistAsync(BinlogPosition position, string positionGtid, CancellationToken cancellationToken)
    {
        if (position == Persisted)
        {
            return;
        }

        for (var attempt = 1; ; attempt++)
        {
            try
            {
                _batch.Clear();
                _batch.Add("BEGIN"u8);
                WriteAdvance(_batch, Persisted, position, positionGtid);
                await _batch.SendAsync(Connection, MaxStatementBytes, position, cancellationToken).ConfigureAwait(false);
                await CommitAsync(Connection, position, positionGtid, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (ServerErrorException e) when (ServerErrors.IsTransactionConflict(e) && attempt < MaxAttempts)
            {
                await RollbackAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (ChangeRefusedException e)
            {
                await RollbackAsync(cancellationToken).ConfigureAwait(false);
                throw await ExplainAsync(e, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Where the COMMIT whose answer was lost, and which turned out to be done, has moved the position; asked once.</summary>
    public BinlogPosition? TakeSettledCommit()
    {
        var settled = _settled;
        _settled = null;
        return settled;
    }

    public async Task RollbackAsync(CancellationToken cancellationToken)
    {
        _inLargeTransaction = false;
        await WriteSession.RollbackAsync(Connection, cancellationToken).ConfigureAwait(false);
    }

    public async Task DisconnectAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await DisconnectAsync().ConfigureAwait(false);
        _batch.Dispose();
    }

    private async Task RunLargeAsync(BinlogPosition end, CancellationToken cancellationToken)
    {
        try
        {
            await _batch.SendAsync(Connection, MaxStatementBytes, end, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (ServerErrors.IsTransactionConflict(e))
        {
            throw await TakenBackAsync(e, cancellationToken).ConfigureAwait(false);
        }
        catch (ChangeRefusedException e)
        {
            await RollbackAsync(cancellationToken).ConfigureAwait(false);
            throw await ExplainAsync(e, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // Its large values would stay until the next one.
            _batch.Clear();
        }
    }

    private async Task<StreamRestartException> TakenBackAsync(ServerErrorException e, CancellationToken cancellationToken)
    {
        await RollbackAsync(cancellationToken).ConfigureAwait(false);
        return new StreamRestartException("The target took back a large transaction because of a lock conflict.", e);
    }

    private ReplicationException Fenced() =>
        new($"Another process has taken over the stream {streamId}, or its position row on the target was changed by hand; this one has stopped so that no change is applied twice.");
}
