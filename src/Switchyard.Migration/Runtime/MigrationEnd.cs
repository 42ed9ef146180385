using Switchyard.Faults;
using Switchyard.Replication.Schema;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// Brings <c>complete</c> and <c>cancel</c> to their ends, from wherever an earlier attempt has left them: each part looks at what is there. The servers' part is
/// done in steps that have limits (<see cref="ServerSteps"/>), the store's in the one transaction that ends the migration.
/// </summary>
internal sealed class MigrationEnd(MigrationEnvironment environment, MigrationRuntime runtime)
{
    // So many are dropped or renamed within the limit of a step, however large they are.
    private const int TablesInStep = 20;

    private readonly ServerSteps _steps = new(environment, runtime.Record.Settings);

    /// <returns>The new default backend; null when it stays what it was.</returns>
    /// <exception cref="CutoverFailedException">A server did not do its part.</exception>
    public async Task<string?> CompleteAsync(OperationRecord operation, CancellationToken cancellationToken)
    {
        var record = runtime.Record;
        await runtime.HaltAsync(cancellationToken);
        await FaultPoints.HitAsync("complete.streams.before", cancellationToken);
        await RemoveStreamsAsync(operation.SourceAbandoned ? [Direction.Forward] : [Direction.Forward, Direction.Reverse], cancellationToken);
        await FaultPoints.HitAsync("complete.tables.before", cancellationToken);
        switch (operation.SourceData)
        {
            case SourceData.Drop:
                await DropTablesAsync(Side.Source, cancellationToken);
                break;
            case SourceData.Rename:
                foreach (var tables in record.Tables.Chunk(TablesInStep))
                {
                    await _steps.RunAsync(Side.Source, $"rename {Some(tables)}", (side, token) => side.RenameTablesAsync(tables, token), cancellationToken);
                }

                break;
        }

        await FaultPoints.HitAsync("complete.commit.before", cancellationToken);
        var newDefault = operation.SourceAbandoned ? await DefaultWithoutSourceAsync(cancellationToken) : await NewDefaultAsync([], cancellationToken);
        if (newDefault is not null && !operation.SourceAbandoned)
        {
            await _steps.RunAsync(ServerSteps.Both, "show what its accounts are verified by", new AccountMemory(environment, record).KeepAsync, cancellationToken);
        }

        await FinalizeAsync(MigrationState.Completed, newDefault, cancellationToken);
        return newDefault;
    }

    /// <exception cref="CutoverFailedException">A server did not do its part.</exception>
    public async Task CancelAsync(OperationRecord operation, CancellationToken cancellationToken)
    {
        var record = runtime.Record;
        await runtime.HaltAsync(cancellationToken);
        await FaultPoints.HitAsync("cancel.streams.before", cancellationToken);
        if (operation.SourceAbandoned)
        {
            await RemoveStreamsAsync([Direction.Forward], cancellationToken);
        }
        else if (record.Started)
        {
            await RemoveStreamsAsync([Direction.Forward, Direction.Reverse], cancellationToken);
            await FaultPoints.HitAsync("cancel.tables.before", cancellationToken);
            await DropTablesAsync(Side.Target, cancellationToken);
            foreach (var schema in record.Schemas.Where(s => s.Whole))
            {
                await DropViewsAndRoutinesAsync(schema.Name, cancellationToken);
            }

            foreach (var schema in record.Schemas.Where(s => s.Sequences is { Count: > 0 }))
            {
                SchemaItem[] sequences = [.. schema.Sequences!.Select(s => new SchemaItem("SEQUENCE", schema.Name, s))];
                await _steps.RunAsync(Side.Target, $"drop the sequences of {schema.Name}", (side, token) => side.DropAsync(sequences, token), cancellationToken);
            }

            foreach (var schema in record.Schemas.Where(s => s.MadeHere))
            {
                await _steps.RunAsync(Side.Target, $"drop the schema {schema.Name}", (side, token) => side.DropSchemaIfEmptyAsync(schema.Name, token), cancellationToken);
            }
        }

        await FinalizeAsync(MigrationState.Cancelled, null, cancellationToken);
    }

    /// <summary>The target, if it can take the source's place for everything; null when the default backend stays what it is.</summary>
    /// <exception cref="CutoverFailedException">A server did not say what it holds.</exception>
    public async Task<string?> NewDefaultAsync(List<Finding> findings, CancellationToken cancellationToken)
    {
        var record = runtime.Record;
        var (source, target) = (record.Settings.Source, record.Settings.Target);
        var routing = (await environment.Topology.GetRoutingAsync(cancellationToken)).Value;
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

    /// <summary>The target, if the source was the default backend: what it alone had is lost with it, and clients are let in by the default backend.</summary>
    public async Task<string?> DefaultWithoutSourceAsync(CancellationToken cancellationToken) =>
        (await environment.Topology.GetRoutingAsync(cancellationToken)).Value.DefaultBackend == runtime.Record.Settings.Source ? runtime.Record.Settings.Target : null;

    /// <summary>Whether the target answers at all.</summary>
    /// <exception cref="CutoverFailedException">It does not.</exception>
    public Task ReachTargetAsync(CancellationToken cancellationToken) =>
        _steps.RunAsync(Side.Target, "let Switchyard in", (side, token) => side.ConnectAsync(token), cancellationToken);

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

        var moved = routing.Rules.Where(r => r.Table is null && r.Writer != source).Select(r => r.Schema).Concat(record.SchemaNames).ToHashSet(StringComparer.Ordinal);
        string? left = null;
        await _steps.RunAsync(
            Side.Source, "list its schemas", async (side, token) => left = (await side.ListSchemasAsync(token)).FirstOrDefault(s => !moved.Contains(s)), cancellationToken);
        if (left is not null)
        {
            return $"it holds the schema {left}, which no rule names";
        }

        string? unverifiable = null;
        await _steps.RunAsync(
            ServerSteps.Both, "show what its accounts are verified by",
            async token => unverifiable = (await new AccountMemory(environment, record).FindUnverifiableAsync(token)).FirstOrDefault(), cancellationToken);
        return unverifiable;
    }

    private async Task RemoveStreamsAsync(IReadOnlyList<Direction> directions, CancellationToken cancellationToken)
    {
        foreach (var direction in directions)
        {
            var spec = await runtime.SpecAsync(direction, cancellationToken);
            await _steps.RunAsync([direction.To], "remove Switchyard's own tables", token => environment.Engine.RemoveAsync(spec, token), cancellationToken);
        }

        environment.Applied.Reset(runtime.Name);
    }

    /// <summary>Triggers go with their tables; events do not.</summary>
    private async Task DropTablesAsync(Side where, CancellationToken cancellationToken)
    {
        var record = runtime.Record;
        foreach (var tables in record.Tables.Chunk(TablesInStep))
        {
            await _steps.RunAsync(where, $"drop {Some(tables)}", (side, token) => side.DropTablesAsync(tables, token), cancellationToken);
        }

        if (record.Handover.Events.Count > 0)
        {
            await _steps.RunAsync(where, "drop the events", async (side, token) =>
            {
                foreach (var definition in record.Handover.Events)
                {
                    await side.DropEventAsync(definition, token);
                }
            }, cancellationToken);
        }
    }

    private async Task DropViewsAndRoutinesAsync(string schema, CancellationToken cancellationToken)
    {
        IReadOnlyList<SchemaItem> items = [];
        await _steps.RunAsync(Side.Source, $"list the views and routines of {schema}", async (side, token) => items = await side.ListViewsAndRoutinesAsync(schema, token), cancellationToken);
        if (items.Count > 0)
        {
            await _steps.RunAsync(Side.Target, $"drop the views and routines of {schema}", (side, token) => side.DropAsync(items, token), cancellationToken);
        }
    }

    private Task FinalizeAsync(MigrationState state, string? newDefault, CancellationToken cancellationToken) =>
        runtime.UpdateWithRulesAsync(
            r => r with { Finished = state, Operation = null, Error = null, Remedy = null, Reads = null }, (table, record) => RoutingRules.Without(table, record, newDefault), cancellationToken);

    private static string Some(TableName[] tables) => tables.Length == 1 ? $"{tables[0]}" : $"{tables.Length} tables beginning with {tables[0]}";
}
