using Microsoft.Extensions.Logging;
using Switchyard.Topology;

namespace Switchyard.Migration;

public sealed partial class MigrationService
{
    // A target that is further behind serves no reads: they would only wait and then go to the source.
    private const double ValidateLagLimitSeconds = 10;

    /// <inheritdoc />
    public async Task<MigrationStatus> ValidateAsync(string name, ValidateRequest request, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        using var verb = unit.Runtime.Verbs.Enter(name, "validate");
        if (request.Percent is < 0 or > 100 || request.Shadow is < 0 or > 100)
        {
            throw MigrationException.Usage("Shares are percentages.", "Give --percent and --shadow from 0 to 100.");
        }

        if (request is { Off: false, Percent: 0, Shadow: 0 })
        {
            throw MigrationException.Usage("With no reads on the target and none compared there is nothing to validate.", "Give --shadow above 0 to compare only, or --percent above 0.");
        }

        var record = unit.Runtime.Record;
        if (!request.Off)
        {
            await CheckValidateAsync(unit, cancellationToken);
        }
        else if (record.Reads is null)
        {
            return unit.Status(Epoch);
        }

        if (!request.Off && (record.Reads is null || (record.Reads.Shadow == 0 && request.Shadow > 0)))
        {
            await unit.Memory.ForgetAsync(cancellationToken);
        }

        for (var done = false; !done;)
        {
            var routing = await _environment.Topology.GetRoutingAsync(cancellationToken);
            MigrationRecord Change(MigrationRecord r) => request.Off ? r with { Reads = null } : r.RequireCopied() with { Reads = request };
            done = await unit.Runtime.TryUpdateAsync(
                Change, cancellationToken, t => t.Require(routing).Put(RoutingRules.With(routing.Value, Change(unit.Runtime.Record))));
        }

        return unit.Status(Epoch);
    }

    /// <inheritdoc />
    public Task<ValidationStatus> ShowValidationAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult(Unit(name).Validation(differencesOnly: false) ?? new ValidationStatus());

    /// <inheritdoc />
    public Task<SwitchReport> SwitchAsync(string name, SwitchRequest request, CancellationToken cancellationToken) =>
        ChangeSidesAsync(name, request, Side.Source, cancellationToken);

    /// <inheritdoc />
    public Task<SwitchReport> ReverseAsync(string name, SwitchRequest request, CancellationToken cancellationToken) =>
        ChangeSidesAsync(name, request, Side.Target, cancellationToken);

    private async Task CheckValidateAsync(MigrationUnit unit, CancellationToken cancellationToken)
    {
        var record = unit.Runtime.Record;
        var findings = new List<Finding>();
        if (record.State is not (MigrationState.Running or MigrationState.Validating))
        {
            throw MigrationException.Refused("wrong_state", $"'{record.Name}' is {record.State.ToString().ToLowerInvariant()}; reads can go to the target only while it is running.{ReplacedTables.Describe(record)}", "Wait until it is running.");
        }

        await unit.Runtime.WaitForStreamAsync(_environment.Options.ConnectLimit, cancellationToken);
        if (unit.Runtime.Stream?.Status is not { State: "running", LagSeconds: <= ValidateLagLimitSeconds })
        {
            findings.Add(Finding.Error("lag", $"The target is not close enough behind: {unit.Runtime.Stream?.Status.LagSeconds?.ToString("0.#") ?? "unknown"} s.", $"Wait until the lag is below {ValidateLagLimitSeconds:0} s."));
        }

        try
        {
            findings.AddRange(await new AccountGap(_environment).FindAsync(record, FindingSeverity.Error, cancellationToken));
        }
        catch (CutoverFailedException e)
        {
            findings.Add(Finding.Error("server_silent", e.Message, e.Remedy));
        }

        if (findings.Exists(f => f.Severity == FindingSeverity.Error))
        {
            throw MigrationException.RefusedBy("validate", "Reads were not sent to the target.", findings);
        }
    }

    private async Task<SwitchReport> ChangeSidesAsync(string name, SwitchRequest request, Side from, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        var what = from == Side.Source ? "switch" : "reverse";
        using var verb = unit.Runtime.Verbs.Enter(name, what);
        if (request.TimeoutSeconds <= 0 || request.DrainTimeoutSeconds <= 0 || request.DrainTimeoutSeconds > request.TimeoutSeconds)
        {
            throw MigrationException.Usage("The drain timeout must be above zero and not above the timeout.", "Give --timeout and --drain-timeout in seconds, for example 30s and 10s.");
        }

        var record = unit.Runtime.Record;
        if (record.Operation is { } half)
        {
            throw MigrationException.Refused("half_done", $"{half.Id} of '{name}' is half done.", $"Run `switchyard migration repair {name}` first.");
        }

        var fits = from == Side.Source ? record.State is MigrationState.Running or MigrationState.Validating : record.State == MigrationState.Switched;
        if (!fits)
        {
            throw MigrationException.Refused(
                "wrong_state", $"'{name}' is {record.State.ToString().ToLowerInvariant()}, so there is nothing to {what}.{(record.Error is { } error ? $" {error}" : ReplacedTables.Describe(record))}",
                from == Side.Source ? "It must be running or validating." : "It must be switched.");
        }

        var cutover = new Cutover(_environment, unit.Runtime, request, unit.Diff.StopIfRunningAsync);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        unit.Changing = ended.Task;
        unit.Cutover = cutover;
        try
        {
            return await cutover.RunAsync(unit.Diff.Report, cancellationToken);
        }
        finally
        {
            unit.Cutover = null;
            ended.SetResult();
        }
    }

    /// <summary>
    /// Once the store is lost: lets switches that are under way end, and says whether one of them left open which side is authoritative. As long as this process lives, the old
    /// side is closed to writers then.
    /// </summary>
    public async Task<bool> IsUndecidedAsync()
    {
        await Task.WhenAll(_units.Values.Select(u => u.Changing));
        return _units.Values.Any(u => u.Runtime.KeepsFence);
    }

    /// <summary>An operation that was under way when the process ended is taken back before its point of no return, and finished after it.</summary>
    private async Task RecoverAsync(MigrationUnit unit, CancellationToken cancellationToken)
    {
        var name = unit.Runtime.Name;
        var operation = unit.Runtime.Record.Operation!;
        LogRecovery(_environment.Log, operation.Id, name, IsPast(operation) ? "forward" : "back");
        using var verb = unit.Runtime.Verbs.Enter(name, "recovery");
        try
        {
            await FinishAsync(unit, operation, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The next process goes on with it.
        }
        catch (Exception e)
        {
            LogRecoveryFailed(_environment.Log, operation.Id, name, e);
            await TryNoteAsync(unit, operation, e);
        }
    }

    /// <summary>If not even that can be written down, the log has it, and the record still says what is half done.</summary>
    private async Task TryNoteAsync(MigrationUnit unit, OperationRecord operation, Exception error)
    {
        try
        {
            await unit.Runtime.UpdateAsync(
                r => r with { Error = $"{operation.Id} is half done: {Describe(error)}", Remedy = $"Run `switchyard migration repair {unit.Runtime.Name}`." }, CancellationToken.None);
        }
        catch (Exception e) when (e is TopologyStoreException or MigrationException)
        {
            LogRecoveryFailed(_environment.Log, operation.Id, unit.Runtime.Name, e);
        }
    }

    /// <summary>Brings a half-done operation to its end, back or forward. Safe to repeat.</summary>
    private async Task FinishAsync(MigrationUnit unit, OperationRecord operation, CancellationToken cancellationToken)
    {
        if (operation.Kind is OperationKind.Complete)
        {
            await new MigrationEnd(_environment, unit.Runtime).CompleteAsync(operation, cancellationToken);
            return;
        }

        if (operation.Kind is OperationKind.Cancel)
        {
            await new MigrationEnd(_environment, unit.Runtime).CancelAsync(operation, cancellationToken);
            return;
        }

        await unit.Runtime.UpdateAsync(r => r with { Error = null, Remedy = null }, cancellationToken);
        var finish = new CutoverFinish(_environment, unit.Runtime, operation);
        var before = Direction.AwayFrom(operation.From);
        await using var from = await unit.Runtime.OpenSideAsync(before.From, cancellationToken);
        await using var to = await unit.Runtime.OpenSideAsync(before.To, cancellationToken);
        var journal = new Journal(_environment, unit.Runtime.Name, operation.Id);
        await journal.ContinueAsync(cancellationToken);
        if (operation.Flipped)
        {
            await finish.RollForwardAsync(null, from, to, cancellationToken);
            await journal.WriteAsync(CutoverSteps.Unlock, JournalPhase.Done, "Rolled forward after the process had ended.", cancellationToken);
        }
        else
        {
            await finish.RollBackAsync("The process that was switching ended before the point of no return.", null, from, to);
            await journal.WriteAsync(CutoverSteps.Unlock, JournalPhase.Undone, "Rolled back after the process had ended.", cancellationToken);
        }
    }

    [LoggerMessage(7301, LogLevel.Warning, "{Operation} of migration {Migration} was under way when the process ended; rolling {Way}")]
    private static partial void LogRecovery(ILogger log, string operation, string migration, string way);

    [LoggerMessage(7302, LogLevel.Error, "{Operation} of migration {Migration} could not be brought to an end")]
    private static partial void LogRecoveryFailed(ILogger log, string operation, string migration, Exception error);
}
