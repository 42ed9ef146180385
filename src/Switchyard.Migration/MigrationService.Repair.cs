using Switchyard.Topology;

namespace Switchyard.Migration;

public sealed partial class MigrationService
{
    /// <inheritdoc />
    public async Task<Diagnosis> DiagnoseAsync(string name, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        var record = unit.Runtime.Record;
        var seen = new List<string>();
        var next = new List<string>();
        var advice = new List<string>();
        var runtimeError = unit.Runtime.Watch?.Error;
        var holder = await _environment.Topology.GetMigrationLockAsync(name, cancellationToken);
        if (holder is not null)
        {
            seen.Add($"{holder.Owner} works on it ({holder.Purpose}) since {holder.Since:u}.");
        }

        if (record.Operation is { } operation)
        {
            var entries = await _environment.Topology.ListJournalAsync(name, operation.Id, cancellationToken);
            var last = entries.LastOrDefault();
            seen.Add($"{operation.Id} began at {operation.StartedAt:u}{(last is null ? "" : $"; its last step is '{last.Step}' ({last.Phase.ToString().ToLowerInvariant()}, {last.At:u})")}.");
            if (unit.Runtime.Verbs.Running is null)
            {
                next.Add(operation.Flipped || operation.Kind is OperationKind.Complete or OperationKind.Cancel
                    ? $"Bring {operation.Id} to its end: it is past its point of no return." : $"Take {operation.Id} back; '{record.Backend(operation.From)}' stays authoritative.");
            }
        }

        var state = _environment.View.Current;
        var gates = (await _environment.Topology.ListGatesAsync(cancellationToken)).Where(g => g.Value.Migration == name).ToList();
        var blockers = gates.SelectMany(g => GateKeeper.Blockers(state, g.Value.Id)).ToList();
        foreach (var gate in gates.Where(g => g.Value.State == GateState.Held))
        {
            var acks = state.GateAcks.Values.Where(a => a.GateId == gate.Value.Id).ToList();
            seen.Add($"The gate {gate.Value.Id} holds {acks.Sum(a => a.HeldStatements)} statements until {gate.Value.Deadline:u} at the latest; {acks.Count(a => a.Drained)} of {state.Proxies.Count} proxies have drained.");
            if (unit.Runtime.Verbs.Running is null && record.Operation is null)
            {
                next.Add($"Abandon the gate {gate.Value.Id}.");
            }
        }

        if (record.Foreign is { Found: > 0 } foreign && foreign.Side == record.Direction.To)
        {
            seen.Add($"{foreign.Found} {(foreign.Found == 1 ? "transaction" : "transactions")} of somebody else changed migrated tables on '{record.Backend(foreign.Side)}'. The last ones:");
            seen.AddRange(foreign.Last.Select(w => $"{w.Position}: {(w.Kind == "rows" ? "rows of" : "a statement on")} {w.Table} at {w.At:u}{(w.Account is { } who ? $" by {who}" : "")}."));
            advice.Add($"Stop whoever writes there, then run `switchyard migration diff {name} start --wait`, repair what it finds, and compare once more.");
        }

        if (runtimeError is not null)
        {
            seen.Add($"'{record.Backend(record.Direction.To)}' is not watched for writes of others: {runtimeError}");
        }

        if (record.Error is { } error)
        {
            seen.Add(error);
            if (record.Operation is null)
            {
                next.Add("Start replication again.");
            }
        }

        var healthy = next.Count == 0 && advice.Count == 0 && blockers.Count == 0 && record.Error is null;
        var summary = unit.Runtime.Verbs.Running is { } running ? $"'{name}' is {Word(record.State)}; '{running}' is under way{(unit.Cutover?.Step is { } step ? $", at '{step}'" : "")}."
            : healthy ? $"'{name}' is {Word(record.State)}, and nothing needs doing." : next.Count > 0 ? $"'{name}' is {Word(record.State)}; {next.Count} things can be repaired."
            : advice.Count > 0 ? $"'{name}' is {Word(record.State)}. {advice[0]}" : $"'{name}' is {Word(record.State)}; sessions keep a gate from draining.";
        return new Diagnosis(healthy, summary, seen, next, blockers);
    }

    /// <inheritdoc />
    public async Task<Diagnosis> RepairAsync(string name, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        var did = new List<string>();
        using (unit.Runtime.Verbs.Enter(name, "repair"))
        {
            if (unit.Runtime.Record.Operation is { } operation)
            {
                await RepairOperationAsync(unit, operation, cancellationToken);
                did.Add($"{operation.Id} was brought to its end: '{unit.Runtime.Record.Backend(unit.Runtime.Record.Authoritative)}' is authoritative.");
            }

            foreach (var gate in await _environment.Topology.ListGatesAsync(cancellationToken))
            {
                if (gate.Value.Migration == name)
                {
                    var keeper = new GateKeeper(_environment, gate.Value.Id);
                    await keeper.AbandonAsync("It was left behind and repaired.", cancellationToken);
                    await keeper.RemoveAsync(cancellationToken);
                    did.Add($"The gate {gate.Value.Id} was removed.");
                }
            }

            if (unit.Runtime.Record is { Error: not null, Finished: null })
            {
                await unit.Runtime.HaltAsync(cancellationToken);
                await unit.Runtime.UpdateAsync(r => r with { Error = null, Remedy = null }, cancellationToken);
                await unit.Runtime.ResumeAsync(cancellationToken);
                did.Add("Replication was started again.");
            }
        }

        var after = await DiagnoseAsync(name, cancellationToken);
        return after with { Next = did };
    }

    private async Task RepairOperationAsync(MigrationUnit unit, OperationRecord operation, CancellationToken cancellationToken)
    {
        try
        {
            await FinishAsync(unit, operation, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException and not MigrationException)
        {
            throw MigrationException.Failed(
                "repair_failed", $"{operation.Id} could not be brought to its end: {string.Join(" ", e is AggregateException many ? many.InnerExceptions.Select(i => i.Message) : [e.Message])}",
                "Resolve the cause and run repair again.", e);
        }
    }

    private static string Word(MigrationState state) => state.ToString().ToLowerInvariant();
}
