using Switchyard.Topology;

namespace Switchyard.Migration;

public sealed partial class MigrationService
{
    /// <inheritdoc />
    public async Task<CompleteReport> CompleteAsync(string name, CompleteRequest request, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        using var verb = unit.Runtime.Verbs.Enter(name, "complete");
        if (request.AbandonSource)
        {
            return await AbandonSourceAsync(unit, request, cancellationToken);
        }

        var record = unit.Runtime.Record;
        if (record.Operation is { SourceAbandoned: true } abandoned)
        {
            throw MigrationException.Refused(
                "half_done", $"{abandoned.Id} of '{name}' is half done, and was begun with --abandon-source.", $"Run `switchyard migration complete {name} --abandon-source`, which goes on with it.");
        }

        if (record.Operation is { Kind: not OperationKind.Complete } other)
        {
            throw MigrationException.Refused("half_done", $"{other.Id} of '{name}' is half done.", $"Run `switchyard migration repair {name}` first.");
        }

        if (record.Operation is { } begun && begun.SourceData != request.SourceData)
        {
            throw MigrationException.Refused(
                "half_done", $"{begun.Id} of '{name}' is half done, and was begun with {Option(begun.SourceData)}.", $"Run `switchyard migration complete {name} {Option(begun.SourceData)}`, which goes on with it.");
        }

        RefuseUnswitched(record);
        var findings = new List<Finding>();
        if (record.Operation is null || request.DryRun)
        {
            var defaultBackend = await CheckCompleteAsync(unit, request, findings, cancellationToken);
            if (request.DryRun)
            {
                return new CompleteReport("planned", CompletePlan(record, request.SourceData, defaultBackend), findings);
            }
        }

        await unit.Diff.StopIfRunningAsync(cancellationToken);
        var operation = record.Operation ?? new OperationRecord($"complete-{record.Operations + 1:D4}", OperationKind.Complete, record.Authoritative, _environment.Time.GetUtcNow())
        {
            SourceData = request.SourceData,
        };
        if (record.Operation is null)
        {
            await unit.Runtime.UpdateAsync(r => r with { Operation = operation, Operations = r.Operations + 1 }, cancellationToken);
        }

        string? newDefault = null;
        await EndAsync(
            unit, operation, $"complete {name} {Option(operation.SourceData)}",
            async () => newDefault = await new MigrationEnd(_environment, unit.Runtime).CompleteAsync(operation, cancellationToken));
        return new CompleteReport("completed", CompletePlan(record, request.SourceData, newDefault), findings);
    }

    /// <inheritdoc />
    public async Task<MigrationStatus> CancelAsync(string name, CancelRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var unit = Unit(name);
        using var verb = unit.Runtime.Verbs.Enter(name, "cancel");
        RefuseFinished(unit);
        var record = unit.Runtime.Record;
        if (record.Authoritative != Side.Source)
        {
            throw MigrationException.Refused(
                "wrong_state", $"'{record.Settings.Target}' is authoritative; cancelling would lose what was written there.",
                $"Run `switchyard migration reverse {name}` first{(request.AbandonSource ? $"; where '{record.Settings.Source}' is gone for good, `switchyard migration complete {name} --abandon-source` ends the migration" : "")}.");
        }

        if (record.Operation is { Kind: OperationKind.Cancel, SourceAbandoned: true } abandoned && !request.AbandonSource)
        {
            throw MigrationException.Refused(
                "half_done", $"{abandoned.Id} of '{name}' is half done, and was begun with --abandon-source.", $"Run `switchyard migration cancel {name} --abandon-source`, which goes on with it.");
        }

        if (request.AbandonSource)
        {
            return await CancelWithoutSourceAsync(unit, cancellationToken);
        }

        if (record.Operation is { Kind: not OperationKind.Cancel } half)
        {
            throw MigrationException.Refused("half_done", $"{half.Id} of '{name}' is half done.", $"Run `switchyard migration repair {name}` first.");
        }

        await CancelAsync(unit, record.Operation ?? CancelOperation(record), "", cancellationToken);
        return unit.Status(Epoch);
    }

    private OperationRecord CancelOperation(MigrationRecord record) =>
        new($"cancel-{record.Operations + 1:D4}", OperationKind.Cancel, record.Authoritative, _environment.Time.GetUtcNow());

    private async Task CancelAsync(MigrationUnit unit, OperationRecord operation, string option, CancellationToken cancellationToken)
    {
        await unit.Diff.StopIfRunningAsync(cancellationToken);
        if (unit.Runtime.Record.Operation != operation)
        {
            await unit.Runtime.UpdateWithRulesAsync(
                r => r with { Operation = operation, Operations = r.Operation?.Id == operation.Id ? r.Operations : r.Operations + 1, Reads = null }, RoutingRules.With, cancellationToken);
        }

        await EndAsync(unit, operation, $"cancel {unit.Runtime.Name}{option}", () => new MigrationEnd(_environment, unit.Runtime).CancelAsync(operation, cancellationToken));
    }

    /// <inheritdoc />
    public async Task<MigrationStatus> DetachAsync(string name, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        using var verb = unit.Runtime.Verbs.Enter(name, "detach");
        var record = unit.Runtime.Record;
        if (record.Finished != MigrationState.Completed)
        {
            throw MigrationException.Refused("wrong_state", $"'{name}' is {record.State.ToString().ToLowerInvariant()}; only a completed migration can be detached.", $"Run `switchyard migration complete {name}` first.");
        }

        var backend = record.Settings.Source;
        var routing = await _environment.Topology.GetRoutingAsync(cancellationToken);
        if (string.Equals(routing.Value.DefaultBackend, backend, StringComparison.Ordinal))
        {
            throw MigrationException.Refused(
                "in_use", $"'{backend}' is still the default backend: clients log in there and tables without a rule live there.", "Migrate its other schemas, or give another backend as --default-backend.");
        }

        if (routing.Value.Rules.FirstOrDefault(r => r.Writer == backend || r.Reader == backend) is { } rule)
        {
            throw MigrationException.Refused("in_use", $"{rule.Schema}.{rule.Table ?? "*"} is still routed to '{backend}'.", "Migrate it first.");
        }

        if (_units.Values.FirstOrDefault(u => u.Runtime.Record is { Finished: null } r && (r.Settings.Source == backend || r.Settings.Target == backend)) is { } other)
        {
            throw MigrationException.Refused("in_use", $"'{backend}' is part of the migration '{other.Runtime.Name}'.", "Complete or cancel that migration first.");
        }

        await unit.Runtime.UpdateAsync(r => r with { Detached = true }, cancellationToken, t =>
        {
            t.Require(routing).Delete(TopologyKeys.Backend(backend));
        });
        return unit.Status(Epoch);
    }

    private static void RefuseUnswitched(MigrationRecord record)
    {
        if (record.Phase != MigrationState.Switched || record.Finished is not null)
        {
            throw MigrationException.Refused(
                "wrong_state", $"'{record.Name}' is {record.State.ToString().ToLowerInvariant()}; only a switched migration can be completed.", $"Run `switchyard migration switch {record.Name}` first, or `cancel` it.");
        }
    }

    private static void CheckDiff(MigrationUnit unit, CompleteRequest request, List<Finding> findings)
    {
        var name = unit.Runtime.Name;
        if (!request.SkipDiff && unit.Diff.Report is { Differences: > 0, State: not "repaired" } dirty)
        {
            findings.Add(Finding.Error("diff_dirty", $"The last comparison found {dirty.Differences} differing rows.", $"Look at them with `switchyard migration diff {name} show`, repair them and compare again."));
        }

        if (unit.Diff.Report is { State: "running" })
        {
            findings.Add(Finding.Error("diff_running", "A comparison is running.", "Wait until it has ended, or stop it."));
        }
    }

    /// <summary>Looks for what stands in the way while nothing has been changed yet.</summary>
    /// <returns>The backend that would become the default; null when none would.</returns>
    private async Task<string?> CheckCompleteAsync(MigrationUnit unit, CompleteRequest request, List<Finding> findings, CancellationToken cancellationToken)
    {
        var name = unit.Runtime.Name;
        CheckDiff(unit, request, findings);

        string? defaultBackend = null;
        try
        {
            var end = new MigrationEnd(_environment, unit.Runtime);
            await end.ReachTargetAsync(cancellationToken);
            defaultBackend = await end.NewDefaultAsync(findings, cancellationToken);
        }
        catch (CutoverFailedException e)
        {
            findings.Add(Finding.Error("server_silent", e.Message, e.Remedy));
        }

        return findings.Exists(f => f.Severity == FindingSeverity.Error) ? throw MigrationException.RefusedBy("complete", $"'{name}' was not completed.", findings) : defaultBackend;
    }

    /// <summary>Runs the end of a migration. What a server does not do stays half done on record, with the reason.</summary>
    private static async Task EndAsync(MigrationUnit unit, OperationRecord operation, string again, Func<Task> end)
    {
        try
        {
            await end();
        }
        catch (CutoverFailedException e)
        {
            var record = unit.Runtime.Record;
            var what = $"{operation.Id} is half done: {e.Message} Applications go on at '{record.Backend(record.Authoritative)}'.";
            var source = record.Settings.Source;
            var without = operation is { Kind: OperationKind.Cancel, SourceAbandoned: false } && e.Message.Contains($"'{source}'", StringComparison.Ordinal)
                ? $" If '{source}' is gone for good, run `switchyard migration {again} --abandon-source`, which ends without it and keeps what was copied."
                : "";
            var remedy = $"{e.Remedy} Then run `switchyard migration {again}` again, which goes on from there.{without}";
            await unit.Runtime.UpdateAsync(r => r with { Error = what, Remedy = remedy }, CancellationToken.None);
            throw MigrationException.Failed("half_done", what, remedy, e);
        }
    }

    private static string Option(SourceData data) => data switch
    {
        SourceData.Drop => "--drop-data",
        SourceData.Rename => "--rename-tables",
        _ => "--keep-data",
    };

    private static IReadOnlyList<string> CompletePlan(MigrationRecord record, SourceData data, string? newDefault)
    {
        var (source, target) = (record.Settings.Source, record.Settings.Target);
        var actions = new List<string>
        {
            $"Stop replication from {target} to {source}: there is no way back after this",
            $"Remove Switchyard's own tables from {source} and {target}",
            data switch
            {
                SourceData.Drop => $"Drop {CutoverSteps.Tables(record)} on {source}",
                SourceData.Rename => $"Rename {CutoverSteps.Tables(record)} on {source} to _NAME_old",
                _ => $"Keep the tables of {record.Schemas.Title()} on {source} as they are",
            },
            newDefault is not null ? $"Make {target} the default backend" : $"Route {record.Schemas.Title()} to {target} for good",
        };
        return actions;
    }
}
