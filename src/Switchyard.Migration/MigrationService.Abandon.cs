using Switchyard.Client;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Migration;

/// <summary>The end of a migration whose source is gone for good.</summary>
public sealed partial class MigrationService
{
    private async Task<CompleteReport> AbandonSourceAsync(MigrationUnit unit, CompleteRequest request, CancellationToken cancellationToken)
    {
        var record = unit.Runtime.Record;
        var (name, source, target) = (record.Name, record.Settings.Source, record.Settings.Target);
        if (request.SourceData != SourceData.Keep)
        {
            throw MigrationException.Usage("The tables of a source that is gone can be neither renamed nor dropped.", "Leave --rename-tables and --drop-data out.");
        }

        if (record.Operation is { Kind: not OperationKind.Complete } half && !IsFlippedSwitch(half))
        {
            throw MigrationException.Refused("half_done", $"{half.Id} of '{name}' is half done.", $"Run `switchyard migration repair {name}` first.");
        }

        RefuseUnswitched(record);
        var end = new MigrationEnd(_environment, unit.Runtime);
        var findings = new List<Finding>();
        if (record.Operation is not { SourceAbandoned: true } || request.DryRun)
        {
            findings.Add(Finding.Info("source_silent", $"'{source}' does not answer: {await ReadSilenceAsync(record, $"complete {name}", cancellationToken)}"));
            await CheckAbandonAsync(unit, end, request, findings, cancellationToken);
        }

        var plan = AbandonPlan(record, await end.DefaultWithoutSourceAsync(cancellationToken));
        findings.Add(Finding.Info(
            "left_on_source",
            $"What '{source}' has stays there, should it ever come back: {CutoverSteps.Tables(record)} as they were when '{target}' last reached it ({unit.Runtime.StreamStatus(Direction.Reverse).Position ?? "unknown"} in its log), the schema _switchyard, "
            + $"all accounts{(record.Operation is { Kind: OperationKind.Switch } ? $", its triggers and events{(record.Operation.ReadOnlySet ? ", and read_only=1" : "")}" : "")}. Nothing of Switchyard's reads or writes it any more; let no application write to it."));
        if (request.DryRun)
        {
            return new CompleteReport("planned", plan, findings);
        }

        await unit.Diff.StopIfRunningAsync(cancellationToken);
        var operation = await BeginAbandonAsync(unit, plan, cancellationToken);
        await EndAsync(unit, operation, $"complete {name} --abandon-source", () => end.CompleteAsync(operation, cancellationToken));
        return new CompleteReport("completed", plan, findings);
    }

    /// <summary>Nothing but the target is asked, and what was copied there stays: it may be the last there is.</summary>
    private async Task<MigrationStatus> CancelWithoutSourceAsync(MigrationUnit unit, CancellationToken cancellationToken)
    {
        var record = unit.Runtime.Record;
        var (name, source, target) = (record.Name, record.Settings.Source, record.Settings.Target);
        var findings = new List<Finding>();
        if (record.Operation is not { SourceAbandoned: true })
        {
            var silence = await ReadSilenceAsync(record, $"cancel {name}", cancellationToken);
            findings.Add(Finding.Info("source_silent", $"'{source}' does not answer: {silence}"));
            if (record.Operation is { Kind: OperationKind.Switch or OperationKind.Rehearse } half)
            {
                await TakeBackWithoutSourceAsync(unit, half);
            }
        }

        if (record.StreamRecorded)
        {
            var position = unit.Runtime.StreamStatus(Direction.Forward).Position;
            var state = !record.CopyDone ? "not all of its rows, since the copy had not ended" : $"as they were at {position ?? "an unknown place"} of the log of '{source}'";
            findings.Add(Finding.Warning(
                "kept_on_target", $"What was copied to '{target}' stays there: {CutoverSteps.Tables(record)}, {state}, and without triggers and events{(record.Operation is { Kind: OperationKind.Cancel } ? "; an earlier attempt to cancel may have dropped some" : "")}.",
                $"Drop it there if it is of no use. If applications are to go on with it, give them their accounts there and run `switchyard backend add {target} DSN --default`."));
        }

        findings.Add(Finding.Info(
            "left_on_source", $"What '{source}' has stays there, should it ever come back{(record.SwitchedAt is null ? "" : ", the schema _switchyard among it")}. Nothing of Switchyard's reads or writes it any more."));
        var operation = (unit.Runtime.Record.Operation is { Kind: OperationKind.Cancel } begun ? begun : CancelOperation(unit.Runtime.Record)) with { SourceAbandoned = true };
        var journal = new Journal(_environment, name, operation.Id);
        await journal.ContinueAsync(cancellationToken);
        await journal.WriteAsync("abandon-source", JournalPhase.Begun, string.Join(" ", findings.Select(f => f.What)), cancellationToken);
        await CancelAsync(unit, operation, " --abandon-source", cancellationToken);
        var status = unit.Status(Epoch);
        return status with { Findings = [.. findings, .. status.Findings] };
    }

    /// <summary>Of a switch that has not come to its flip: what waits is let go, and what can be undone without the source is.</summary>
    private async Task TakeBackWithoutSourceAsync(MigrationUnit unit, OperationRecord half)
    {
        try
        {
            await FinishAsync(unit, half, CancellationToken.None);
        }
        catch (AggregateException)
        {
            // What is left of it is on the source, which is given up.
        }
    }

    /// <summary>The sides are changed, and what was left to do needs the source.</summary>
    private static bool IsFlippedSwitch(OperationRecord operation) => operation is { Kind: OperationKind.Switch, Flipped: true, From: Side.Source };

    /// <summary>How the source shows that it is not there.</summary>
    /// <exception cref="MigrationException">It is there.</exception>
    private async Task<string> ReadSilenceAsync(MigrationRecord record, string verb, CancellationToken cancellationToken)
    {
        var source = record.Settings.Source;
        string answer;
        try
        {
            await using var connection = await BackendConnection.OpenAsync(await _environment.BackendAsync(source, cancellationToken) with { Schema = null }, cancellationToken);
            answer = "lets Switchyard in";
        }
        catch (ServerErrorException e)
        {
            answer = $"answers Switchyard's login ({e.ServerMessage})";
        }
        catch (BackendUnavailableException e) when (e.Reason is not (UnavailableReason.TlsFailed or UnavailableReason.LoginImpossible))
        {
            return e.Message;
        }
        catch (Exception e) when (e is BackendUnavailableException or MalformedPacketException)
        {
            answer = $"is there, though no login is possible ({e.Message})";
        }

        throw MigrationException.Refused(
            "source_answers", $"'{source}' {answer}, so it is not gone. Nothing was changed.",
            $"Run `switchyard migration {verb}` without --abandon-source, which leaves nothing of Switchyard's there. If that server is not to be used any more, stop it for good first.");
    }

    private async Task CheckAbandonAsync(MigrationUnit unit, MigrationEnd end, CompleteRequest request, List<Finding> findings, CancellationToken cancellationToken)
    {
        var record = unit.Runtime.Record;
        var (source, target) = (record.Settings.Source, record.Settings.Target);
        CheckDiff(unit, request, findings);
        try
        {
            await end.ReachTargetAsync(cancellationToken);
        }
        catch (CutoverFailedException e)
        {
            findings.Add(Finding.Error("server_silent", e.Message, e.Remedy));
        }

        if (findings.Exists(f => f.Severity == FindingSeverity.Error))
        {
            throw MigrationException.RefusedBy("complete", $"'{record.Name}' was not completed.", findings);
        }

        if (record.Foreign is { Side: Side.Source, Found: > 0 and var found })
        {
            findings.Add(Finding.Warning(
                "foreign_writes", $"{found} {(found == 1 ? "transaction" : "transactions")} of somebody else changed migrated tables on '{source}' after the switch; '{target}' does not have them.", "See what they were with `switchyard migration diagnose`, as long as the migration is on record."));
        }

        if (await new AccountMemory(_environment, record).FindForgottenAsync(cancellationToken) is { Count: > 0 } forgotten)
        {
            findings.Add(Finding.Warning(
                "accounts_forgotten", $"{string.Join(", ", forgotten)} have passwords on '{target}' that Switchyard made, and nothing is kept to verify their clients by: they are refused from now on.",
                $"Give them passwords on '{target}' with ALTER USER."));
        }

        if (record.Schemas.FirstOrDefault(s => !s.Whole) is { } partly)
        {
            findings.Add(Finding.Warning("tables_lost", $"Not all tables of {partly.Name} were migrated: the others were on '{source}' alone.", ""));
        }
    }

    /// <summary>Writes down that the source is given up, after what is left of a switch that can be done without it.</summary>
    private async Task<OperationRecord> BeginAbandonAsync(MigrationUnit unit, IReadOnlyList<string> plan, CancellationToken cancellationToken)
    {
        var record = unit.Runtime.Record;
        if (record.Operation is { SourceAbandoned: true } begun)
        {
            return begun;
        }

        if (record.Operation is { Kind: OperationKind.Switch } flipped)
        {
            await using var target = await unit.Runtime.OpenSideAsync(Side.Target, cancellationToken);
            await new CutoverFinish(_environment, unit.Runtime, flipped).RollForwardWithoutOriginAsync(target, cancellationToken);
        }

        var operation = (unit.Runtime.Record.Operation ?? new OperationRecord($"complete-{record.Operations + 1:D4}", OperationKind.Complete, record.Authoritative, _environment.Time.GetUtcNow())) with
        {
            SourceData = SourceData.Keep,
            SourceAbandoned = true,
        };
        var journal = new Journal(_environment, record.Name, operation.Id);
        await journal.ContinueAsync(cancellationToken);
        await journal.WriteAsync("abandon-source", JournalPhase.Begun, string.Join(". ", plan), cancellationToken);
        await unit.Runtime.UpdateAsync(r => r with { Operation = operation, Operations = r.Operation is null ? r.Operations + 1 : r.Operations }, cancellationToken);
        return operation;
    }

    private static IReadOnlyList<string> AbandonPlan(MigrationRecord record, string? newDefault)
    {
        var (source, target) = (record.Settings.Source, record.Settings.Target);
        return
        [
            $"Give {source} up: replication from {target} to it ends, and there is no way back after this",
            $"Remove Switchyard's own tables from {target}",
            newDefault is not null ? $"Make {target} the default backend" : $"Route {record.Schemas.Title()} to {target} for good",
        ];
    }
}
