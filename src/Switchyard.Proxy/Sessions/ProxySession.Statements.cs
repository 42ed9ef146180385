using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Switchyard.Client;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Routing;
using Switchyard.Sql;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Sessions;

/// <summary>The way of a statement: gate, route, leg, relay, account.</summary>
internal sealed partial class ProxySession
{
    private const ServerStatus LastingStatus =
        ServerStatus.InTransaction | ServerStatus.InReadOnlyTransaction | ServerStatus.AutoCommit | ServerStatus.NoBackslashEscapes | ServerStatus.AnsiQuotes;

    /// <summary>A BEGIN answered by us and not yet sent: it goes where the transaction's first statement goes. The statement's text.</summary>
    private byte[]? _pendingBegin;
    private bool _isPendingReadOnly;

    /// <summary>User variables assigned from diagnostics where these were, and not yet carried to the leg that has the session's state.</summary>
    private (BackendLeg Leg, ImmutableArray<string> Names)? _stray;

    /// <summary>A transaction is open on the leg that has the session's state.</summary>
    private bool InTransaction => _current is { InTransaction: true };

    /// <summary>Nor does the client believe that one is open: a BEGIN may be waiting for its first statement, or reads go on at the reader.</summary>
    private bool IsBetweenTransactions => !InTransaction && _pendingBegin is null && _readTransaction is null;

    /// <summary>What the client is told of a transaction whose BEGIN waits, with every answer; nothing where none does.</summary>
    private ServerStatus PendingStatus =>
        _pendingBegin is null ? ServerStatus.None
        : _isPendingReadOnly ? ServerStatus.InTransaction | ServerStatus.InReadOnlyTransaction
        : ServerStatus.InTransaction;

    /// <summary>The flags for an answer of ours: of a leg's last ones those that are not about its last statement.</summary>
    private ServerStatus StatusOf(BackendLeg leg) => ((ServerStatus)leg.Scanner.Status & LastingStatus) | PendingStatus;

    /// <summary>Runs a statement to the end of its answer; false when it was answered without being sent.</summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private async ValueTask<bool> RunAsync(Statement statement, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                // Written in this order: who sees the statement sees the schema its names are in.
                _runningSchema = SchemaOf(statement);
                _running = statement.Info;
                var topology = _context.View.Current;
                if (IsSimple(statement.Info, topology, out var only))
                {
                    var leg = _current!.Backend == only ? _current : await MoveAsync(only, statement, cancellationToken);
                    if (leg is null)
                    {
                        return false;
                    }

                    EndHold();
                    await ForwardAsync(leg, statement, cancellationToken);
                    return true;
                }

                await _context.Views.EnsureAsync(statement.Info, SchemaOf(statement), topology, cancellationToken);
                if (FindHold(statement, topology) is { } hold)
                {
                    if (await HoldAsync(hold, cancellationToken) is { } error)
                    {
                        await RefuseAsync(statement, error, cancellationToken);
                        return false;
                    }
                }
                else if (MustAwaitMembership(statement, topology))
                {
                    if (!await AwaitMembershipAsync(statement, cancellationToken))
                    {
                        return false;
                    }
                }
                else
                {
                    return await RunRoutedAsync(statement, topology, cancellationToken);
                }
            }
        }
        finally
        {
            EndHold();
        }
    }

    /// <summary>
    /// A statement's text, or an execution of a statement prepared already, that goes to the leg which has the session's state and needs nothing
    /// else of it. What is said here is what <see cref="RunAsync"/> does with such a one.
    /// </summary>
    private bool IsPlain(PacketFrame frame, out Statement statement)
    {
        statement = default;
        PreparedStatement? prepared = null;
        StatementInfo info;
        switch ((CommandKind)_client.Buffered[PacketLimits.HeaderSize])
        {
            case CommandKind.Query when !_scanOptionsUncertain:
                info = Analyze(frame);
                break;
            case CommandKind.StatementExecute when frame.PayloadLength >= 5 && _prepared.TryGetValue(StatementIdOf(frame), out prepared) && !prepared.HasSentAhead && prepared.Refusal is null:
                info = prepared.Info;
                break;
            default:
                return false;
        }

        if (!info.Routines.IsEmpty || info.KillTarget is not null || info.KilledUser is not null)
        {
            // What routines do, and who is meant, is looked up first.
            return false;
        }

        // Written in this order: who sees the statement sees the schema its names are in.
        _runningSchema = prepared is null ? _state.Schema : prepared.Schema;
        _running = info;
        if (_context.Shadow.IsOn || !IsSimple(info, _context.View.Current, out var only) || _current!.Backend != only)
        {
            return false;
        }

        if (prepared is null)
        {
            statement = new Statement(info, frame, ResponseShape.Results);
        }
        else
        {
            RememberTypes(prepared, frame);
            statement = new Statement(info, frame, ShapeOf(frame)) { Prepared = prepared };
        }

        return true;
    }

    /// <summary>
    /// The fast path: everything belongs to one backend, no gate is up, nothing is pending. Then nothing of the statement decides where it goes.
    /// </summary>
    private bool IsSimple(StatementInfo info, TopologyState topology, [NotNullWhen(true)] out string? only) =>
        topology.Routing.TryGetSingleBackend(_state.Schema, out only)
        && topology.HeldGates.IsEmpty
        && _pendingBegin is null
        && _stray is null
        && _readTransaction is null
        && (_current!.Backend == only || (!InTransaction && !_pins.Any && !info.Has(SessionEffects.ReadsDiagnostics)))
        && (topology.Routing.Rules.IsEmpty || _context.Gates.Membership.IsMember);

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private async ValueTask<bool> RunRoutedAsync(Statement statement, TopologyState topology, CancellationToken cancellationToken)
    {
        var info = statement.Info;
        if (_stray is { } stray && !(info.Has(SessionEffects.ReadsDiagnostics) && info.Tables.IsEmpty))
        {
            await BringHomeAsync(stray.Leg, stray.Names, cancellationToken);
        }

        if (!statement.IsAboutDefinitions && MayBeInReadTransaction(info) && await TryInReadTransactionAsync(statement, topology, cancellationToken))
        {
            return true;
        }

        if (await TryReadOnReaderAsync(statement, topology, cancellationToken))
        {
            return true;
        }

        if (!statement.IsAboutDefinitions && statement.Shape != ResponseShape.None && IsDeferrable(info))
        {
            EndHold();
            return await DeferBeginAsync(statement, cancellationToken);
        }

        var (backend, error) = Decide(statement, topology);
        if (error is { } refused)
        {
            await RefuseAsync(statement, refused, cancellationToken);
            return false;
        }

        var leg = backend is null ? LegOfDiagnostics(info)
            : backend == _current!.Backend ? _current
            : await MoveAsync(backend, statement, cancellationToken);
        if (leg is null)
        {
            return false;
        }

        EndHold();
        if (_pendingBegin is not null && NeedsTransaction(info) && !await SendPendingBeginAsync(leg, statement, cancellationToken))
        {
            return false;
        }

        await ForwardAsync(leg, statement, cancellationToken);
        if (leg != _current && !info.AssignedUserVariables.IsEmpty)
        {
            _stray = (leg, [.. _stray is { } before && before.Leg == leg ? before.Names.Union(info.AssignedUserVariables) : info.AssignedUserVariables]);
        }

        return true;
    }

    /// <summary>Where a statement goes by the writer's side of its tables; a null backend is the leg that has the session's state.</summary>
    private RouteAnswer Decide(Statement statement, TopologyState topology)
    {
        var schema = SchemaOf(statement);
        var route = StatementRouter.Route(TablesOf(statement), schema, topology.Routing, _pins);
        var isHere = InTransaction || _pins.Any;
        if (route.Error is not null && !(isHere && route.IsUntied))
        {
            return route;
        }

        if (isHere)
        {
            return route.Backend is null || route.Backend == _current!.Backend
                ? default
                : new RouteAnswer(null, ClientError.Refused(
                    $"This session is on backend '{_current.Backend}' because {WhyHere()}, and the tables of this statement are on backend '{route.Backend}'."));
        }

        if (route.Backend is not null)
        {
            return route;
        }

        return statement.Info.Has(SessionEffects.ReadsDiagnostics)
            ? default
            : new RouteAnswer(StatementRouter.HomeOf(statement.NewSchema ?? statement.Info.UseSchema ?? _state.Schema, topology.Routing), null);
    }

    /// <summary>Diagnostics are about the statement before, and exist only where it ran. What is set from them for the session is set where its state is, though.</summary>
    private BackendLeg LegOfDiagnostics(StatementInfo info) =>
        info.Has(SessionEffects.ReadsDiagnostics) && info.Tables.IsEmpty && !info.Has(SessionEffects.SetsSessionVariables | SessionEffects.SetsNames)
        && _last is { IsBroken: false } last ? last : _current!;

    /// <summary>Carries user variables that were assigned on a leg which does not have the session's state to the one that has.</summary>
    private async ValueTask BringHomeAsync(BackendLeg leg, ImmutableArray<string> names, CancellationToken cancellationToken)
    {
        _stray = null;
        List<(string Name, string Reason)> failures = [];
        if (leg == _current)
        {
            return;
        }

        try
        {
            await UserVariableCarrier.CarryAsync(leg, _current!, [.. names], _scanOptions.Encoding, failures, cancellationToken);
        }
        catch (Exception exception) when (exception is ServerErrorException || (exception is LegLostException lost && lost.Backend == leg.Backend))
        {
            failures.AddRange(names.Select(name => ("@" + name, exception.Message)));
        }

        foreach (var (name, reason) in failures)
        {
            ProxyLog.StateNotCarried(_context.Logger, Id, name, _current!.Backend, reason);
        }
    }

    private string WhyHere() => InTransaction ? "its transaction began there" : string.Join(" and ", _pins.Describe());

    private string? SchemaOf(Statement statement) => statement.Prepared is { } prepared ? prepared.Schema : _state.Schema;

    /// <summary>
    /// BEGIN says nothing of the tables to come: where tables live on several backends, or a gate is up, it is answered at once and sent
    /// in front of the first statement that needs the transaction.
    /// </summary>
    private static bool IsDeferrable(StatementInfo info) =>
        info.Kind is StatementKind.Begin or StatementKind.StartTransaction or StatementKind.StartTransactionReadOnly
        && !info.Has(SessionEffects.ConsistentSnapshot);

    private async ValueTask<bool> DeferBeginAsync(Statement statement, CancellationToken cancellationToken)
    {
        var leg = _current!;
        if (leg.InTransaction)
        {
            // BEGIN commits what is open.
            try
            {
                await LegCommands.QueryAsync(leg, "COMMIT", cancellationToken);
            }
            catch (ServerErrorException exception)
            {
                await SendErrorAsync(ClientError.From(exception), _answerNumber, cancellationToken);
                return false;
            }

            _context.Reads.Acknowledging(_marks, s_nothing, _state.Schema, wasInTransaction: true, inTransaction: false, failed: false);
        }

        _pendingBegin = (statement.Prepared?.Sql ?? QueryText(statement.Frame)).ToArray();
        _isPendingReadOnly = statement.Info.Kind == StatementKind.StartTransactionReadOnly;
        _pendingReadsOnly = _isPendingReadOnly && statement.Info.StatementCount == 1;
        await SendOkAsync(StatusOf(leg), _answerNumber, cancellationToken);
        return true;
    }

    /// <summary>Statements without tables can run before a deferred BEGIN is sent, unless they are about the transaction itself.</summary>
    private static bool NeedsTransaction(StatementInfo info) => info.Tables.Length > 0 || !info.TablesKnown || info.Has(
            SessionEffects.BeginsTransaction | SessionEffects.EndsTransaction | SessionEffects.ImplicitCommit | SessionEffects.AutocommitOn
            | SessionEffects.AutocommitOff | SessionEffects.AutocommitUnknown | SessionEffects.BeginsXa | SessionEffects.EndsXa | SessionEffects.SetsNextTransaction)
        || info.Kind is StatementKind.Savepoint or StatementKind.RollbackToSavepoint or StatementKind.ReleaseSavepoint or StatementKind.XaEnd or StatementKind.XaPrepare;

    private async ValueTask<bool> SendPendingBeginAsync(BackendLeg leg, Statement statement, CancellationToken cancellationToken)
    {
        var begin = _pendingBegin!;
        _pendingBegin = null;
        _pendingReadsOnly = false;
        try
        {
            await LegCommands.QueryAsync(leg, begin, cancellationToken);
            _context.Reads.Acknowledging(_marks, s_nothing, _state.Schema, wasInTransaction: false, inTransaction: true, failed: false);
            return true;
        }
        catch (ServerErrorException exception)
        {
            await RefuseAsync(statement, ClientError.From(exception), cancellationToken);
            return false;
        }
    }

    /// <summary>
    /// An error for a statement not sent. A command that is never answered, part of a parameter's value, has its error kept for the execution that lacks it.
    /// </summary>
    private ValueTask RefuseAsync(Statement statement, ClientError error, CancellationToken cancellationToken)
    {
        if (statement.Shape != ResponseShape.None)
        {
            return SendErrorAsync(error, _answerNumber, cancellationToken);
        }

        statement.Prepared?.PartRefused(error);
        return ValueTask.CompletedTask;
    }

    /// <summary>Sends the command to the leg, relays its answer, and keeps account of its effects.</summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask ForwardAsync(BackendLeg leg, Statement statement, CancellationToken cancellationToken)
    {
        if (!await SendStatementAsync(leg, statement, cancellationToken))
        {
            return;
        }

        if (statement.Shape == ResponseShape.None)
        {
            leg.AwaitsAnswer = false;
        }
        else
        {
            await RelayAnswerAsync(leg, statement, cancellationToken);
        }

        await CompleteAsync(leg, statement, cancellationToken);
    }

    /// <summary>False when the statement could not be prepared on the leg, which the client has been told.</summary>
    private ValueTask<bool> SendStatementAsync(BackendLeg leg, Statement statement, CancellationToken cancellationToken) =>
        statement.Prepared is { } prepared && statement.Shape != ResponseShape.Prepared
            ? SendPreparedAsync(leg, prepared, statement, cancellationToken)
            : SendCommandAsync(leg, statement.Frame, cancellationToken);

    /// <summary>Keeps account of a statement whose answer has been relayed.</summary>
    private ValueTask CompleteAsync(BackendLeg leg, Statement statement, CancellationToken cancellationToken)
    {
        _statusUncertain &= statement.Shape == ResponseShape.None || leg.Scanner.ErrorCode != 0;
        _last = leg;
        Measure(leg, statement);
        NoteShape(statement, leg);
        return NeedsObservation(statement.Info, leg) ? ObserveAsync(leg, statement, cancellationToken) : ValueTask.CompletedTask;
    }
}
