using Switchyard.Client;
using Switchyard.Replication;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>What stands in a migration's way now, for somebody who has to act: what is so, what repair would do, and what only they can do.</summary>
internal sealed class Diagnostician(MigrationEnvironment environment, MigrationUnit unit)
{
    // A server that is asked what it does may be the one that does nothing.
    private static readonly TimeSpan s_askLimit = TimeSpan.FromSeconds(5);

    // Shorter waits are those of a server at work.
    private const long LongWaitSeconds = 5;

    private readonly List<string> _seen = [];
    private readonly List<string> _next = [];
    private readonly List<string> _advice = [];

    private MigrationRecord Record => unit.Runtime.Record;

    private string Name => unit.Runtime.Name;

    private string? Running => unit.Runtime.Verbs.Running;

    public async Task<Diagnosis> DiagnoseAsync(CancellationToken cancellationToken)
    {
        if (await environment.Topology.GetMigrationLockAsync(Name, cancellationToken) is { } holder)
        {
            _seen.Add($"{holder.Owner} works on it ({holder.Purpose}) since {holder.Since:u}.");
        }

        await LookAtOperationAsync(cancellationToken);
        var blockers = await LookAtGatesAsync(cancellationToken);
        LookAtForeignWrites();
        LookAtError();
        await LookAtStreamAsync(cancellationToken);
        var healthy = _next.Count == 0 && _advice.Count == 0 && blockers.Count == 0 && Record.Error is null;
        return new Diagnosis(healthy, Summarize(healthy), _seen, _next, blockers) { Advice = _advice };
    }

    private async Task LookAtOperationAsync(CancellationToken cancellationToken)
    {
        if (Record.Operation is not { } operation)
        {
            return;
        }

        var entries = await environment.Topology.ListJournalAsync(Name, operation.Id, cancellationToken);
        var last = entries.LastOrDefault();
        _seen.Add($"{operation.Id} began at {operation.StartedAt:u}{(last is null ? "" : $"; its last step is '{last.Step}' ({Phase(last.Phase)} at {last.At:u})")}.");
        if (Running is not null)
        {
            return;
        }

        var isPast = operation.Flipped || operation.Kind is OperationKind.Complete or OperationKind.Cancel;
        _next.Add(isPast
            ? $"Bring {operation.Id} to its end: it is past its point of no return, and '{Record.Backend(Record.Authoritative)}' is authoritative."
            : $"Take {operation.Id} back: it had not reached its point of no return, and '{Record.Backend(operation.From)}' stays authoritative.");
    }

    private async Task<IReadOnlyList<BlockerInfo>> LookAtGatesAsync(CancellationToken cancellationToken)
    {
        var state = environment.View.Current;
        var gates = (await environment.Topology.ListGatesAsync(cancellationToken)).Where(g => g.Value.Migration == Name).ToList();
        foreach (var gate in gates.Where(g => g.Value.State == GateState.Held))
        {
            var acks = state.GateAcks.Values.Where(a => a.GateId == gate.Value.Id).ToList();
            _seen.Add(
                $"Applications wait: the gate {gate.Value.Id} holds {acks.Sum(a => a.HeldStatements)} statements, until {gate.Value.Deadline:u} at the latest, when they go on at '{gate.Value.From}'; "
                + $"{acks.Count(a => a.Drained)} of {state.Proxies.Count} proxies have drained.");
            if (Running is null && Record.Operation is null)
            {
                _next.Add($"Take the gate {gate.Value.Id} down, so that applications go on at '{gate.Value.From}'.");
            }
        }

        return [.. gates.SelectMany(g => GateKeeper.Blockers(state, g.Value.Id))];
    }

    private void LookAtForeignWrites()
    {
        var passive = Record.Backend(Record.Direction.To);
        if (Record.Foreign is { Found: > 0 } foreign && foreign.Side == Record.Direction.To)
        {
            _seen.Add($"{foreign.Found} {(foreign.Found == 1 ? "transaction" : "transactions")} of somebody else changed migrated tables on '{passive}'. The last ones:");
            _seen.AddRange(foreign.Last.Select(w => $"{w.Position}: {(w.Kind == "rows" ? "rows of" : "a statement on")} {w.Table} at {w.At:u}{(w.Account is { } who ? $" by {who}" : "")}."));
            _advice.Add(
                $"Stop whoever writes to '{passive}', then run `switchyard migration diff {Name} start --wait`, repair what it finds (`switchyard migration diff {Name} repair`), and compare once more: a clean comparison resolves them.");
        }

        if (unit.Runtime.Watch?.Error is { } unwatched)
        {
            _seen.Add($"'{passive}' is not watched for writes of others: {unwatched}");
        }
    }

    private void LookAtError()
    {
        if (Record.Error is not { } error)
        {
            return;
        }

        _seen.Add(error);
        if (Record.Operation is null)
        {
            _next.Add("Start replication again, which helps once the cause is resolved.");
        }
    }

    /// <summary>A stream that tries again, or whose applier gets no answer, mends itself, once somebody has mended its server.</summary>
    private async Task LookAtStreamAsync(CancellationToken cancellationToken)
    {
        if (unit.Runtime.Stream is not { } stream)
        {
            return;
        }

        var follower = Record.Backend(Record.Direction.To);
        if (stream.Status is { State: "connecting" or "reconnecting", Error: { } error })
        {
            _seen.Add($"Replication to '{follower}' does not get on and tries again: {error}");
            _advice.Add("Resolve what keeps replication from getting on; it goes on by itself, nothing is to be restarted.");
        }
        else if (await ReadDelayAsync(stream, cancellationToken) is { Seconds: >= LongWaitSeconds } delay)
        {
            _seen.Add(FullDisk.Describe(delay, follower));
            _advice.Add(FullDisk.RemedyOf(delay, follower));
        }
    }

    private async Task<ApplyDelay?> ReadDelayAsync(IMigrationStream stream, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(s_askLimit, environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await stream.ReadDelayAsync(either.Token);
        }
        catch (Exception e) when (e is BackendUnavailableException or ServerErrorException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // That the server cannot be reached, the stream says itself.
            return null;
        }
    }

    private string Summarize(bool healthy)
    {
        var state = Record.State == MigrationState.Error ? $"'{Name}' stands still with an error" : $"'{Name}' is {Record.State.ToString().ToLowerInvariant()}";
        var writes = $"applications write to '{Record.Backend(Record.Authoritative)}'";
        return Running is { } running ? $"{state}; '{running}' is under way{(unit.Cutover?.Step is { } step ? $", at '{step}'" : "")}."
            : healthy ? $"{state}, and nothing needs doing."
            : Record.Finished is null && _next.Count > 0 ? $"{state}; {writes}. `switchyard migration repair {Name}` does what is listed."
            : _advice.Count > 0 ? $"{state}; {writes}. Something needs doing that repair cannot do."
            : $"{state}; {writes}. Sessions keep a gate from draining.";
    }

    private static string Phase(JournalPhase phase) => phase switch
    {
        JournalPhase.Begun => "begun",
        JournalPhase.Done => "done",
        JournalPhase.Failed => "failed",
        _ => "undone",
    };
}
