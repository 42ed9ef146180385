using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Routing;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Sessions;

/// <summary>The session's connections to backends, and which of them has its state.</summary>
internal sealed partial class ProxySession
{
    /// <summary>A leg used this recently is taken to be alive.</summary>
    private static readonly TimeSpan s_legTrustLimit = TimeSpan.FromSeconds(5);

    private readonly List<BackendLeg> _legs = [];

    /// <summary>The leg that has the session's state.</summary>
    private BackendLeg? _current;

    /// <summary>The leg the last statement ran on: where its diagnostics are.</summary>
    private BackendLeg? _last;

    private static string? HomeOf(string? schema, TopologyState topology) => StatementRouter.HomeOf(schema, topology.Routing);

    private static ClientError LegError(string backend, Exception exception) => exception switch
    {
        ServerErrorException refused => ClientError.From(refused),
        _ => ClientError.BackendDown(backend, exception.Message),
    };

    private async Task<BackendLeg> OpenLegAsync(string backend, CancellationToken cancellationToken)
    {
        // At the backend whose accounts let the client in, the leg must be that very account.
        var greeted = TakeAwaited(backend);

        // Named in the login itself, as the client did: the server runs its init_connect in that schema.
        var schema = _current is null ? _state.Schema : null;
        var leg = await TryOpenAsync(backend, _proof!, schema, greeted, cancellationToken);
        leg.Schema = schema;
        await AdmitExpiredAsync(leg, cancellationToken);
        Adopt(leg);
        return leg;
    }

    private void Adopt(BackendLeg leg)
    {
        // Compressing for the client takes a while.
        leg.Socket.RunsInline = !_isCompressed;
        leg.OpenedAt = _context.Time.GetTimestamp();
        _legs.Add(leg);
    }

    /// <summary>The connection the client was greeted for, if it is to this backend and still unused.</summary>
    private GreetedConnection? TakeAwaited(string backend)
    {
        var greeted = _awaited?.Backend == backend ? _awaited.Take() : null;
        _awaited = greeted is null ? _awaited : null;
        return greeted;
    }

    private LegTerms Terms(ClientHost client) => new(client.Address, _capabilities, _collation, _attributes, Id) { Loop = _socket.Loop };

    private BackendLeg? FindLeg(string backend)
    {
        foreach (var leg in _legs)
        {
            if (leg.Backend == backend && !leg.IsBroken)
            {
                return leg;
            }
        }

        return null;
    }

    /// <summary>A leg that has rested is asked whether it still lives: servers close idle connections, and a statement must not find out.</summary>
    private async Task<BackendLeg?> FindLiveLegAsync(string backend, CancellationToken cancellationToken)
    {
        if (FindLeg(backend) is not { } leg || leg == _current)
        {
            return FindLeg(backend);
        }

        try
        {
            if (leg.HasUnasked())
            {
                // Closed, or told that it is going to be.
                await DropLegAsync(leg);
                return null;
            }

            if (_context.Time.GetElapsedTime(leg.LastUsed) >= s_legTrustLimit)
            {
                await LegCommands.SimpleAsync(leg, CommandKind.Ping, default, cancellationToken);
            }

            return leg;
        }
        catch (LegLostException)
        {
            await DropLegAsync(leg);
            return null;
        }
    }

    /// <summary>Gives up a leg that has ended and has no statement of the client.</summary>
    private async Task DropLegAsync(BackendLeg leg)
    {
        ProxyLog.LegEndedByBackend(_context.Logger, Id, leg.Backend);
        leg.IsBroken = true;
        _legs.Remove(leg);
        _last = _last == leg ? _current : _last;
        await leg.DisposeAsync();
    }

    /// <summary>
    /// Makes a backend's leg the current one, opening it if need be and carrying the session's state to it. Null when that failed and the client
    /// has been told; nothing of its statement was sent.
    /// </summary>
    private async ValueTask<BackendLeg?> MoveAsync(string backend, Statement statement, CancellationToken cancellationToken)
    {
        try
        {
            return await MoveSilentlyAsync(backend, cancellationToken);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException)
        {
            await RefuseAsync(statement, LegError(backend, exception), cancellationToken);
            return null;
        }
    }

    private async Task<BackendLeg> MoveSilentlyAsync(string backend, CancellationToken cancellationToken)
    {
        if (await FindLiveLegAsync(backend, cancellationToken) is { } found)
        {
            try
            {
                return await MakeCurrentAsync(found, cancellationToken);
            }
            catch (LegLostException) when (found.IsBroken && !_current!.IsBroken)
            {
                // It died unseen. Only the session's state was on its way there, and that is still where it comes from.
                await DropLegAsync(found);
            }
        }

        var opened = await OpenLegAsync(backend, cancellationToken);
        try
        {
            return await MakeCurrentAsync(opened, cancellationToken);
        }
        catch (LegLostException lost) when (opened.IsBroken && !_current!.IsBroken)
        {
            await DropLegAsync(opened);
            throw new BackendUnavailableException(UnavailableReason.ConnectionLost, lost.Message, lost);
        }
    }

    private async Task<BackendLeg> MakeCurrentAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        if (leg != _current)
        {
            await NoteHiddenVariablesAsync(cancellationToken);
            _state.Text = _scanOptions.Encoding;
            var failures = await StateCarrier.CarryAsync(_current!, leg, _state, CarryScope.Everything, cancellationToken);
            foreach (var (name, reason) in failures)
            {
                ProxyLog.StateNotCarried(_context.Logger, Id, name, leg.Backend, reason);
            }

            // What the client may ask about its last statement stays where that ran.
            SetCurrent(leg);
            ReadAsOn(leg);
        }

        return leg;
    }

    /// <summary>From now on statements are read as this leg's server reads them; its own modes hold where the session has set none.</summary>
    private void ReadAsOn(BackendLeg leg)
    {
        // Of the modes that were carried, another vendor has left some out.
        _scanOptionsUncertain |= _scanOptions.MariaDb != leg.Server.IsMariaDb;
        _scanOptions = _scanOptions.OnServer(leg.Server);
        if (leg.Settings is { } settings && !_state.ChangedVariables.ContainsKey("sql_mode"))
        {
            ReadModes(settings.SqlMode);
        }
    }

    /// <summary>
    /// Triggers, and routines called by views, assign user variables of which the client's statements say nothing: those they might have assigned are
    /// carried like the others.
    /// </summary>
    private async Task NoteHiddenVariablesAsync(CancellationToken cancellationToken)
    {
        var topology = _context.View.Current;
        var schemas = _state.Schema is { } current ? _touchedSchemas.Add(current) : _touchedSchemas;
        foreach (var schema in schemas)
        {
            foreach (var name in await _context.Routines.AssignedVariablesAsync(schema, topology, cancellationToken))
            {
                _state.UserVariableChanged(name);
            }
        }
    }

    /// <summary>
    /// Opens a leg ahead of its need, carries what does not change with every statement, and prepares the statements. The client's commands go
    /// on meanwhile: the turn is taken only for what takes a round trip or two. Returns what could not be carried; throws when there is no leg.
    /// </summary>
    public async Task<List<(string Name, string Reason)>> WarmAsync(string backend, CancellationToken cancellationToken)
    {
        if ((_pins.Reasons & PinReasons.ExpiredPassword) != 0)
        {
            return [("the session", string.Join(" and ", _pins.Describe()))];
        }

        await OpenAheadAsync(backend, cancellationToken);
        return await WarmLegAsync(backend, cancellationToken);
    }

    /// <summary>Opens a leg ahead of its need and asks nothing of the others: the client may yet ask about its last statement.</summary>
    private async Task OpenAheadAsync(string backend, CancellationToken cancellationToken)
    {
        var proof = _proof!;
        if (!await BetweenCommandsAsync(async () => !_streams && _current is { } current && current.Backend != backend && await FindLiveLegAsync(backend, cancellationToken) is null, cancellationToken))
        {
            return;
        }

        var opened = await TryOpenAsync(backend, proof, schema: null, greeted: null, cancellationToken);
        var isTaken = false;
        try
        {
            await BetweenCommandsAsync(
                () =>
                {
                    // The session may have ended, changed its user or opened one itself meanwhile.
                    isTaken = !_isClosed && proof == _proof && FindLeg(backend) is null;
                    if (isTaken)
                    {
                        opened.LastUsed = _context.Time.GetTimestamp();
                        Adopt(opened);
                    }

                    return Task.FromResult(isTaken);
                },
                cancellationToken);
        }
        finally
        {
            if (!isTaken)
            {
                await opened.DisposeAsync();
            }
        }
    }

    private async Task<List<(string Name, string Reason)>> WarmLegAsync(string backend, CancellationToken cancellationToken)
    {
        List<(string Name, string Reason)> failures = [];
        PreparedStatement[] statements = [];
        await BetweenCommandsAsync(
            async () =>
            {
                if (!_streams && _current is { } current && FindLeg(backend) is { } leg && leg != current)
                {
                    failures = await StateCarrier.CarryAsync(current, leg, _state, CarryScope.Variables, cancellationToken);
                    await NoteHiddenVariablesAsync(cancellationToken);
                    statements = [.. _prepared.Values.Where(statement => !leg.Prepared.ContainsKey(statement.Id))];
                }

                return true;
            },
            cancellationToken);
        foreach (var statement in statements)
        {
            await BetweenCommandsAsync(
                async () =>
                {
                    if (FindLeg(backend) is { } leg && _prepared.ContainsKey(statement.Id) && !leg.Prepared.ContainsKey(statement.Id))
                    {
                        await PrepareAheadAsync(leg, statement, failures, cancellationToken);
                    }

                    return true;
                },
                cancellationToken);
        }

        return failures;
    }

    private static async Task PrepareAheadAsync(
        BackendLeg leg, PreparedStatement statement, List<(string Name, string Reason)> failures, CancellationToken cancellationToken)
    {
        try
        {
            await PrepareOnAsync(leg, statement, cancellationToken);
        }
        catch (ServerErrorException exception)
        {
            failures.Add(("a prepared statement", exception.Message));
        }
    }

    /// <summary>Does something with the session's turn, between two of its client's commands.</summary>
    private async Task<bool> BetweenCommandsAsync(Func<Task<bool>> action, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            return await action();
        }
        finally
        {
            _turn.Release();
            await LeaveLoopAsync();
        }
    }

    /// <summary>Whoever looks after sessions has more to do than one of them, and does it elsewhere than on an event loop.</summary>
    private static ConfiguredTaskAwaitable LeaveLoopAsync() => Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);

    /// <summary>The leg that has the session's state from now on. That its backend ends it is looked after at once, as a client of the server itself would see it at once.</summary>
    [MemberNotNull(nameof(_current))]
    private void SetCurrent(BackendLeg leg)
    {
        _current = leg;
        leg.Socket.Ending = OnLegEnding;
    }

    private async Task CloseAllLegsAsync()
    {
        var legs = _legs.ToArray();
        _legs.Clear();
        _current = null;
        _last = null;
        foreach (var leg in legs)
        {
            if (leg.AwaitsAnswer || leg.IsBroken)
            {
                _context.Reaper.Take(leg, Id, ClientAddress.ToString());
            }

            await leg.DisposeAsync();
        }
    }

    private ImmutableArray<string> LegNames() => [.. LegsNow().Select(leg => leg.Backend)];

    /// <summary>The backend's ids of its connections that have a command without its answer, from any thread.</summary>
    public IEnumerable<ulong> BusyOn(string backend) => LegsNow().Where(leg => leg.Backend == backend && leg.AwaitsAnswer).Select(leg => (ulong)leg.ConnectionId);

    /// <summary>The legs, from any thread; none when they change at this moment.</summary>
    private BackendLeg[] LegsNow()
    {
        try
        {
            return [.. _legs.Where(static leg => leg is not null)];
        }
        catch (InvalidOperationException)
        {
            return [];
        }
    }
}
