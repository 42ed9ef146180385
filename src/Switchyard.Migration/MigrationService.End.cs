using Switchyard.Faults;
using Switchyard.Topology;

namespace Switchyard.Migration;

public sealed partial class MigrationService
{
    /// <inheritdoc />
    public async Task<CompleteReport> CompleteAsync(string name, CompleteRequest request, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        using var verb = unit.Runtime.Verbs.Enter(name, "complete");
        var record = unit.Runtime.Record;
        if (record.Phase != MigrationState.Switched || record.Operation is not null || record.Finished is not null)
        {
            throw MigrationException.Refused(
                "wrong_state", $"'{name}' is {record.State.ToString().ToLowerInvariant()}; only a switched migration can be completed.", $"Run `switchyard migration switch {name}` first, or `cancel` it.");
        }

        var findings = await CheckCompleteAsync(unit, request, cancellationToken);
        if (findings.Exists(f => f.Severity == FindingSeverity.Error))
        {
            throw MigrationException.RefusedBy("complete", $"'{name}' was not completed.", findings);
        }

        var defaultBackend = await NewDefaultAsync(record, findings, cancellationToken);
        var actions = CompletePlan(record, request.SourceData, defaultBackend);
        if (request.DryRun)
        {
            return new CompleteReport("planned", actions, findings);
        }

        var operation = new OperationRecord($"complete-{record.Operations + 1:D4}", OperationKind.Complete, record.Authoritative, _environment.Time.GetUtcNow())
        {
            SourceData = request.SourceData,
        };
        await unit.Diff.StopIfRunningAsync(cancellationToken);
        await unit.Runtime.UpdateAsync(r => r with { Operation = operation, Operations = r.Operations + 1 }, cancellationToken);
        await FinishCompleteAsync(unit, operation, cancellationToken);
        return new CompleteReport("completed", actions, findings);
    }

    /// <inheritdoc />
    public async Task<MigrationStatus> CancelAsync(string name, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        using var verb = unit.Runtime.Verbs.Enter(name, "cancel");
        RefuseFinished(unit);
        var record = unit.Runtime.Record;
        if (record.Authoritative != Side.Source)
        {
            throw MigrationException.Refused("wrong_state", $"'{record.Settings.Target}' is authoritative; cancelling would lose what was written there.", $"Run `switchyard migration reverse {name}` first.");
        }

        if (record.Operation is { Kind: not OperationKind.Cancel } half)
        {
            throw MigrationException.Refused("half_done", $"{half.Id} of '{name}' is half done.", $"Run `switchyard migration repair {name}` first.");
        }

        await unit.Diff.StopIfRunningAsync(cancellationToken);
        var operation = new OperationRecord($"cancel-{record.Operations + 1:D4}", OperationKind.Cancel, record.Authoritative, _environment.Time.GetUtcNow());
        await EndReadsAsync(unit, r => r with { Operation = operation, Operations = r.Operations + 1, Reads = null }, cancellationToken);
        await FinishCancelAsync(unit, cancellationToken);
        return unit.Status(Epoch);
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

    private async Task<List<Finding>> CheckCompleteAsync(MigrationUnit unit, CompleteRequest request, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        var record = unit.Runtime.Record;
        if (!request.SkipDiff && unit.Diff.Report is { Differences: > 0, State: not "repaired" } dirty)
        {
            findings.Add(Finding.Error("diff_dirty", $"The last comparison found {dirty.Differences} differing rows.", $"Look at them with `switchyard migration diff {record.Name} show`, repair them and compare again."));
        }

        if (unit.Diff.Report is { State: "running" })
        {
            findings.Add(Finding.Error("diff_running", "A comparison is running.", "Wait until it has ended, or stop it."));
        }

        await using var target = await unit.Runtime.OpenSideAsync(Side.Target, cancellationToken);
        await target.ConnectAsync(cancellationToken);
        return findings;
    }

    /// <summary>The target, if it can take the source's place for everything; null when the default backend stays what it is.</summary>
    private async Task<string?> NewDefaultAsync(MigrationRecord record, List<Finding> findings, CancellationToken cancellationToken)
    {
        var (source, target) = (record.Settings.Source, record.Settings.Target);
        var routing = (await _environment.Topology.GetRoutingAsync(cancellationToken)).Value;
        if (!string.Equals(routing.DefaultBackend, source, StringComparison.Ordinal))
        {
            return null;
        }

        var why = await WhyDefaultStaysAsync(record, routing, cancellationToken);
        if (why is not null)
        {
            findings.Add(Finding.Warning("default_stays", $"'{source}' stays the default backend: {why}.", $"'{target}' serves the migrated tables all the same; '{source}' must go on running and cannot be detached yet."));
        }

        return why is null ? target : null;
    }

    private async Task<string?> WhyDefaultStaysAsync(MigrationRecord record, RoutingTable routing, CancellationToken cancellationToken)
    {
        var source = record.Settings.Source;
        if (record.Schemas.FirstOrDefault(s => !s.Whole) is { } partly)
        {
            return $"not all tables of {partly.Name} were migrated";
        }

        if (routing.Rules.FirstOrDefault(r => r.Migration != record.Name && (r.Writer == source || r.Reader == source)) is { } rule)
        {
            return $"{rule.Schema}.{rule.Table ?? "*"} is routed to it";
        }

        await using var side = _environment.Sides.Create(await _environment.BackendAsync(source, cancellationToken), record.SchemaNames);
        var moved = routing.Rules.Where(r => r.Table is null && r.Writer != source).Select(r => r.Schema).Concat(record.SchemaNames).ToHashSet(StringComparer.Ordinal);
        if ((await side.ListSchemasAsync(cancellationToken)).FirstOrDefault(s => !moved.Contains(s)) is { } schema)
        {
            return $"it holds the schema {schema}, which no rule names";
        }

        return (await new AccountMemory(_environment, record).FindUnverifiableAsync(cancellationToken)).FirstOrDefault();
    }

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

    private async Task FinishCompleteAsync(MigrationUnit unit, OperationRecord operation, CancellationToken cancellationToken)
    {
        var runtime = unit.Runtime;
        var record = runtime.Record;
        await runtime.HaltAsync(cancellationToken);
        await FaultPoints.HitAsync("complete.streams.before", cancellationToken);
        await RemoveStreamsAsync(runtime, cancellationToken);
        await using (var source = await runtime.OpenSideAsync(Side.Source, cancellationToken))
        {
            switch (operation.SourceData)
            {
                case SourceData.Drop:
                    await source.DropTablesAsync(record.Tables, cancellationToken);
                    await DropEventsAsync(source, record, cancellationToken);
                    break;
                case SourceData.Rename:
                    await source.RenameTablesAsync(record.Tables, cancellationToken);
                    break;
            }
        }

        await FaultPoints.HitAsync("complete.commit.before", cancellationToken);
        var newDefault = await NewDefaultAsync(record, [], cancellationToken);
        if (newDefault is not null)
        {
            await new AccountMemory(_environment, record).KeepAsync(cancellationToken);
        }

        await FinalizeAsync(runtime, MigrationState.Completed, newDefault, cancellationToken);
    }

    private async Task FinishCancelAsync(MigrationUnit unit, CancellationToken cancellationToken)
    {
        var runtime = unit.Runtime;
        var record = runtime.Record;
        await runtime.HaltAsync(cancellationToken);
        if (record.Started)
        {
            await RemoveStreamsAsync(runtime, cancellationToken);
            await using var source = await runtime.OpenSideAsync(Side.Source, cancellationToken);
            await using var target = await runtime.OpenSideAsync(Side.Target, cancellationToken);
            await target.DropTablesAsync(record.Tables, cancellationToken);
            await DropEventsAsync(target, record, cancellationToken);
            foreach (var schema in record.Schemas.Where(s => s.Whole))
            {
                await target.DropAsync(await source.ListViewsAndRoutinesAsync(schema.Name, cancellationToken), cancellationToken);
            }

            foreach (var schema in record.Schemas.Where(s => s.MadeHere))
            {
                await target.DropSchemaIfEmptyAsync(schema.Name, cancellationToken);
            }
        }

        await FinalizeAsync(runtime, MigrationState.Cancelled, null, cancellationToken);
    }

    /// <summary>Triggers go with their tables; events do not.</summary>
    private static async Task DropEventsAsync(IServerSide side, MigrationRecord record, CancellationToken cancellationToken)
    {
        foreach (var definition in record.Handover.Events)
        {
            await side.DropEventAsync(definition, cancellationToken);
        }
    }

    private async Task RemoveStreamsAsync(MigrationRuntime runtime, CancellationToken cancellationToken)
    {
        await _environment.Engine.RemoveAsync(await runtime.SpecAsync(Direction.Forward, cancellationToken), cancellationToken);
        await _environment.Engine.RemoveAsync(await runtime.SpecAsync(Direction.Reverse, cancellationToken), cancellationToken);
        _environment.Applied.Reset(runtime.Name);
    }

    private Task FinalizeAsync(MigrationRuntime runtime, MigrationState state, string? newDefault, CancellationToken cancellationToken) =>
        UpdateWithRulesAsync(
            runtime, r => r with { Finished = state, Operation = null, Error = null, Remedy = null, Reads = null },
            (table, record) => RoutingRules.Without(table, record, newDefault), cancellationToken);

    private Task EndReadsAsync(MigrationUnit unit, Func<MigrationRecord, MigrationRecord> change, CancellationToken cancellationToken) =>
        UpdateWithRulesAsync(unit.Runtime, change, RoutingRules.With, cancellationToken);

    /// <summary>Changes the record and the rules in one transaction, again when other rules changed meanwhile.</summary>
    private async Task UpdateWithRulesAsync(
        MigrationRuntime runtime, Func<MigrationRecord, MigrationRecord> change, Func<RoutingTable, MigrationRecord, RoutingTable> rules, CancellationToken cancellationToken)
    {
        const int Attempts = 20;
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var routing = await _environment.Topology.GetRoutingAsync(cancellationToken);
            if (await runtime.TryUpdateAsync(change, cancellationToken, t => t.Require(routing).Put(rules(routing.Value, change(runtime.Record)))))
            {
                return;
            }
        }

        throw MigrationException.Failed("conflict", "The routing table keeps changing.", "Try again when nobody else changes it.");
    }
}
