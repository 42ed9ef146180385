using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Apply;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>
/// The applier's connection to the target: commits groups of changes together with the position they bring the stream to, and knows after a
/// broken connection whether its last COMMIT was done.
/// </summary>
internal sealed class TargetWriter(ConnectionOptions options, string streamId, string ownerToken, BinlogPosition persisted, string gtid) : IAsyncDisposable
{
    private const int RowLockWaitSeconds = 20;
    private const int MaxAttempts = 30;
    private const int PrefixStatements = 2;

    private readonly PayloadWriter _text = new(64 * 1024);
    private BackendConnection? _connection;
    private (BinlogPosition Position, string Gtid)? _uncertain;
    private bool _inLargeTransaction;
    private bool _settledAsDone;

    /// <summary>What the position row says, as far as answered.</summary>
    public BinlogPosition Persisted { get; private set; } = persisted;

    public string PersistedGtid { get; private set; } = gtid;

    /// <summary>The target's max_allowed_packet, in bytes; known once connected.</summary>
    public long MaxStatementBytes { get; private set; } = long.MaxValue;

    public bool HasOpenTransaction => _inLargeTransaction;

    public BackendConnection Connection => _connection ?? throw new InvalidOperationException("The target is not connected.");

    /// <summary>
    /// Connects and settles what the last connection left open: the row is read under its lock, so a COMMIT still on its way has ended.
    /// </summary>
    /// <exception cref="ReplicationException">Another applier has taken the stream.</exception>
    public async Task ConnectAsync(CancellationToken cancellationToken)
    {
        await DisconnectAsync().ConfigureAwait(false);
        _connection = await WriteSession.OpenAsync(options, RowLockWaitSeconds, cancellationToken).ConfigureAwait(false);
        MaxStatementBytes = await WriteSession.ReadMaxStatementBytesAsync(_connection, cancellationToken).ConfigureAwait(false);
        await _connection.ExecuteAsync("BEGIN", cancellationToken).ConfigureAwait(false);
        var row = await StreamRow.ReadAsync(_connection, streamId, locked: true, cancellationToken).ConfigureAwait(false);
        await _connection.ExecuteAsync("COMMIT", cancellationToken).ConfigureAwait(false);
        if (row is null || row.OwnerToken != ownerToken)
        {
            throw Fenced();
        }

        if (_uncertain is { } uncertain && row.Position == uncertain.Position)
        {
            (Persisted, PersistedGtid) = uncertain;
            _settledAsDone = true;
        }
        else if (row.Position != Persisted)
        {
            throw Fenced();
        }

        _uncertain = null;
        _inLargeTransaction = false;
    }

    /// <summary>Commits a group and the position it ends at, in one target transaction.</summary>
    /// <exception cref="ReplicationException">A change did not find its row, or the target refused it.</exception>
    public async Task CommitAsync(ChangeGroup group, BinlogPosition end, string endGtid, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                _text.Reset(8 * 1024 * 1024);
                _text.Sql("BEGIN;"u8);
                StreamRow.WriteAdvance(_text, streamId, ownerToken, Persisted, end, endGtid);
                await RunAsync(group, PrefixStatements, end, cancellationToken).ConfigureAwait(false);
                await CommitOpenAsync(end, endGtid, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (ServerErrorException e) when (ServerErrors.IsTransactionConflict(e) && attempt < MaxAttempts)
            {
                await RollbackAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (ServerErrorException e) when (ServerErrors.IsTransactionConflict(e))
            {
                throw new ReplicationException($"The target keeps refusing changes up to {end} because of locks held by others ({e.Code}); end the transactions that hold them (SHOW PROCESSLIST) and start the stream again.", e);
            }
        }
    }

    /// <summary>Runs a part of a transaction too large for one statement; the rest and the position follow.</summary>
    /// <exception cref="StreamRestartException">The target took the transaction back; the source has to be read again from the last commit.</exception>
    public async Task SpillAsync(ChangeGroup part, CancellationToken cancellationToken)
    {
        try
        {
            _text.Reset(8 * 1024 * 1024);
            var prefix = 0;
            if (!_inLargeTransaction)
            {
                _text.Sql("BEGIN;"u8);
                StreamRow.WriteMark(_text, streamId, ownerToken, Persisted);
                prefix = PrefixStatements;
                _inLargeTransaction = true;
            }

            await RunAsync(part, prefix, Persisted, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (ServerErrors.IsTransactionConflict(e))
        {
            await RollbackAsync(cancellationToken).ConfigureAwait(false);
            throw new StreamRestartException("The target took back a large transaction because of a lock conflict.", e);
        }
    }

    /// <summary>Ends a transaction begun by <see cref="SpillAsync"/>.</summary>
    public async Task CommitLargeAsync(ChangeGroup rest, BinlogPosition end, string endGtid, CancellationToken cancellationToken)
    {
        try
        {
            if (!rest.IsEmpty)
            {
                await SpillAsync(rest, cancellationToken).ConfigureAwait(false);
            }

            _text.Reset(8 * 1024 * 1024);
            StreamRow.WriteAdvance(_text, streamId, ownerToken, Persisted, end, endGtid);
            var moved = await Connection.ExecuteAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
            if (moved.AffectedRows != 1)
            {
                await RollbackAsync(cancellationToken).ConfigureAwait(false);
                throw Fenced();
            }

            await CommitOpenAsync(end, endGtid, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (ServerErrors.IsTransactionConflict(e))
        {
            await RollbackAsync(cancellationToken).ConfigureAwait(false);
            throw new StreamRestartException("The target took back a large transaction because of a lock conflict.", e);
        }
    }

    /// <summary>Moves the position alone, over transactions that had nothing for the target.</summary>
    public async Task PersistAsync(BinlogPosition position, string positionGtid, CancellationToken cancellationToken)
    {
        if (position == Persisted)
        {
            return;
        }

        using var nothing = new ChangeGroup();
        await CommitAsync(nothing, position, positionGtid, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Whether the COMMIT whose answer was lost turned out to be done; asked once.</summary>
    public bool TakeSettledCommit()
    {
        var settled = _settledAsDone;
        _settledAsDone = false;
        return settled;
    }

    public async Task RollbackAsync(CancellationToken cancellationToken)
    {
        _inLargeTransaction = false;
        // Settings that a statement of the group may have left behind.
        await Connection.ExecuteMultiAsync($"ROLLBACK;SET foreign_key_checks=0;SET sql_mode='{WriteSession.SqlMode}'", cancellationToken).ConfigureAwait(false);
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
        _text.Dispose();
    }

    private async Task RunAsync(ChangeGroup group, int prefix, BinlogPosition end, CancellationToken cancellationToken)
    {
        if (!group.IsEmpty)
        {
            if (prefix > 0)
            {
                _text.WriteByte((byte)';');
            }

            _text.WriteBytes(group.Sql.WrittenSpan);
        }

        if (_text.Length >= MaxStatementBytes)
        {
            await RollbackAsync(cancellationToken).ConfigureAwait(false);
            throw new ReplicationException($"A change up to {end} needs {_text.Length} bytes of SQL, more than the target's max_allowed_packet of {MaxStatementBytes}; raise max_allowed_packet on the target and start the stream again.");
        }

        IReadOnlyList<OkResult> results;
        try
        {
            results = await Connection.ExecuteMultiAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (!ServerErrors.IsTransactionConflict(e) && !ServerErrors.IsTransient(e))
        {
            await RollbackAsync(cancellationToken).ConfigureAwait(false);
            // Whoever took the stream over may have applied this very change: the statement fails before the position row is looked at.
            if (await StreamRow.ReadAsync(Connection, streamId, locked: false, cancellationToken).ConfigureAwait(false) is not { } row || row.OwnerToken != ownerToken)
            {
                throw Fenced();
            }

            throw new ReplicationException(Describe(group, e.StatementIndex - prefix, end) + $" was refused by the target with error {e.Code} ({Explain(e)}).", e);
        }

        if (prefix > 0 && results[1].AffectedRows != 1)
        {
            await RollbackAsync(cancellationToken).ConfigureAwait(false);
            throw Fenced();
        }

        for (var i = 0; i < group.Statements.Count; i++)
        {
            var statement = group.Statements[i];
            var affected = results[prefix + i].AffectedRows;
            if (statement.ExpectedRows is { } expected && (ulong)expected != affected)
            {
                await RollbackAsync(cancellationToken).ConfigureAwait(false);
                throw new ReplicationException(
                    Describe(group, i, end) + $" found {affected} of {expected} rows by its key ({statement.Table!.KeyColumnNames}): the target has diverged from the source. Something else writes to the target; find and stop it, then copy the table again.");
            }
        }
    }

    private async Task CommitOpenAsync(BinlogPosition end, string endGtid, CancellationToken cancellationToken)
    {
        await FaultPoints.HitAsync("apply.commit.before", cancellationToken).ConfigureAwait(false);
        _uncertain = (end, endGtid);
        await Connection.ExecuteAsync("COMMIT", cancellationToken).ConfigureAwait(false);
        _uncertain = null;
        _inLargeTransaction = false;
        Persisted = end;
        PersistedGtid = endGtid;
        await FaultPoints.HitAsync("apply.commit.after", cancellationToken).ConfigureAwait(false);
    }

    private static string Describe(ChangeGroup group, int index, BinlogPosition end)
    {
        if (index < 0 || index >= group.Statements.Count || group.Statements[index] is not { Table: { } table } statement)
        {
            return $"A statement of the changes up to {end}";
        }

        return $"A change ({statement.Kind.ToString().ToLowerInvariant()}) of {table.Name} in the changes up to {end}";
    }

    private static string Explain(ServerErrorException e) => e.Code switch
    {
        1062 or 1586 => "another row has the same unique key: the target has diverged from the source, or its collation calls equal what the source's tells apart",
        1146 => "the table is missing on the target",
        1054 => "a column is missing on the target",
        1142 or 1044 or 1227 => "the account of the target lacks a privilege",
        1290 => "the target is read-only",
        1264 or 1265 or 1366 or 1406 or 1292 => "the target's column cannot hold the value exactly",
        1153 => "raise max_allowed_packet on the target",
        1451 or 1452 => "a foreign key of the target forbids it",
        3819 or 4025 => "a CHECK constraint of the target forbids it",
        _ => "see the target's documentation of that number",
    };

    private ReplicationException Fenced() =>
        new($"Another process has taken over the stream {streamId}, or its position row on the target was changed by hand; this one has stopped so that no change is applied twice.");
}
