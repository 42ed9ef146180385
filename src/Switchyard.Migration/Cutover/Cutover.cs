using Switchyard.Faults;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// One switch or reverse, step by step. Which of the two it is follows from the side that is authoritative; there is no other difference.
/// </summary>
/// <remarks>
/// Until the flip every failure undoes everything. The flip is one transaction that compares the gate, the lock, the proxies' membership,
/// the routing table and the record, so that it happens exactly when everybody it depends on still agrees. After it, everything left to do
/// is repeated until it is done. Where it is not known whether the flip happened, nothing is touched any more until the store has been read again.
/// </remarks>
internal sealed partial class Cutover(MigrationEnvironment environment, MigrationRuntime runtime, SwitchRequest request, Func<CancellationToken, Task> stopComparing)
{
    private readonly Direction _direction = runtime.Record.Direction;
    private readonly List<Finding> _findings = [];
    private readonly ServerSteps _steps = new(environment, runtime.Record.Settings);
    private Journal _journal = null!;
    private OperationRecord _operation = null!;
    private GateKeeper _gate = null!;
    private IServerSide _from = null!;
    private IServerSide _to = null!;
    private IFence? _fence;
    private IStreamRecord? _back;
    private Membership? _drained;
    private bool _flipped;

    // Whether triggers and events are still what they were in `warm`.
    private (IMigrationStream? Stream, long Changes) _code;
    private bool _codeChanged;
    private int _eventsStopped;
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
            await runtime.UpdateAsync(r => r.RequireCopied() with { Operation = _operation }, cancellationToken, t => t.Require(held));
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
            if (!request.Rehearse)
            {
                // It knows who is authoritative from its beginning, and a repair would go on writing the old side's rows over the new one's.
                await stopComparing(guarded);
            }

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
                var step = _journal.Step ?? "none";
                await LetGoAsync(finish);
                throw await TimedOutAsync($"It was not done within {request.TimeoutSeconds:0.###} s; the step that was running is '{step}'.", e);
            }
            catch (OperationCanceledException e) when (held.Lost.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new CutoverFailedException("The right to change the migration was lost, because the store did not answer in time.", "Look after the store and try again.", e);
            }
        }
        catch (FlipUndecidedException e)
        {
            throw Stay(e);
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
}
