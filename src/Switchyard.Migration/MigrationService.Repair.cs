using Switchyard.Topology;

namespace Switchyard.Migration;

public sealed partial class MigrationService
{
    /// <inheritdoc />
    public Task<Diagnosis> DiagnoseAsync(string name, CancellationToken cancellationToken) => new Diagnostician(_environment, Unit(name)).DiagnoseAsync(cancellationToken);

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
                did.Add($"{operation.Id} was {(IsPast(operation) ? "brought to its end" : "taken back")}: '{unit.Runtime.Record.Backend(unit.Runtime.Record.Authoritative)}' is authoritative.");
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
                await unit.Runtime.WaitForStreamAsync(_environment.Options.ConnectLimit, cancellationToken);
                did.Add("Replication was started again.");
            }
        }

        var after = await DiagnoseAsync(name, cancellationToken);
        return after with { Next = did };
    }

    /// <summary>Half done, it can only be brought to its end.</summary>
    private static bool IsPast(OperationRecord operation) => operation.Flipped || operation.Kind is OperationKind.Complete or OperationKind.Cancel;

    private static string Describe(Exception error) => string.Join(" ", error is AggregateException many ? many.InnerExceptions.Select(i => i.Message) : [error.Message]);

    private async Task RepairOperationAsync(MigrationUnit unit, OperationRecord operation, CancellationToken cancellationToken)
    {
        try
        {
            await FinishAsync(unit, operation, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException and not MigrationException)
        {
            throw MigrationException.Failed(
                "repair_failed", $"{operation.Id} could not be {(IsPast(operation) ? "brought to its end" : "taken back")}: {Describe(e)}",
                e is CutoverFailedException { Remedy: var remedy } ? $"{remedy} Then run repair again." : "Resolve the cause and run repair again.", e);
        }
    }
}
