using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Apply;

/// <summary>
/// One connection that applies groups. It runs what it may ahead of the group's turn, then waits until everything before is committed, then runs the rest
/// with the position row, and commits.
/// </summary>
/// <remarks>
/// Why nothing goes wrong ahead of the turn: commits are in order, and until then the target's row locks stand. A change that should have come after one of an
/// earlier group either found another number of rows than it must, or met a unique key, and is begun again at its turn; or it holds a row the earlier
/// one needs, which then waits in vain and makes this one give way. What could go wrong without a lock or a count (cascades, rows that may be missing, engines without
/// transactions) never runs ahead.
/// </remarks>
internal sealed class ApplyWorker(int number, ConnectionOptions options, TargetWriter target, LoggedRowsMode mode, Action<ApplyGroup> makeWay) : IAsyncDisposable
{
    // Short, because whom it waits for may be waiting for it; the other side of that circle is our own order, which the server does not see.
    private const int RowLockWaitSeconds = 1;
    private const int TableLockWaitSeconds = 2;

    // Half an hour and more of locks held by others.
    private const int MaxAttempts = 1800;

    private readonly StatementBatch _batch = new();
    private BackendConnection? _connection;

    /// <summary>The target's id of its connection, from any thread; null while it has none.</summary>
    public ulong? ConnectionId => _connection?.Server.ConnectionId;

    private BackendConnection Connection => _connection ?? throw new InvalidOperationException("The target is not connected.");

    /// <param name="limit">How long the target may leave a statement unanswered meanwhile.</param>
    /// <param name="cancellationToken">Ends it at once.</param>
    public async Task ConnectAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        await DisconnectAsync().ConfigureAwait(false);
        _connection = await WriteSession.OpenAsync(options with { CommandTimeout = options.CommandTimeout ?? limit }, RowLockWaitSeconds, cancellationToken, TableLockWaitSeconds).ConfigureAwait(false);
        if (mode.IsOn)
        {
            await LoggedRowsMode.PrepareAsync(_connection, cancellationToken).ConfigureAwait(false);
        }

        _connection.CommandTimeout = options.CommandTimeout;
    }

    /// <summary>Applies and commits a group.</summary>
    /// <param name="group">The group.</param>
    /// <param name="before">Ends when everything before it is committed; with a fault when it is not.</param>
    /// <param name="cancellationToken">Ends it at once.</param>
    public async Task RunAsync(ApplyGroup group, Task before, CancellationToken cancellationToken)
    {
        var isOpen = !group.Ahead.IsEmpty && !before.IsCompleted && await TryAheadAsync(group, cancellationToken).ConfigureAwait(false);
        if (isOpen && await Task.WhenAny(before, group.GiveWay.Task).ConfigureAwait(false) != before)
        {
            await WriteSession.RollbackAsync(Connection, cancellationToken).ConfigureAwait(false);
            isOpen = false;
            await FaultPoints.HitAsync("apply.ahead.given", cancellationToken).ConfigureAwait(false);
        }

        await before.ConfigureAwait(false);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await FinishAsync(group, isOpen, cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (ServerErrorException e) when (ServerErrors.IsTransactionConflict(e) && attempt < MaxAttempts)
            {
                makeWay(group);
            }
            catch (ServerErrorException e) when (ServerErrors.IsTransactionConflict(e))
            {
                throw new ReplicationException($"The target keeps refusing changes up to {group.End} because of locks held by others ({e.Code}); end the transactions that hold them (SHOW PROCESSLIST) and start the stream again.", e);
            }
            catch (ChangeRefusedException) when (isOpen)
            {
                // What ran ahead may have come too early; what is refused at its turn and in order is refused for good.
            }
            catch (ChangeRefusedException e)
            {
                await WriteSession.RollbackAsync(Connection, cancellationToken).ConfigureAwait(false);
                throw await target.ExplainAsync(e, cancellationToken).ConfigureAwait(false);
            }

            await WriteSession.RollbackAsync(Connection, cancellationToken).ConfigureAwait(false);
            isOpen = false;
        }
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

    private async Task<bool> TryAheadAsync(ApplyGroup group, CancellationToken cancellationToken)
    {
        try
        {
            _batch.Clear();
            target.WriteBegin(_batch, number);
            _batch.Add(group.Ahead);
            await _batch.SendAsync(Connection, target.MaxStatementBytes, group.End, cancellationToken).ConfigureAwait(false);
            // Its turn may be long in coming.
            _batch.Clear();
            await FaultPoints.HitAsync("apply.ahead.after", cancellationToken).ConfigureAwait(false);
            return true;
        }
        catch (Exception e) when (e is ChangeRefusedException || (e is ServerErrorException server && ServerErrors.IsTransactionConflict(server)))
        {
            await WriteSession.RollbackAsync(Connection, cancellationToken).ConfigureAwait(false);
            return false;
        }
    }

    private async Task FinishAsync(ApplyGroup group, bool isOpen, CancellationToken cancellationToken)
    {
        _batch.Clear();
        if (isOpen)
        {
            _batch.Add(group.Waiting);
        }
        else
        {
            target.WriteBegin(_batch, number);
            group.WriteInOrder(_batch);
        }

        target.WriteEnd(_batch, number, group.HasLogged, group.From, group.End, group.EndGtid);
        await _batch.SendAsync(Connection, target.MaxStatementBytes, group.End, cancellationToken).ConfigureAwait(false);
        _batch.Clear();
        await target.CommitAsync(Connection, group.End, group.EndGtid, cancellationToken).ConfigureAwait(false);
    }
}
