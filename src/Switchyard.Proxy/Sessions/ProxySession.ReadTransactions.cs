using System.Runtime.CompilerServices;
using Switchyard.Client;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Relay;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Sessions;

/// <summary>
/// READ ONLY transactions in data-router mode. Such a transaction is opened on the reader once the reader has everything of the migration, and its plain
/// reads stay there to its end. What is no plain read goes to the writer, in a READ ONLY transaction there: it refuses writes, gives locks and keeps
/// the session's state as it always does.
/// </summary>
internal sealed partial class ProxySession
{
    /// <summary>What ends a transaction, or may.</summary>
    private const SessionEffects EndsReadTransaction =
        SessionEffects.BeginsTransaction | SessionEffects.EndsTransaction | SessionEffects.ImplicitCommit | SessionEffects.AutocommitOn
        | SessionEffects.AutocommitUnknown | SessionEffects.BeginsXa | SessionEffects.LocksTables | SessionEffects.ClosesConnection | SessionEffects.Opaque;

    /// <summary>The reader's leg while a READ ONLY transaction of the client is open on it; null otherwise. Read by other threads.</summary>
    private volatile BackendLeg? _readTransaction;

    /// <summary>Something has been read in it.</summary>
    private bool _hasReadInTransaction;

    /// <summary>Its first read settles what all of it sees; under READ COMMITTED and below, every read waits for what was written before it.</summary>
    private bool _isReadSnapshotFixed;
    private bool _isReadSnapshotTaken;

    /// <summary>The BEGIN that waits is READ ONLY and may go to the reader.</summary>
    private bool _pendingReadsOnly;

    /// <summary>A READ ONLY transaction is on the reader, or may be from this statement on.</summary>
    private bool MayBeInReadTransaction(StatementInfo info) =>
        _readTransaction is not null || _pendingReadsOnly || info is { Kind: StatementKind.StartTransactionReadOnly, StatementCount: 1 };

    /// <summary>True when the statement has been answered as part of a READ ONLY transaction on the reader; the writer has it otherwise.</summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private async ValueTask<bool> TryInReadTransactionAsync(Statement statement, TopologyState topology, CancellationToken cancellationToken)
    {
        var info = statement.Info;
        if (_readTransaction is not null && _pendingBegin is null && !InTransaction)
        {
            // The writer has refused to begin it.
            await LeaveReadTransactionAsync(cancellationToken);
        }

        if (_readTransaction is { } open)
        {
            if (info is { Kind: StatementKind.Commit or StatementKind.Rollback, StatementCount: 1 } && _pendingBegin is not null
                && !info.Has(SessionEffects.BeginsTransaction | SessionEffects.ClosesConnection))
            {
                return await EndReadTransactionAsync(open, statement, cancellationToken);
            }

            if (info.Has(EndsReadTransaction))
            {
                await LeaveReadTransactionAsync(cancellationToken);
            }
        }

        if (info.Kind == StatementKind.StartTransactionReadOnly && info.Has(SessionEffects.ConsistentSnapshot))
        {
            // Its snapshot is taken now, on either side.
            await BeginReadTransactionAsync(_context.Reads.PlanAll(topology, _marks, Id), (statement.Prepared?.Sql ?? QueryText(statement.Frame)).ToArray(), takesSnapshot: true, cancellationToken);
            return false;
        }

        if (!IsReadForReader(statement) || _context.Reads.Plan(info, SchemaOf(statement), topology, _marks, Id) is not { } plan)
        {
            return false;
        }

        if (_readTransaction is null && _pendingReadsOnly && _pendingBegin is { } begin)
        {
            _pendingReadsOnly = false;
            await BeginReadTransactionAsync(_context.Reads.PlanAll(topology, _marks, Id) is { } all && all.Backend == plan.Backend ? all : null, begin, takesSnapshot: false, cancellationToken);
        }

        return _readTransaction is { } leg && leg.Backend == plan.Backend && await ReadInTransactionAsync(leg, plan, statement, cancellationToken);
    }

    private bool IsReadForReader(Statement statement) =>
        statement.Info.IsPlainRead && statement.Shape == ResponseShape.Results && !statement.IsAboutDefinitions && !_pins.Any && !OpensCursor(statement);

    /// <summary>Opens the transaction on the reader, if the reader has everything in time and takes the session's state.</summary>
    private async ValueTask BeginReadTransactionAsync(
        Reads.ReadPlan? planned, ReadOnlyMemory<byte> begin, bool takesSnapshot, CancellationToken cancellationToken)
    {
        if (planned is not { } plan || _readTransaction is not null || _pins.Any || _state.NextTransaction is not null || plan.Backend == _current!.Backend || InTransaction)
        {
            return;
        }

        try
        {
            if (await FindLiveLegAsync(plan.Backend, cancellationToken) is not { } leg)
            {
                OpenReaderBehind(plan.Backend);
                plan.Reads.Counts.FellBackByConnection();
            }
            else if (!await plan.Reads.WaitVisibleAsync(plan.Number, _context.Reads.WaitLimit, cancellationToken))
            {
                plan.Reads.Counts.FellBackByLag();
            }
            else if ((await StateCarrier.CarryAsync(_current, leg, _state, CarryScope.Variables, cancellationToken)).Count == 0)
            {
                var isolation = (await LegCommands.QueryAsync(leg, $"SELECT @@session.{VariableNames.OnServer("transaction_isolation", leg.Server)}", cancellationToken)).Text(0, 0);
                await LegCommands.QueryAsync(leg, begin, cancellationToken);
                _isReadSnapshotFixed = isolation is "REPEATABLE-READ" or "SERIALIZABLE";
                _isReadSnapshotTaken = _isReadSnapshotFixed && takesSnapshot;
                _readTransaction = leg;
                _hasReadInTransaction = false;
            }
        }
        catch (Exception exception) when (exception is ServerErrorException or BackendUnavailableException or FormatException
            || (exception is LegLostException lost && lost.Backend == plan.Backend))
        {
            // Nothing has been read there yet: the writer has the whole transaction.
            plan.Reads.Counts.FellBackByConnection();
        }
    }

    /// <summary>
    /// False when the reader has answered with an error: the writer may know better. A connection that breaks takes the snapshot of what was read there
    /// with it, and the client's connection too, as a server's death does within any transaction.
    /// </summary>
    private async ValueTask<bool> ReadInTransactionAsync(BackendLeg leg, Reads.ReadPlan plan, Statement statement, CancellationToken cancellationToken)
    {
        if (!_isReadSnapshotTaken && !await plan.Reads.WaitVisibleAsync(plan.Number, _context.Reads.WaitLimit, cancellationToken))
        {
            plan.Reads.Counts.FellBackByLag();
            await LeaveUnreadAsync(cancellationToken);
            return false;
        }

        // The transaction stays open over this statement: a gate has to see what it is about.
        NoteSchemas(statement.Info);
        try
        {
            if ((await StateCarrier.CarryAsync(_current!, leg, _state, CarryScope.Variables, cancellationToken)).Count == 0)
            {
                EndHold();
                if (await ReadOnAsync(leg, statement, cancellationToken))
                {
                    _hasReadInTransaction = true;
                    _isReadSnapshotTaken = _isReadSnapshotFixed;
                    plan.Reads.Counts.OnTarget();
                    return true;
                }
            }
        }
        catch (ServerErrorException)
        {
            // The statement cannot be prepared there.
        }
        catch (LegLostException lost) when (!_answerBegun && !_hasReadInTransaction && lost.Backend == leg.Backend)
        {
            _readTransaction = null;
        }

        plan.Reads.Counts.FellBackByError();
        await LeaveUnreadAsync(cancellationToken);
        return false;
    }

    /// <summary>The writer takes the first read of a transaction that has one snapshot: then it has the others too.</summary>
    private ValueTask LeaveUnreadAsync(CancellationToken cancellationToken) =>
        _isReadSnapshotFixed && !_isReadSnapshotTaken ? LeaveReadTransactionAsync(cancellationToken) : ValueTask.CompletedTask;

    /// <summary>COMMIT or ROLLBACK of a transaction of which the writer has seen nothing.</summary>
    private async ValueTask<bool> EndReadTransactionAsync(BackendLeg leg, Statement statement, CancellationToken cancellationToken)
    {
        _readTransaction = null;
        _pendingBegin = null;
        await LegCommands.QueryAsync(leg, (statement.Prepared?.Sql ?? QueryText(statement.Frame)).ToArray(), cancellationToken);
        EndHold();
        await SendOkAsync(StatusOf(leg), _answerNumber, cancellationToken);
        return true;
    }

    /// <summary>The transaction ends on the reader; what ends it on the writer is under way.</summary>
    private async ValueTask LeaveReadTransactionAsync(CancellationToken cancellationToken)
    {
        if (_readTransaction is not { } leg)
        {
            return;
        }

        _readTransaction = null;
        try
        {
            await LegCommands.QueryAsync(leg, "ROLLBACK", cancellationToken);
        }
        catch (Exception exception) when (exception is ServerErrorException || (exception is LegLostException && !cancellationToken.IsCancellationRequested))
        {
            // It is over there in any case.
            leg.IsBroken = true;
        }
    }
}
