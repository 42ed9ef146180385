using System.Collections.Immutable;
using Switchyard.Client;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Gates;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Routing;
using Switchyard.Sql;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Sessions;

/// <summary>The session's side of gates: what is held, and what a gate sees when it looks at the session from another thread.</summary>
internal sealed partial class ProxySession
{
    /// <summary>Schemas other than the current one that statements have named; what is left open may be about them.</summary>
    private volatile ImmutableHashSet<string> _touchedSchemas = ImmutableHashSet<string>.Empty;

    /// <summary>No drain waits longer for views at one time.</summary>
    private static readonly TimeSpan s_viewsLimit = TimeSpan.FromSeconds(0.5);

    private GateHold? _hold;
    private long _heldSince;

    /// <summary>A statement waits, in a gate or for the membership; the turn is free meanwhile. Changed with the turn.</summary>
    private bool _isHeld;

    /// <summary>An error came within a transaction: servers end some transactions by one, and error packets do not say so.</summary>
    private volatile bool _statusUncertain;

    /// <summary>The hold a statement has to wait in; null when it may go on.</summary>
    private GateHold? FindHold(Statement statement, TopologyState topology)
    {
        if (topology.HeldGates.IsEmpty || statement.IsAboutDefinitions)
        {
            return null;
        }

        var ignoreCase = topology.Routing.IgnoreCase;
        foreach (var gate in topology.HeldGates)
        {
            var concerned = GateScope.Concerns(gate, _state.Schema, _touchedSchemas, ignoreCase);
            if (!GateScope.Touches(gate, statement.Info, TablesOf(statement), SchemaOf(statement), concerned, ignoreCase))
            {
                continue;
            }

            var hold = _context.Gates.HoldOf(gate);
            if (!IsTiedTo(gate))
            {
                return hold;
            }

            // Seen as a blocker before the gate is asked, so that it cannot be drained without this transaction.
            NoteSchemas(statement.Info);
            if (!hold.TryEnterLate())
            {
                return hold;
            }
        }

        return null;
    }

    /// <summary>Something that began before the gate is open on its source, and must be able to end.</summary>
    private bool IsTiedTo(Gate gate) =>
        (InTransaction || _pins.Any || _readTransaction is not null) && (gate.From is null || _current!.Backend == gate.From);

    /// <summary>Waits for the gate's end; the error when a KILL QUERY ended the wait, or nobody says how the gate ended.</summary>
    private async ValueTask<ClientError?> HoldAsync(GateHold hold, CancellationToken cancellationToken)
    {
        var since = _hold is null ? _context.Time.GetTimestamp() : _heldSince;
        EndHold();
        using var interrupt = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        _holdInterrupt = interrupt;
        ClientError? error = null;
        try
        {
            // Counted by the gate before the session is seen held.
            var held = hold.WaitAsync(_commandLength, _context.Options.HoldLimit, interrupt.Token);
            _isHeld = true;
            LeaveTurn("held");
            await held;
            (_hold, _heldSince) = (hold, since);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            error = s_interrupted;
        }
        catch (TimeoutException)
        {
            error = ClientError.Refused(
                "Switchyard cannot reach its topology store, and without it cannot tell on which server this statement has to run after a switch that was under way; "
                + "the statement was not run. Try again when the store answers.");
        }
        finally
        {
            _holdInterrupt = null;
            await EnterAsync(CancellationToken.None);
            _isHeld = false;
        }

        return error;
    }

    private void EndHold()
    {
        if (_hold is { } hold)
        {
            _hold = null;
            hold.Resumed(_commandLength, _heldSince);
        }
    }

    /// <summary>A proxy that is no member serves no table of a migration: whoever flips does not count it.</summary>
    private bool MustAwaitMembership(Statement statement, TopologyState topology)
    {
        if (_context.Gates.Membership.IsMember)
        {
            return false;
        }

        var tables = TablesOf(statement);
        if (!tables.AreKnown)
        {
            return topology.Routing.Rules.Any(rule => rule.Migration is not null);
        }

        foreach (var table in tables.Tables)
        {
            if ((table.Schema ?? SchemaOf(statement)) is { } schema && topology.Routing.Resolve(schema, table.Name)?.Rule?.Migration is not null)
            {
                return true;
            }
        }

        return false;
    }

    private async ValueTask<bool> AwaitMembershipAsync(Statement statement, CancellationToken cancellationToken)
    {
        _isHeld = true;
        LeaveTurn("held");
        var isMember = true;
        try
        {
            await _context.Gates.Membership.WhenMember().WaitAsync(_context.Options.HoldLimit, _context.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            isMember = false;
        }
        finally
        {
            await EnterAsync(CancellationToken.None);
            _isHeld = false;
        }

        if (!isMember)
        {
            await RefuseAsync(
                statement, ClientError.Refused("Switchyard cannot reach its topology store, and this table is being migrated; try again when the store answers."), cancellationToken);
        }

        return isMember;
    }

    private StatementTables TablesOf(Statement statement) => StatementTables.Of(statement.Info, SchemaOf(statement), _context.Views);

    private void NoteSchemas(StatementInfo info)
    {
        foreach (var table in info.Tables)
        {
            NoteSchema(table.Schema);
        }

        foreach (var schema in info.UnlistedIn)
        {
            NoteSchema(schema);
        }

        foreach (var schema in info.Qualifiers)
        {
            NoteSchema(schema);
        }
    }

    private void NoteSchema(string? schema)
    {
        if (schema is not null && !_touchedSchemas.Contains(schema))
        {
            _touchedSchemas = _touchedSchemas.Add(schema);
        }
    }

    /// <summary>
    /// What keeps this gate from being drained, from any thread; null when nothing does. Reads <c>_busy</c> first: all that an idle session
    /// shows was written before it left the count.
    /// </summary>
    public Blocker? BlockerOf(Gate gate, bool ignoreCase)
    {
        if (!IsEstablished)
        {
            return null;
        }

        var busy = Volatile.Read(ref _busy) != 0;
        var concerned = GateScope.Concerns(gate, _state.Schema, _touchedSchemas, ignoreCase);
        var current = _current;
        var onSource = gate.From is null || current is null || current.Backend == gate.From;
        if (busy)
        {
            if (_running is not { } info)
            {
                return Describe("its statement is being classified", null);
            }

            var schema = _runningSchema;
            if (GateScope.Touches(gate, info, StatementTables.Of(info, schema, _context.Views), schema, concerned, ignoreCase) || (concerned && GateScope.MayBlockLater(info)))
            {
                return Describe("its statement runs", info);
            }
        }

        if (!concerned || !onSource)
        {
            return null;
        }

        return _readTransaction is not null ? Describe("its read-only transaction is open", _running)
            : current is { InTransaction: true } ? Describe((_pins.Reasons & PinReasons.Xa) != 0 ? "it has an XA transaction" : "its transaction is open", _running)
            : _pins.Any ? Describe(string.Join(" and ", _pins.Describe()), _running)
            : null;
    }

    private Blocker Describe(string reason, StatementInfo? info) => new(
        Id, ClientAddress.ToString(), info is null ? null : StatementText.Of(info), (long)_context.Time.GetElapsedTime(_phaseSince).TotalMilliseconds, reason);

    /// <summary>
    /// Has the views read that a running statement, begun before the gate, may go through; and asks the backend whether the transaction still is open, when
    /// an error may have ended it and no command runs.
    /// </summary>
    public async Task RefreshStatusAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _busy) != 0 && _running is { } running)
        {
            await ReadViewsAsync(running, _runningSchema, cancellationToken);
        }

        if (!_statusUncertain || !await _turn.WaitAsync(0, cancellationToken))
        {
            return;
        }

        try
        {
            await AskStatusAsync(cancellationToken);
        }
        catch (Exception exception) when (exception is LegLostException or ServerErrorException)
        {
            // The session's own next command meets it.
        }
        finally
        {
            _turn.Release();
            await LeaveLoopAsync();
        }
    }

    private async Task ReadViewsAsync(StatementInfo info, string? schema, CancellationToken cancellationToken)
    {
        try
        {
            await _context.Views.EnsureAsync(info, schema, _context.View.Current, cancellationToken).AsTask().WaitAsync(s_viewsLimit, _context.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // The statement counts as a blocker until they are there.
        }
    }

    private async Task AskStatusAsync(CancellationToken cancellationToken)
    {
        if (_current is { IsBroken: false } leg && !_streams)
        {
            await LegCommands.SimpleAsync(leg, CommandKind.Ping, default, cancellationToken);
            _statusUncertain = false;
        }
    }
}
