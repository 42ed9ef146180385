using Switchyard.Client;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// What proxies that died have left running on the origin. A server runs a statement to its end though whoever sent it is gone; one that first touches the
/// tables after the fence is down would write where nobody looks any more.
/// </summary>
internal sealed partial class Cutover
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    private async Task EndLegsOfTheDeadAsync(Membership drained, CancellationToken cancellationToken)
    {
        var live = drained.Members.Select(m => m.Value.Id).ToHashSet(StringComparer.Ordinal);
        var dead = (await environment.Topology.ListProxyTracesAsync(cancellationToken)).Where(t => !live.Contains(t.Value.Id) && !t.Value.GoneFrom.Contains(FromName)).ToList();
        if (!await _from.EndOrphanedLegsAsync(live, cancellationToken) && dead.Count > 0)
        {
            await AwaitUnknownAsync(cancellationToken);
        }

        await NoteGoneAsync(dead, cancellationToken);
    }

    /// <summary>
    /// The origin does not show whose connections are whose. The living proxies have drained and said which of theirs are at work on other things; everything else
    /// that runs now may be a dead one's, and has to be seen at rest once, or gone: a connection nobody holds any more never begins anything anew.
    /// </summary>
    private async Task AwaitUnknownAsync(CancellationToken cancellationToken)
    {
        if (!await _from.SeesOthersAsync(cancellationToken))
        {
            throw new CutoverFailedException(
                $"A proxy has died, and Switchyard's account on '{FromName}' may not see what it left running there, which would go on writing after the switch.",
                $"Run GRANT PROCESS ON *.* for that account on '{FromName}', and try again.");
        }

        var left = await ListUnknownAsync(cancellationToken);
        var began = environment.Time.GetTimestamp();
        while (left.Count > 0)
        {
            if (environment.Time.GetElapsedTime(began).TotalSeconds >= request.DrainTimeoutSeconds)
            {
                if (!request.KillBlockers)
                {
                    throw MayBeOfTheDead(left);
                }

                await _from.EndConnectionsAsync([.. left.Select(p => p.Id)], cancellationToken);
                return;
            }

            await Task.Delay(s_look, environment.Time, cancellationToken);
            var running = (await ListUnknownAsync(cancellationToken)).ToDictionary(p => p.Id);
            left = [.. left.Where(p => running.ContainsKey(p.Id)).Select(p => running[p.Id])];
        }
    }

    /// <summary>What runs on the origin and is no living proxy's, as these said last.</summary>
    private async Task<List<ServerProcess>> ListUnknownAsync(CancellationToken cancellationToken)
    {
        // In this order: what a living proxy began in between is told in its next answer.
        var running = await _from.ListRunningAsync(cancellationToken);
        var known = (await environment.Topology.ListGateAcksAsync(_operation.GateId, cancellationToken)).SelectMany(a => a.Busy.IsDefault ? [] : a.Busy).ToHashSet();
        return [.. running.Where(p => !known.Contains(p.Id))];
    }

    private CutoverFailedException MayBeOfTheDead(List<ServerProcess> left)
    {
        const int Named = 5;
        var named = string.Join("; ", left.Take(Named).Select(p => $"connection {p.Id} of '{p.User}' from {p.Host} has run {(p.Verb is { } verb ? $"a {verb}" : "a statement")} for {p.Seconds} s"));
        return new CutoverFailedException(
            $"A proxy has died, and '{FromName}' does not show whether these are what it left running, which would go on writing there after the switch: {named}{(left.Count > Named ? $"; and {left.Count - Named} more" : "")}.",
            $"Wait until they have ended, or end them on '{FromName}' with {string.Join(", ", left.Take(Named).Select(p => $"KILL {p.Id}"))}, or pass --kill-blockers. Started with performance_schema=ON, '{FromName}' shows whose connections are whose.");
    }

    /// <summary>So that later switches need not look for the same again.</summary>
    private async Task NoteGoneAsync(List<Versioned<ProxyTrace>> dead, CancellationToken cancellationToken)
    {
        if (dead.Count == 0)
        {
            return;
        }

        var backends = (await environment.Topology.ListBackendsAsync(cancellationToken)).Select(b => b.Name).ToHashSet(StringComparer.Ordinal);
        var transaction = environment.Topology.Begin();
        foreach (var trace in dead)
        {
            var gone = trace.Value.GoneFrom.Add(FromName);

            // One that comes to life again is a member before it writes its trace anew: then this loses, and the next switch looks again.
            transaction.Require(trace).RequireAbsent(TopologyKeys.Proxy(trace.Value.Id));
            _ = backends.IsSubsetOf(gone) ? transaction.Delete(trace.Key) : transaction.PutValue(trace.Key, trace.Value with { GoneFrom = gone });
        }

        await transaction.CommitAsync(cancellationToken);
    }
}
