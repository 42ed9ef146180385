using System.Collections.Immutable;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>Raises, watches and ends the gate of one operation.</summary>
internal sealed class GateKeeper(MigrationEnvironment environment, string gateId)
{
    // After an order to end blocking sessions, a server needs a moment to roll their transactions back.
    private static readonly TimeSpan s_killGrace = TimeSpan.FromSeconds(5);

    public string GateId => gateId;

    /// <summary>Puts the gate up, at the epoch after the present one.</summary>
    public async Task RaiseAsync(MigrationRecord record, MigrationLock held, TimeSpan limit, CancellationToken cancellationToken)
    {
        var routing = await environment.Topology.GetRoutingAsync(cancellationToken);
        var gate = new Gate(
            gateId, record.Name, routing.Value.Epoch + 1, GateState.Held, environment.Time.GetUtcNow() + limit, RoutingRules.Scopes(record),
            environment.Options.MaxHeldStatements, environment.Options.MaxHeldBytes)
        {
            From = record.Backend(record.Direction.From),
            To = record.Backend(record.Direction.To),
        };
        var result = await environment.Topology.Begin().Require(held).Require(routing).RequireAbsent(TopologyKeys.Gate(gateId)).Put(gate).CommitAsync(cancellationToken);
        if (!result.Succeeded)
        {
            throw new CutoverFailedException("The routing table changed while the gate was being put up.", "Try again.");
        }
    }

    /// <summary>Returns when every live proxy holds and has drained.</summary>
    public async Task DrainAsync(SwitchRequest request, CancellationToken cancellationToken)
    {
        if (await WaitDrainedAsync(TimeSpan.FromSeconds(request.DrainTimeoutSeconds), cancellationToken))
        {
            return;
        }

        if (request.KillBlockers)
        {
            await OrderKillAsync(cancellationToken);
            if (await WaitDrainedAsync(s_killGrace, cancellationToken))
            {
                return;
            }
        }

        throw new CutoverFailedException(
            $"Not every session came to an end within {request.DrainTimeoutSeconds:0.###} s: {DescribeBlockers()}.",
            "Let them come to their ends or end them (`switchyard session kill ID`), allow more with --drain-timeout, or pass --kill-blockers.");
    }

    /// <summary>Whether every proxy of a membership has drained, by the acknowledgements as of now.</summary>
    public async Task<bool> IsDrainedAsync(Membership membership, CancellationToken cancellationToken)
    {
        var acks = await environment.Topology.ListGateAcksAsync(gateId, cancellationToken);
        return membership.Members.All(m => acks.Any(a => a.ProxyId == m.Value.Id && a is { Held: true, Drained: true }));
    }

    /// <summary>Says that the gate ends at the old place. True when it did; false when it had flipped before.</summary>
    public async Task<bool> AbandonAsync(string reason, CancellationToken cancellationToken)
    {
        while (await environment.Topology.GetGateAsync(gateId, cancellationToken) is { } gate && gate.Value.State != GateState.Abandoned)
        {
            if (gate.Value.State == GateState.Flipped)
            {
                return false;
            }

            await environment.Topology.Begin().Require(gate).Put(gate.Value with { State = GateState.Abandoned, Reason = reason }).CommitAsync(cancellationToken);
        }

        return true;
    }

    /// <summary>Waits until the proxies say that everything held has gone out, and returns what they report. Never fails for being late.</summary>
    public async Task<(int HeldStatements, double LongestHoldMs)> CollectAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(environment.Options.ReleaseLimit, environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await environment.View.WaitAsync(s => s.Proxies.Keys.All(p => s.GateAcks.TryGetValue((gateId, p), out var ack) && ack.Released), either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The report then counts what is known.
        }

        var acks = await environment.Topology.ListGateAcksAsync(gateId, cancellationToken);
        return acks.Length == 0 ? (0, 0) : (acks.Sum(a => a.HeldStatements), acks.Max(a => a.LongestHoldMs));
    }

    /// <summary>Removes the ended gate and its acknowledgements.</summary>
    public async Task RemoveAsync(CancellationToken cancellationToken)
    {
        var transaction = environment.Topology.Begin().Delete(TopologyKeys.Gate(gateId));
        foreach (var ack in await environment.Topology.ListGateAcksAsync(gateId, cancellationToken))
        {
            transaction.Delete(TopologyKeys.GateAck(gateId, ack.ProxyId));
        }

        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Sessions that keep the gate from draining, by proxy.</summary>
    public static IReadOnlyList<BlockerInfo> Blockers(TopologyState state, string gateId) =>
        [.. state.GateAcks.Values
            .Where(a => a.GateId == gateId && !a.Drained)
            .SelectMany(a => (a.Blockers.IsDefault ? [] : a.Blockers)
                .Select(b => new BlockerInfo(a.ProxyId, $"{b.SessionId}", b.Client, b.Statement ?? "", b.AgeMs, b.Reason)))];

    private async Task<bool> WaitDrainedAsync(TimeSpan wait, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(wait, environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var state = await environment.View.WaitAsync(s => Ended(s) || Drained(s), either.Token);
            if (Ended(state))
            {
                throw Abandoned(state);
            }

            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return false;
        }
    }

    private bool Ended(TopologyState state) => state.Gates.TryGetValue(gateId, out var gate) && gate.Value.State != GateState.Held;

    private bool Drained(TopologyState state) => state.Gates.ContainsKey(gateId)
        && state.Proxies.Keys.All(p => state.GateAcks.TryGetValue((gateId, p), out var ack) && ack is { Held: true, Drained: true });

    internal static CutoverFailedException Abandoned(Gate gate) => new(
        $"The gate was given up by a proxy: {gate.Reason ?? "its deadline had passed"}.", "Try again; if statements piled up, do it at a quieter time.");

    private CutoverFailedException Abandoned(TopologyState state) => Abandoned(state.Gates[gateId].Value);

    private async Task OrderKillAsync(CancellationToken cancellationToken)
    {
        while (await environment.Topology.GetGateAsync(gateId, cancellationToken) is { Value: { State: GateState.Held, KillBlockers: false } } gate)
        {
            await environment.Topology.Begin().Require(gate).Put(gate.Value with { KillBlockers = true }).CommitAsync(cancellationToken);
        }
    }

    private string DescribeBlockers()
    {
        const int Named = 5;
        var state = environment.View.Current;
        var silent = state.Proxies.Keys.Where(p => !state.GateAcks.ContainsKey((gateId, p))).ToList();
        var blockers = Blockers(state, gateId);
        var parts = blockers.Take(Named).Select(b => $"session {b.Session} of {b.Client} ({b.Reason}, {b.AgeMs / 1000:0.#} s{(b.Statement.Length > 0 ? $", {b.Statement}" : "")})")
            .Concat(silent.Select(p => $"proxy {p} did not answer; one that has died counts until its lease ends, some seconds later")).ToImmutableArray();
        var more = blockers.Count > Named ? $" and {blockers.Count - Named} more" : "";
        return parts.Length == 0 ? "no proxy says which" : string.Join("; ", parts) + more;
    }
}
