using Switchyard.Client;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Legs;
using Switchyard.Sql;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Sessions;

/// <summary>
/// KILL. A number means a session that was greeted with it, or a connection of the backend the order is given on, as its process list shows
/// them. Usually the two are one: then, and for connections that are none of ours, the order goes to the backend as it is.
/// </summary>
internal sealed partial class ProxySession
{
    private const int InterruptedCode = 1317;

    /// <summary>ER_CONNECTION_KILLED of MariaDB.</summary>
    private const int ConnectionKilledCode = 1927;

    /// <summary>In the second byte of a parameter's type.</summary>
    private const byte UnsignedFlag = 0x80;

    private static readonly ClientError s_interrupted = new(InterruptedCode, "70100", "Query execution was interrupted");

    /// <summary>Ends the wait of a held statement; null while none waits.</summary>
    private volatile CancellationTokenSource? _holdInterrupt;

    /// <summary>Whether a statement is a KILL that is not just passed on. A single one: of several in a text, the backend is told as they stand.</summary>
    private static bool IsOrderToKill(StatementInfo info) => info is { KillTarget: not null, StatementCount: <= 1 } or { KilledUser: not null, StatementCount: <= 1 };

    /// <summary>Carries out a KILL, sent as text or prepared; false where it does not tell whom, and is to be passed on like any other statement.</summary>
    private async ValueTask<bool> TryKillAsync(Statement statement, CancellationToken cancellationToken)
    {
        if (statement.Info.KilledUser is { } whose)
        {
            await KillUserAsync(whose, statement, cancellationToken);
            return true;
        }

        if (statement.Info.KillTarget is not { } target || (target.ConnectionId ?? BoundId(statement)) is not { } id)
        {
            return false;
        }

        var text = statement.Prepared?.Sql ?? QueryText(statement.Frame);
        await KillAsync(new KillOrder(id, target.QueryOnly, text, target.Start, target.Length), statement, cancellationToken);
        return true;
    }

    /// <summary>The number that the only parameter of an execution stands for; null where it is none, or went ahead of the execution.</summary>
    private ulong? BoundId(Statement statement)
    {
        if (statement.Prepared is not { Parameters: 1, ParameterTypes: { } types } prepared || prepared.IsSentAhead(0))
        {
            return null;
        }

        var argument = Argument(statement.Frame).Span;
        var sent = ExecuteParameters.Parse(argument, prepared.Parameters, HasAttributes);
        if ((argument[sent.Nulls] & 1) != 0)
        {
            return null;
        }

        var reader = new PayloadReader(argument[sent.Values..]);
        return BinaryValue.ReadWhole(ref reader, (ColumnType)types[0], (types[1] & UnsignedFlag) != 0);
    }

    private async ValueTask KillAsync(KillOrder order, Statement statement, CancellationToken cancellationToken)
    {
        var here = _current!.Backend;
        var greeted = _context.Sessions.GreetedWith(order.Id);
        var holder = _context.Sessions.HolderOf(here, order.Id);
        if (greeted.Count == 0 || (holder is not null && greeted.Contains(holder) && holder.IsAt(here, order.Id)))
        {
            await KillHereAsync(order, holder, statement, cancellationToken);
            return;
        }

        var victim = greeted.Count == 1 ? greeted[0] : null;
        if (victim is null || (holder is not null && holder != victim) || (holder is null && await IsListedHereAsync(order.Id, cancellationToken)))
        {
            await SendErrorAsync(Ambiguous(order.Id, here, greeted), _answerNumber, cancellationToken);
            return;
        }

        await KillElsewhereAsync(order, victim, cancellationToken);
    }

    /// <summary>The order as it is, on the leg it was given on; the backend says who may kill whom.</summary>
    private async ValueTask KillHereAsync(KillOrder order, ProxySession? holder, Statement statement, CancellationToken cancellationToken)
    {
        if (holder == this)
        {
            await KillMyselfAsync(order, cancellationToken);
            return;
        }

        var leg = _current!;
        var isLeading = holder is not null && holder.IsAt(leg.Backend, order.Id);
        await ForwardKillAsync(
            leg,
            statement,
            () =>
            {
                if (isLeading && leg.Scanner.ErrorCode == 0)
                {
                    holder!.Killed(order.QueryOnly, Id);
                }
            },
            cancellationToken);
    }

    /// <summary>Servers shut a victim's connection before they answer its killer, so what is ended here is ended with the answer in hand.</summary>
    private async ValueTask ForwardKillAsync(BackendLeg leg, Statement statement, Action obeyed, CancellationToken cancellationToken)
    {
        _whenAnswered = obeyed;
        try
        {
            await ForwardAsync(leg, statement with { Info = s_nothing }, cancellationToken);
        }
        finally
        {
            _whenAnswered = null;
        }
    }

    /// <summary>The victim's leg has another id, or is on another backend: the order runs there, as this session's account.</summary>
    private async ValueTask KillElsewhereAsync(KillOrder order, ProxySession victim, CancellationToken cancellationToken)
    {
        if (victim == this)
        {
            await KillMyselfAsync(order, cancellationToken);
            return;
        }

        if (victim.LegAtWork is not { } leg)
        {
            await SendErrorAsync(new ClientError(1094, "HY000", $"Unknown thread id: {order.Id}"), _answerNumber, cancellationToken);
            return;
        }

        try
        {
            var mine = await FindLiveLegAsync(leg.Backend, cancellationToken) ?? await OpenLegAsync(leg.Backend, cancellationToken);
            await LegCommands.QueryAsync(mine, order.TextFor(leg.ConnectionId), cancellationToken);
        }
        catch (Exception exception) when (exception is ServerErrorException or BackendUnavailableException
            || (exception is LegLostException lost && lost.Backend != _current!.Backend))
        {
            await SendErrorAsync(LegError(leg.Backend, exception), _answerNumber, cancellationToken);
            return;
        }

        victim.Killed(order.QueryOnly, Id);
        await SendOkAsync(StatusOf(_current!), _answerNumber, cancellationToken);
    }

    /// <summary>
    /// KILL USER goes to the backend as it is, which ends what this user does there. Sessions are meant by the name their leg has on that backend, which is not always their
    /// client's; those whose statement is held, or that rest, are ended here as well. Where it names a host, that is the proxy's for the backend, and it is left to the backend.
    /// </summary>
    private async ValueTask KillUserAsync(KilledUser whose, Statement statement, CancellationToken cancellationToken)
    {
        var leg = _current!;
        await ForwardKillAsync(leg, statement, () => KillLike(leg, whose), cancellationToken);
        if (leg.Scanner.ErrorCode == ConnectionKilledCode)
        {
            Kill("it killed its own user");
        }
    }

    private void KillLike(BackendLeg leg, KilledUser whose)
    {
        // Who names itself hears that it was killed; the others have been, too.
        if (whose.HasHost || leg.Scanner.ErrorCode is not (0 or InterruptedCode or ConnectionKilledCode))
        {
            return;
        }

        var meant = _context.Sessions.All
            .Where(session => session != this && session.LegAtWork is { } other && other.Backend == leg.Backend && other.User == whose.Name).ToArray();
        if (leg.Scanner.ErrorCode == 0 && leg.Scanner.AffectedRows < (ulong)meant.Length)
        {
            // The backend has spared those that the killer may not see, and does not say which; sessions whose connection it has ended, end with that.
            return;
        }

        foreach (var session in meant)
        {
            session.Killed(whose.QueryOnly, Id);
        }
    }

    /// <summary>As servers answer a connection that kills itself.</summary>
    private async ValueTask KillMyselfAsync(KillOrder order, CancellationToken cancellationToken)
    {
        await SendErrorAsync(s_interrupted, _answerNumber, cancellationToken);
        if (!order.QueryOnly)
        {
            Kill("it killed itself");
        }
    }

    /// <summary>The backend has obeyed an order about this session; what it cannot reach is ended here.</summary>
    private void Killed(bool queryOnly, long byWhom)
    {
        if (!queryOnly)
        {
            Kill($"session {byWhom} killed it");
            _socket.Cut();
            return;
        }

        try
        {
            _holdInterrupt?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The wait has just ended by itself.
        }
    }

    /// <summary>The leg that runs a statement now, else the one with the session's state. For other sessions to look at.</summary>
    private BackendLeg? LegAtWork => Array.Find(LegsNow(), leg => leg.AwaitsAnswer) ?? _current;

    /// <summary>Whether ending this connection of a backend ends what the session does.</summary>
    private bool IsAt(string backend, ulong id) => LegAtWork is { } leg && leg.Backend == backend && leg.ConnectionId == id;

    /// <summary>Whether one of the session's legs is this connection of a backend. From any thread.</summary>
    public bool Holds(string backend, ulong id) => Array.Exists(LegsNow(), leg => leg.Backend == backend && leg.ConnectionId == id);

    /// <summary>Whether the account sees such a connection where it is now: it can kill only what it sees.</summary>
    private async ValueTask<bool> IsListedHereAsync(ulong id, CancellationToken cancellationToken)
    {
        if (id >= SessionRegistry.FirstId)
        {
            return false;
        }

        var list = await LegCommands.QueryAsync(_current!, "SHOW PROCESSLIST", cancellationToken);
        return Enumerable.Range(0, list.Rows.Count).Any(row => list.Int64(row, 0) == (long)id);
    }

    private static ClientError Ambiguous(ulong id, string here, List<ProxySession> greeted) => ClientError.Refused(
        $"{id} is the id of a connection on backend '{here}' and also the one that session {string.Join(" and session ", greeted.Select(session => session.Id))} was greeted with "
        + $"before it moved. Nothing was killed. Kill by the id that SHOW PROCESSLIST or CONNECTION_ID() shows now, or run `switchyard session kill {greeted[0].Id}`.");
}
