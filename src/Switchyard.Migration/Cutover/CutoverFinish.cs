using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// The two ends of a cutover: back before the flip, forward after it. Both may be run any number of times, from any state a crash can
/// leave, since each part looks at what is there; the running switch, the restart and <c>repair</c> use the same code.
/// </summary>
internal sealed class CutoverFinish(MigrationEnvironment environment, MigrationRuntime runtime, OperationRecord operation)
{
    private readonly GateKeeper _gate = new(environment, operation.GateId);

    private Direction Before => Direction.AwayFrom(operation.From);

    /// <summary>
    /// Undoes everything. The application comes first: the fence and the gate go before what nobody waits for. The old stream is started
    /// last, because it must not apply rows while triggers stand on its side.
    /// </summary>
    /// <exception cref="AggregateException">Something could not be undone; the rest is, and the operation stays on record.</exception>
    public async Task RollBackAsync(string reason, IFence? fence, IServerSide from, IServerSide to)
    {
        // Once begun this is not given up: leaving it half done would leave the application waiting.
        var none = CancellationToken.None;
        var problems = new List<Exception>();
        await TryAsync(problems, () => UnfenceAsync(fence, from, none));
        await TryAsync(problems, () => _gate.AbandonAsync(reason, none));
        await TryAsync(problems, () => RemoveWarmRequestAsync(none));
        await TryAsync(problems, () => EnableEventsAsync(from, none));
        IReadOnlySet<string> begun = new HashSet<string>();
        await TryAsync(problems, async () => begun = await ReadBegunAsync(none));
        if (begun.Contains(CutoverSteps.Handover))
        {
            await TryAsync(problems, () => TakeHandoverBackAsync(to));
        }

        if (runtime.Record.CopyDone && begun.Contains(CutoverSteps.Warm))
        {
            var spec = await runtime.SpecAsync(Before.Exchanged, none);
            await TryAsync(problems, () => WithinAsync(Before.From, "remove the record of the way back", token => environment.Engine.RemoveAsync(spec, token), none));
        }

        if (problems.Count > 0)
        {
            // The operation stays on record, so that a restart or `repair` tries again; the application is not waiting any more.
            var what = string.Join(" ", problems.Select(p => p.Message));
            await TryAsync(problems, () => runtime.UpdateAsync(
                r => r with { Error = $"{operation.Id} was given up, and not everything of it could be undone: {what}", Remedy = $"Run `switchyard migration repair {r.Name}`." }, none));
            throw new AggregateException(problems);
        }

        await runtime.UpdateAsync(r => r with { Operation = null }, none);
        await runtime.ResumeAsync(none);
        await _gate.RemoveAsync(none);
    }

    /// <summary>The statements go to the new side.</summary>
    public async Task<(int HeldStatements, double LongestHoldMs)> ReleaseAsync(CancellationToken cancellationToken)
    {
        await RemoveWarmRequestAsync(cancellationToken);
        return await _gate.CollectAsync(cancellationToken);
    }

    public async Task UnfenceAsync(IFence? fence, IServerSide from, CancellationToken cancellationToken)
    {
        if (fence is not null)
        {
            await fence.ReleaseAsync(cancellationToken);
        }
        else if (operation.ReadOnlySet || runtime.Record.Operation is { ReadOnlySet: true })
        {
            await from.LiftReadOnlyAsync(cancellationToken);
        }
    }

    /// <summary>
    /// The passive side loses its triggers, then its applier starts. Events first, which the application misses where the passive side does not answer; what they write is
    /// behind the position the way back begins at.
    /// </summary>
    /// <returns>Whether replication back runs.</returns>
    public async Task<bool> StartReverseAsync(IServerSide from, IServerSide to, CancellationToken cancellationToken)
    {
        await EnableHandedOverAsync(to, cancellationToken);
        await WithinAsync(Before.From, "drop its triggers, before which nothing may be applied there", async token =>
        {
            foreach (var trigger in runtime.Record.Handover.Triggers)
            {
                await from.DropTriggerAsync(trigger, token);
            }
        }, cancellationToken);
        await runtime.ResumeAsync(cancellationToken);
        return await runtime.WaitForStreamAsync(environment.Options.ConnectLimit, cancellationToken) is not null;
    }

    public async Task UnlockAsync(CancellationToken cancellationToken)
    {
        await runtime.UpdateAsync(r => r with { Operation = null }, cancellationToken);
        await _gate.RemoveAsync(cancellationToken);
    }

    /// <summary>Everything after the flip that is not done yet.</summary>
    public async Task RollForwardAsync(IFence? fence, IServerSide from, IServerSide to, CancellationToken cancellationToken)
    {
        await UnfenceAsync(fence, from, cancellationToken);
        await ReleaseAsync(cancellationToken);
        await StartReverseAsync(from, to, cancellationToken);
        await UnlockAsync(cancellationToken);
    }

    /// <summary>What of it can be done where the origin is gone for good: nothing will follow there.</summary>
    public async Task RollForwardWithoutOriginAsync(IServerSide to, CancellationToken cancellationToken)
    {
        await ReleaseAsync(cancellationToken);
        await EnableHandedOverAsync(to, cancellationToken);
        await UnlockAsync(cancellationToken);
    }

    private Task EnableHandedOverAsync(IServerSide to, CancellationToken cancellationToken) => WithinAsync(Before.To, "enable its events", async token =>
    {
        foreach (var definition in runtime.Record.Handover.Events.Where(e => e.Enabled))
        {
            await to.SetEventAsync(definition, enabled: true, token);
        }
    }, cancellationToken);

    private Task EnableEventsAsync(IServerSide from, CancellationToken cancellationToken) => WithinAsync(Before.From, "enable its events again", async token =>
    {
        foreach (var definition in runtime.Record.Handover.Events.Where(e => e.Enabled))
        {
            await from.SetEventAsync(definition, enabled: true, token);
        }
    }, cancellationToken);

    private Task TakeHandoverBackAsync(IServerSide to) => WithinAsync(Before.To, "drop the triggers and events made there", async token =>
    {
        foreach (var trigger in runtime.Record.Handover.Triggers)
        {
            await to.DropTriggerAsync(trigger, token);
        }

        foreach (var definition in runtime.Record.Handover.Events)
        {
            await to.DropEventAsync(definition, token);
        }
    }, CancellationToken.None);

    /// <summary>What the application does not wait for, on a server that may be what the operation failed for: one that is frozen, or whose disk is full, answers none of it.</summary>
    private async Task WithinAsync(Side side, string what, Func<CancellationToken, Task> act, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(environment.Options.UndoLimit, environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var name = runtime.Record.Backend(side);
        try
        {
            await act(either.Token);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new CutoverFailedException($"'{name}' did not {what} within {environment.Options.UndoLimit.TotalSeconds:0.#} s.", FullDisk.RemedyOfSilence(name), e);
        }
    }

    /// <summary>The steps the operation came to; before that there is nothing of one to undo.</summary>
    private async Task<IReadOnlySet<string>> ReadBegunAsync(CancellationToken cancellationToken) =>
        (await environment.Topology.ListJournalAsync(runtime.Name, operation.Id, cancellationToken)).Select(e => e.Step).ToHashSet(StringComparer.Ordinal);

    private async Task RemoveWarmRequestAsync(CancellationToken cancellationToken)
    {
        var transaction = environment.Topology.Begin().Delete(TopologyKeys.WarmRequest(operation.GateId));
        foreach (var ack in await environment.Topology.ListWarmAcksAsync(operation.GateId, cancellationToken))
        {
            transaction.Delete(TopologyKeys.WarmAck(ack.RequestId, ack.ProxyId));
        }

        await transaction.CommitAsync(cancellationToken);
    }

    private static async Task TryAsync(List<Exception> problems, Func<Task> part)
    {
        try
        {
            await part();
        }
        catch (Exception e)
        {
            problems.Add(e);
        }
    }
}
