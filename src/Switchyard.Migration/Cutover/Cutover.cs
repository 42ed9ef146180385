using Microsoft.Extensions.Logging;
using Switchyard.Faults;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// One switch or reverse, step by step. Which of the two it is follows from the side that is authoritative; there is no other difference.
/// </summary>
/// <remarks>
/// Until the flip every failure undoes everything. The flip is one transaction that compares the gate, the lock, the proxies' membership,
/// the routing table and the record, so that it happens exactly when everybody it depends on still agrees. After it, everything left to do
/// is repeated until it is done.
/// </remarks>
internal sealed partial class Cutover(MigrationEnvironment environment, MigrationRuntime runtime, SwitchRequest request)
{
    // More identities than an origin hands out between `warm` and the flip, to be raised once outside the pause.
    private const ulong IdentityHeadroom = 1000;
    private readonly Direction _direction = runtime.Record.Direction;
    private readonly List<Finding> _findings = [];
    private Journal _journal = null!;
    private OperationRecord _operation = null!;
    private GateKeeper _gate = null!;
    private IServerSide _from = null!;
    private IServerSide _to = null!;
    private IFence? _fence;
    private IStreamRecord? _back;
    private bool _flipped;
    private long _heldAt;
    private double _pauseMs;
    private StreamPosition _end;
    private StreamPosition _start;

    private string FromName => runtime.Record.Backend(_direction.From);

    private string ToName => runtime.Record.Backend(_direction.To);

    /// <summary>The step that runs now, for who asks; null when none does.</summary>
    public string? Step => _journal?.Step;

    public async Task<SwitchReport> RunAsync(DiffReport? diff, CancellationToken cancellationToken)
    {
        await BeginAsync(cancellationToken);
        await using var from = _from = await runtime.OpenSideAsync(_direction.From, cancellationToken);
        await using var to = _to = await runtime.OpenSideAsync(_direction.To, cancellationToken);
        await StepAsync(CutoverSteps.Precheck, async token => _findings.AddRange(await new Precheck(environment, runtime).RunAsync(request, diff, from, to, token)), cancellationToken);
        if (_findings.Exists(f => f.Severity == FindingSeverity.Error))
        {
            await _journal.WriteAsync(CutoverSteps.Precheck, JournalPhase.Failed, string.Join(" ", _findings.Where(f => f.Severity == FindingSeverity.Error).Select(f => f.What)), cancellationToken);
            throw MigrationException.RefusedBy("precheck", $"The {Verb} was refused.", _findings);
        }

        if (request.DryRun)
        {
            await _journal.FlushAsync(cancellationToken);
            return Report("planned") with { Plan = CutoverSteps.Plan(runtime.Record, request) };
        }

        MigrationLock? held = null;
        try
        {
            await StepAsync(CutoverSteps.Lock, async token => held = await LockAsync(token), cancellationToken);
            using var lost = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, held!.Lost);
            return await ChangeSidesAsync(held, lost.Token, cancellationToken);
        }
        finally
        {
            if (held is not null)
            {
                await held.DisposeAsync();
            }

            if (_back is not null)
            {
                await _back.DisposeAsync();
            }
        }
    }

    private string Verb => request.Rehearse ? "rehearsal" : _direction.From == Side.Source ? "switch" : "reverse";

    private async Task BeginAsync(CancellationToken cancellationToken)
    {
        var record = await runtime.UpdateAsync(r => r with { Operations = r.Operations + 1 }, cancellationToken);
        var id = $"{(request.Rehearse ? "rehearse" : Verb)}-{record.Operations:D4}";
        _operation = new OperationRecord(id, request.Rehearse ? OperationKind.Rehearse : OperationKind.Switch, _direction.From, environment.Time.GetUtcNow())
        {
            Fence = request.Fence,
            GateId = $"{record.Name}-{id}",
            ReadOnlySet = !request.DryRun && request.Fence == FenceMode.ReadOnly,
        };
        _journal = new Journal(environment, record.Name, id);
        _gate = new GateKeeper(environment, _operation.GateId);
    }

    private async Task<MigrationLock> LockAsync(CancellationToken cancellationToken)
    {
        var held = await environment.Topology.TryLockMigrationAsync(runtime.Name, environment.Owner, _operation.Id, environment.Options.LockTimeToLive, cancellationToken);
        if (held is null)
        {
            var holder = await environment.Topology.GetMigrationLockAsync(runtime.Name, cancellationToken);
            throw MigrationException.Refused(
                "locked", $"'{runtime.Name}' is being worked on by {holder?.Owner ?? "another process"} ({holder?.Purpose ?? "unknown"}, since {holder?.Since:u}).", "Wait until that has ended.");
        }

        try
        {
            await runtime.UpdateAsync(r => r with { Operation = _operation }, cancellationToken, t => t.Require(held));
            return held;
        }
        catch
        {
            await held.DisposeAsync();
            throw;
        }
    }

    private async Task<SwitchReport> ChangeSidesAsync(MigrationLock held, CancellationToken guarded, CancellationToken cancellationToken)
    {
        var finish = new CutoverFinish(environment, runtime, _operation);
        try
        {
            await StepAsync(CutoverSteps.Warm, WarmAsync, guarded);
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(request.TimeoutSeconds), environment.Time);
            using var pause = CancellationTokenSource.CreateLinkedTokenSource(guarded, limit.Token);
            try
            {
                if (await PauseAsync(held, pause.Token) is { } rehearsed)
                {
                    return await EndRehearsalAsync(finish, rehearsed);
                }
            }
            catch (OperationCanceledException e) when (limit.IsCancellationRequested)
            {
                throw new CutoverFailedException($"It was not done within {request.TimeoutSeconds:0.###} s; the step that was running is '{_journal.Step ?? "none"}'.", "Allow more with --timeout, or do it at a quieter time.", e);
            }
            catch (OperationCanceledException e) when (held.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new CutoverFailedException("The right to change the migration was lost, because the store did not answer in time.", "Look after the store and try again.", e);
            }
        }
        catch (Exception e) when (!_flipped)
        {
            await UndoAsync(finish, e);
            throw;
        }
        catch (Exception e)
        {
            return await ForwardAsync(finish, e);
        }

        return await AfterFlipAsync(finish);
    }

    /// <summary>Everything the application waits for. Returns the statistics of a rehearsal, and null once the sides are changed.</summary>
    private async Task<string?> PauseAsync(MigrationLock held, CancellationToken cancellationToken)
    {
        _heldAt = environment.Time.GetTimestamp();
        await StepAsync(CutoverSteps.Hold, async token =>
        {
            await _gate.RaiseAsync(runtime.Record, held, TimeSpan.FromSeconds(request.TimeoutSeconds), token);
            await _gate.DrainAsync(request, token);
        }, cancellationToken);
        await StepAsync(CutoverSteps.Fence, FenceAsync, cancellationToken);
        await StepAsync(CutoverSteps.CatchUp, CatchUpAsync, cancellationToken);
        if (request.Rehearse)
        {
            return _end.ToString();
        }

        await StepAsync(CutoverSteps.Handover, HandOverAsync, cancellationToken);
        await StepAsync(CutoverSteps.PrimeReverse, PrimeReverseAsync, cancellationToken);
        await StepAsync(CutoverSteps.Flip, token => FlipAsync(held, token), cancellationToken);
        return null;
    }

    /// <summary>Does outside the pause whatever can be done there.</summary>
    private async Task WarmAsync(CancellationToken cancellationToken)
    {
        var record = runtime.Record;
        await _from.ConnectAsync(cancellationToken);
        await _from.PrepareFenceAsync(cancellationToken);
        await _to.ConnectAsync(cancellationToken);
        await RaiseIdentitiesAsync(IdentityHeadroom, cancellationToken);
        var handover = await _from.ReadTriggersAndEventsAsync(record.Tables, cancellationToken);
        if (handover.Triggers.Count + handover.Events.Count + record.Handover.Triggers.Count + record.Handover.Events.Count > 0)
        {
            await runtime.UpdateAsync(r => r with { Handover = handover }, cancellationToken);
        }

        _back = await environment.Engine.BeginRecordAsync(await runtime.SpecAsync(_direction.Exchanged, cancellationToken), cancellationToken);
        await environment.Topology.Begin().Put(new WarmRequest(_operation.GateId, record.Name, ToName) { Scopes = RoutingRules.Scopes(record) }).CommitAsync(cancellationToken);
        await WaitForWarmAsync(cancellationToken);
        var stream = Stream();
        await stream.WaitForAppliedAsync(await stream.ReadEndAsync(cancellationToken), cancellationToken);
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
        foreach (var definition in runtime.Record.Handover.Events.Where(e => e.Enabled))
        {
            await _from.SetEventAsync(definition.Name, enabled: false, cancellationToken);
        }

        var live = (await environment.Topology.GetMembershipAsync(cancellationToken)).Members.Select(m => m.Value.Id).ToHashSet(StringComparer.Ordinal);
        await _from.EndOrphanedLegsAsync(live, cancellationToken);
        _fence = await _from.FenceAsync(request.Fence, runtime.Record.Tables, TimeSpan.FromSeconds(request.DrainTimeoutSeconds), cancellationToken);
    }

    private async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        var stream = Stream();
        _end = await stream.ReadEndAsync(cancellationToken);
        await stream.WaitForAppliedAsync(_end, cancellationToken);
        if (!request.Rehearse)
        {
            await runtime.HaltAsync(cancellationToken);
        }
    }

    private async Task HandOverAsync(CancellationToken cancellationToken)
    {
        foreach (var trigger in runtime.Record.Handover.Triggers)
        {
            await _to.CreateTriggerAsync(trigger, cancellationToken);
        }

        foreach (var definition in runtime.Record.Handover.Events)
        {
            await _to.CreateEventAsync(definition, cancellationToken);
        }
    }

    private async Task PrimeReverseAsync(CancellationToken cancellationToken)
    {
        await RaiseIdentitiesAsync(0, cancellationToken);
        foreach (var (sequence, next) in await _from.ReadSequencesAsync(cancellationToken))
        {
            await _to.RaiseSequenceAsync(sequence, next, cancellationToken);
        }

        // Recorded after our own preparations on the new side, so that they are never carried back.
        _start = await _to.ReadEndAsync(cancellationToken);
        await _back!.MoveAsync(_start, cancellationToken);
    }

    private async Task RaiseIdentitiesAsync(ulong headroom, CancellationToken cancellationToken)
    {
        var tables = runtime.Record.Tables;
        var origin = await _from.ReadIdentitiesAsync(tables, cancellationToken);
        var own = await _to.ReadIdentitiesAsync(tables, cancellationToken);
        foreach (var (table, next) in origin)
        {
            if (own.GetValueOrDefault(table) < next)
            {
                await _to.RaiseIdentityAsync(table, ulong.MaxValue - headroom < next ? next : next + headroom, cancellationToken);
            }
        }
    }

    private async Task FlipAsync(MigrationLock held, CancellationToken cancellationToken)
    {
        while (true)
        {
            await _fence!.VerifyAsync(cancellationToken);
            var membership = await environment.Topology.GetMembershipAsync(cancellationToken);
            var routing = await environment.Topology.GetRoutingAsync(cancellationToken);
            if (await environment.Topology.GetGateAsync(_operation.GateId, cancellationToken) is not { } gate)
            {
                throw new CutoverFailedException("The gate was removed from the store.", "Find out who removes records from the store, and try again.");
            }

            if (gate.Value.State != GateState.Held)
            {
                throw GateKeeper.Abandoned(gate.Value);
            }

            if (!await _gate.IsDrainedAsync(membership, cancellationToken))
            {
                // A proxy has joined since the hold; it has the same time to drain.
                await _gate.DrainAsync(request, cancellationToken);
                continue;
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (await TryFlipAsync(held, membership, routing, gate))
            {
                return;
            }

            if (held.Lost.IsCancellationRequested)
            {
                throw new CutoverFailedException("The right to change the migration was lost.", "Try again.");
            }
        }
    }

    /// <summary>
    /// The point of no return. Not cancellable: an answer that is not waited for would leave it unknown which side is authoritative, and if
    /// the store fails to answer, the gate's own record decides.
    /// </summary>
    private async Task<bool> TryFlipAsync(MigrationLock held, Membership membership, Versioned<RoutingTable> routing, Versioned<Gate> gate)
    {
        var now = environment.Time.GetUtcNow();
        var flipped = _operation with { Flipped = true, SourcePosition = _end.ToString(), TargetPosition = _start.ToString() };
        MigrationRecord Change(MigrationRecord r) => r with { Authoritative = _direction.To, Operation = flipped, Reads = null, SwitchedAt = now };
        try
        {
            _flipped = await runtime.TryUpdateAsync(Change, CancellationToken.None, transaction =>
            {
                var table = RoutingRules.With(routing.Value, Change(runtime.Record));
                transaction.Require(gate).Require(held).Require(membership).Require(routing)
                    .Put(table).Put(gate.Value with { State = GateState.Flipped, Epoch = table.Epoch });
                _journal.AppendPending(transaction);
            });
        }
        catch (TopologyStoreException)
        {
            await runtime.ReloadAsync(CancellationToken.None);
            _flipped = runtime.Record.Operation is { Flipped: true } operation && operation.Id == _operation.Id;
            if (!_flipped)
            {
                throw;
            }
        }

        if (_flipped)
        {
            environment.Applied.Reset(runtime.Name);
            _pauseMs = environment.Time.GetElapsedTime(_heldAt).TotalMilliseconds;
        }

        return _flipped;
    }

    private async Task<SwitchReport> AfterFlipAsync(CutoverFinish finish)
    {
        var held = (HeldStatements: 0, LongestHoldMs: 0.0);
        try
        {
            var none = CancellationToken.None;
            await StepAsync(CutoverSteps.Release, async token => held = await finish.ReleaseAsync(token), none);
            await StepAsync(CutoverSteps.Unfence, token => finish.UnfenceAsync(_fence, _from, token), none);
            await StepAsync(CutoverSteps.ReverseStream, token => finish.StartReverseAsync(_from, _to, token), none);
            await StepAsync(CutoverSteps.Unlock, finish.UnlockAsync, none);
            await _journal.FlushAsync(none);
        }
        catch (Exception e)
        {
            return await ForwardAsync(finish, e) with { HeldStatements = held.HeldStatements, LongestHoldMs = held.LongestHoldMs };
        }

        return Report(Result) with { HeldStatements = held.HeldStatements, LongestHoldMs = held.LongestHoldMs };
    }

    private string Result => _direction.From == Side.Source ? "switched" : "reversed";

    /// <summary>The sides are changed and something after that failed: the rest is done all the same, once more and without the steps' names.</summary>
    private async Task<SwitchReport> ForwardAsync(CutoverFinish finish, Exception error)
    {
        LogForward(environment.Log, runtime.Name, _operation.Id, error);
        try
        {
            await finish.RollForwardAsync(_fence, _from, _to, CancellationToken.None);
            await TryJournalAsync(JournalPhase.Failed, $"{error.Message} The rest was done all the same.");
            return Report(Result);
        }
        catch (Exception again)
        {
            var message = $"The sides are changed and applications run on '{ToName}', but the rest could not be finished: {again.Message}";
            LogForward(environment.Log, runtime.Name, _operation.Id, again);
            await TryJournalAsync(JournalPhase.Failed, message);
            return Report(Result) with { Error = $"{message} Run `switchyard migration repair {runtime.Name}`." };
        }
    }

    private async Task<SwitchReport> EndRehearsalAsync(CutoverFinish finish, string end)
    {
        _pauseMs = environment.Time.GetElapsedTime(_heldAt).TotalMilliseconds;
        await finish.UnfenceAsync(_fence, _from, CancellationToken.None);
        var fence = _fence;
        _fence = null;
        await _gate.AbandonAsync("This was a rehearsal.", CancellationToken.None);
        var held = await finish.ReleaseAsync(CancellationToken.None);
        await finish.RollBackAsync("This was a rehearsal.", fence, _from, _to);
        return Report("rehearsed") with { HeldStatements = held.HeldStatements, LongestHoldMs = held.LongestHoldMs, SourcePosition = end };
    }

    private async Task UndoAsync(CutoverFinish finish, Exception error)
    {
        var step = _journal.Step ?? "?";
        LogUndo(environment.Log, runtime.Name, _operation.Id, step, error);
        await TryJournalAsync(JournalPhase.Failed, error.Message);
        var problem = "";
        try
        {
            await finish.RollBackAsync(error.Message, _fence, _from, _to);
            await TryJournalAsync(JournalPhase.Undone, "");
        }
        catch (AggregateException e)
        {
            problem = $" Not everything could be undone: {string.Join(" ", e.InnerExceptions.Select(i => i.Message))}";
            LogUndo(environment.Log, runtime.Name, _operation.Id, step, e);
        }

        if (error is MigrationException known)
        {
            throw known;
        }

        var remedy = (error as CutoverFailedException)?.Remedy ?? "Resolve the cause and try again.";
        throw new MigrationException(
            "not_switched", $"Not switched, nothing lost: '{FromName}' goes on as before. At '{step}': {error.Message}{problem}",
            problem.Length > 0 ? $"{remedy} Then run `switchyard migration repair {runtime.Name}`." : remedy, 5, error)
        {
            Findings = _findings,
            Report = Report("not_switched") with { Error = error.Message },
        };
    }

    private async Task TryJournalAsync(JournalPhase phase, string detail)
    {
        try
        {
            await _journal.WriteAsync(_journal.Step ?? CutoverSteps.Unlock, phase, detail, CancellationToken.None);
        }
        catch (Exception e) when (e is TopologyStoreException or InvalidOperationException)
        {
            LogUndo(environment.Log, runtime.Name, _operation.Id, "journal", e);
        }
    }

    private async Task StepAsync(string name, Func<CancellationToken, Task> act, CancellationToken cancellationToken)
    {
        await _journal.BeginAsync(name, "", cancellationToken);
        await FaultPoints.HitAsync($"switch.{name}.before", cancellationToken);
        await act(cancellationToken);
        await FaultPoints.HitAsync($"switch.{name}.after", cancellationToken);
        _journal.Done();
    }

    private IMigrationStream Stream() => runtime.Stream
        ?? throw new CutoverFailedException($"Replication to '{ToName}' has stopped.", $"Look at `switchyard migration status {runtime.Name}`.");

    private SwitchReport Report(string result) => new()
    {
        Result = result,
        Steps = _journal.Timings,
        PauseMs = Math.Round(_pauseMs, 3),
        SourcePosition = _end.IsEmpty ? null : _end.ToString(),
        TargetPosition = _start.IsEmpty ? null : _start.ToString(),
        Epoch = environment.View.Current.Routing.Epoch,
        Findings = _findings,
    };

    [LoggerMessage(7101, LogLevel.Warning, "{Operation} of migration {Migration} failed at {Step} and is undone")]
    private static partial void LogUndo(ILogger log, string migration, string operation, string step, Exception error);

    [LoggerMessage(7102, LogLevel.Error, "{Operation} of migration {Migration} changed sides and failed afterwards")]
    private static partial void LogForward(ILogger log, string migration, string operation, Exception error);
}
