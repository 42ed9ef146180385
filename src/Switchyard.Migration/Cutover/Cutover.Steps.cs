using Switchyard.Client;
using Switchyard.Replication.Source;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>What each step up to the flip does.</summary>
internal sealed partial class Cutover
{
    /// <summary>Does outside the pause whatever can be done there.</summary>
    private async Task WarmAsync(CancellationToken cancellationToken)
    {
        var record = runtime.Record;
        await _steps.RunAsync([_direction.From], "let Switchyard in and open the tables", async token =>
        {
            await _from.ConnectAsync(token);
            await _from.PrepareFenceAsync(request.Fence, record.Tables, TimeSpan.FromSeconds(request.DrainTimeoutSeconds), token);
        }, cancellationToken);
        await _steps.RunAsync([_direction.To], "let Switchyard in", _to.ConnectAsync, cancellationToken);
        await KeepVerifiersAsync(cancellationToken);
        await _steps.RunAsync([_direction.To], "show its views", token => new ViewMemory(environment, record).KeepAsync(_direction.To, _to, token), cancellationToken);
        await RaiseIdentitiesAsync(cancellationToken);

        // Noted before they are read.
        _code = (runtime.Stream, runtime.Stream?.CodeChanges ?? 0);
        var handover = await _steps.AskAsync([_direction.From], "show its triggers and events", token => _from.ReadTriggersAndEventsAsync(record.Schemas, token), cancellationToken);
        if (handover.Triggers.Count + handover.Events.Count + record.Handover.Triggers.Count + record.Handover.Events.Count > 0)
        {
            await runtime.UpdateAsync(r => r with { Handover = handover }, cancellationToken);
        }

        var wayBack = await runtime.SpecAsync(_direction.Exchanged, cancellationToken);
        _back = await _steps.AskAsync(ServerSteps.Both, "record where the way back begins", token => environment.Engine.BeginRecordAsync(wayBack, token), cancellationToken);
        await environment.Topology.Begin().Put(new WarmRequest(_operation.GateId, record.Name, ToName) { Scopes = RoutingRules.Scopes(record) }).CommitAsync(cancellationToken);
        await WaitForWarmAsync(cancellationToken);
        var limit = request.TimeoutSeconds + request.MaxReplicationLagAllowedSeconds;
        await WithinAsync(limit, $"'{ToName}' did not catch up within {limit:0.###} s; nothing was held yet.", async token =>
        {
            var stream = Stream();
            await stream.WaitForAppliedAsync(await stream.ReadEndAsync(token), token);
        }, cancellationToken);
    }

    /// <summary>For the case that the source is never there again once it is not authoritative any more.</summary>
    private async Task KeepVerifiersAsync(CancellationToken cancellationToken)
    {
        if (_direction.From != Side.Source)
        {
            return;
        }

        try
        {
            await _steps.RunAsync(ServerSteps.Both, "show what its accounts are verified by", new AccountMemory(environment, runtime.Record).KeepAsync, cancellationToken);
        }
        catch (CutoverFailedException e) when (e.InnerException is ServerErrorException)
        {
            _findings.Add(Finding.Warning("accounts_not_kept", $"{e.Message} Clients of accounts with generated passwords will need '{FromName}' to be let in.", e.Remedy));
        }
    }

    /// <summary>Ends what takes longer than it may, and says what it waited for.</summary>
    private async Task WithinAsync(double seconds, string late, Func<CancellationToken, Task> act, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds), environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await act(either.Token);
        }
        catch (OperationCanceledException e) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw await TimedOutAsync(late, e);
        }
    }

    private async Task WaitForWarmAsync(CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(environment.Options.WarmLimit, environment.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await environment.View.WaitAsync(s => s.Proxies.Keys.All(p => s.WarmAcks.ContainsKey((_operation.GateId, p))), either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            _findings.Add(Finding.Warning("not_warm", "Not every session's connection to the other side was opened ahead of the pause.", ""));
        }

        var failures = (await environment.Topology.ListWarmAcksAsync(_operation.GateId, cancellationToken)).SelectMany(a => a.Failures.IsDefault ? [] : a.Failures).ToList();
        if (failures.Where(f => f.CannotLogIn).ToList() is { Count: > 0 } lockedOut && !request.KillBlockers)
        {
            throw new CutoverFailedException(
                $"{lockedOut.Count} sessions could not go on at '{ToName}', which does not let them in; session {lockedOut[0].SessionId} of {lockedOut[0].Client}: {lockedOut[0].Reason}",
                $"Give their accounts on '{ToName}' the same password, or drop them there and run `switchyard migration accounts copy {runtime.Record.Name}`; --kill-blockers goes on without these sessions.");
        }

        _findings.AddRange(failures.Take(20).Select(f => Finding.Warning("session_not_warm", $"Session {f.SessionId} of {f.Client} cannot go to '{ToName}' yet: {f.Reason}.", "")));
    }

    private async Task FenceAsync(CancellationToken cancellationToken)
    {
        await StopEventsAsync(cancellationToken);

        // Whoever is alive has drained at the same moment; what all others have left running is ended.
        _drained = await environment.Topology.GetMembershipAsync(cancellationToken);
        while (!await _gate.IsDrainedAsync(_drained, cancellationToken))
        {
            await _gate.DrainAsync(request, cancellationToken);
            _drained = await environment.Topology.GetMembershipAsync(cancellationToken);
        }

        await EndLegsOfTheDeadAsync(_drained, cancellationToken);
        _fence = await _from.FenceAsync(request.Fence, runtime.Record.Tables, TimeSpan.FromSeconds(request.DrainTimeoutSeconds), cancellationToken);
    }

    private async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        var stream = Stream();
        _end = await stream.ReadEndAsync(cancellationToken);
        await stream.WaitForAppliedAsync(_end, cancellationToken);
        NoteDefinitions(stream);

        // Those by which the events were stopped are ours.
        _codeChanged = (_code.Stream, _code.Changes + _eventsStopped) != (stream, stream.CodeChanges);
        if ((await _from.ReadPreparedXaAsync(cancellationToken)).Where(x => !stream.IsUnrelatedXa(x)).ToList() is { Count: > 0 } prepared)
        {
            throw new CutoverFailedException(
                $"{prepared.Count} XA transactions are prepared on '{FromName}' and not ended, so that what they changed would be missing on '{ToName}': {PreparedXa.Describe(prepared)}.",
                $"End each on '{FromName}' with XA COMMIT or XA ROLLBACK, and switch again.");
        }

        if (!request.Rehearse && !await runtime.HaltAsync(cancellationToken))
        {
            throw new CutoverFailedException(
                $"The applier on '{ToName}' could not be stopped: '{ToName}' does not answer what was sent to it, and may do it yet.", FullDisk.RemedyOfSilence(ToName));
        }
    }

    private async Task HandOverAsync(CancellationToken cancellationToken)
    {
        if (_codeChanged)
        {
            await ReadHandoverAgainAsync(cancellationToken);
        }

        foreach (var trigger in runtime.Record.Handover.Triggers)
        {
            await _to.CreateTriggerAsync(trigger, cancellationToken);
        }

        foreach (var definition in runtime.Record.Handover.Events)
        {
            if (!await _to.CreateEventAsync(definition, cancellationToken))
            {
                _findings.Add(Finding.Warning("event_over", $"The event {definition.Schema}.{definition.Name} is not on '{ToName}', which makes no event whose schedule is over.", "If it is to run again, create it there with a new schedule."));
            }
        }
    }

    private async Task PrimeReverseAsync(CancellationToken cancellationToken)
    {
        await VerifyIdentitiesAsync(cancellationToken);

        // Recorded after our own preparations on the new side, so that they are never carried back.
        _start = await _to.ReadEndAsync(cancellationToken);
        await _back!.MoveAsync(_start, cancellationToken);
    }
}
