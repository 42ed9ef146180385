using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Routing;

/// <summary>
/// The views of schemas of which only some tables are migrated: there a view may show tables of another backend than its own name is routed to.
/// Schemas migrated whole are never looked up. Safe from any thread.
/// </summary>
internal sealed class ViewCatalog(BackendProfiles profiles, TimeProvider time, CancellationToken stopping)
{
    /// <summary>How long a schema's views are taken to be as they were read; a DDL statement through this proxy ends it at once.</summary>
    private static readonly TimeSpan s_keep = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, Entry> _schemas = new(StringComparer.OrdinalIgnoreCase);
    private Split? _split;

    /// <summary>Schemas of which rules or held gates name single tables; empty as a rule.</summary>
    public ImmutableHashSet<string> SplitSchemas(TopologyState topology)
    {
        var split = Volatile.Read(ref _split);
        if (split is null || !ReferenceEquals(split.Routing, topology.Routing) || split.Gates != topology.HeldGates)
        {
            var names = topology.Routing.Rules.Where(rule => rule.Table is not null).Select(rule => rule.Schema)
                .Concat(topology.HeldGates.SelectMany(gate => gate.Scopes).Where(scope => scope.Table is not null).Select(scope => scope.Schema));
            split = new Split(topology.Routing, topology.HeldGates, names.ToImmutableHashSet(StringComparer.OrdinalIgnoreCase));
            Volatile.Write(ref _split, split);
        }

        return split.Schemas;
    }

    /// <summary>Reads what a statement's routing needs to know; returns at once when that is known or nothing is split.</summary>
    public ValueTask EnsureAsync(StatementInfo info, string? schema, TopologyState topology, CancellationToken cancellationToken)
    {
        var split = SplitSchemas(topology);
        return split.IsEmpty || info.Tables.IsEmpty ? ValueTask.CompletedTask : new ValueTask(EnsureAllAsync(split, topology, cancellationToken));
    }

    public void Forget(string schema) => _schemas.TryRemove(schema, out _);

    /// <summary>Replaces views by their tables. A schema whose views are not known makes the statement's tables unknown.</summary>
    public StatementTables Expand(ImmutableArray<TableReference> tables, string? schema, bool areKnown)
    {
        var split = Volatile.Read(ref _split)?.Schemas;
        if (split is null || split.IsEmpty)
        {
            return new StatementTables(tables, areKnown);
        }

        var expanded = ImmutableArray.CreateBuilder<TableReference>();
        foreach (var table in tables)
        {
            if ((table.Schema ?? schema) is not { } name || !split.Contains(name))
            {
                expanded.Add(table);
            }
            else if (Known(name) is not { } views)
            {
                expanded.Add(table);
                areKnown = false;
            }
            else if (views.TryGetValue(table.Name, out var below))
            {
                expanded.AddRange(below.Tables.Select(inner => inner with { Schema = inner.Schema ?? name, Access = table.Access }));
                areKnown &= below.AreKnown;
            }
            else
            {
                expanded.Add(table);
            }
        }

        return new StatementTables(expanded.ToImmutable(), areKnown);
    }

    private Dictionary<string, StatementTables>? Known(string schema) =>
        _schemas.TryGetValue(schema, out var entry) && entry.Reading.IsCompletedSuccessfully ? entry.Reading.Result : null;

    private async Task EnsureAllAsync(ImmutableHashSet<string> split, TopologyState topology, CancellationToken cancellationToken)
    {
        foreach (var schema in split)
        {
            var entry = _schemas.GetOrAdd(schema, static (name, arguments) => arguments.self.Begin(name, arguments.topology), (self: this, topology));
            if (entry.Reading.IsCompleted && time.GetElapsedTime(entry.At) > s_keep)
            {
                var fresh = Begin(schema, topology);
                entry = _schemas.TryUpdate(schema, fresh, entry) ? fresh : _schemas.GetValueOrDefault(schema, fresh);
            }

            try
            {
                await entry.Reading.WaitAsync(cancellationToken);
            }
            catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException)
            {
                // Unknown then: the statement counts as touching everything.
            }
        }
    }

    private Entry Begin(string schema, TopologyState topology) =>
        new(time.GetTimestamp(), ReadAsync(schema, StatementRouter.HomeOf(schema, topology.Routing) ?? ""));

    private async Task<Dictionary<string, StatementTables>> ReadAsync(string schema, string backend)
    {
        await Task.Yield();
        var profile = await profiles.GetAsync(backend, stopping);
        await using var connection = await BackendConnection.OpenAsync(profile.Options with { Schema = null }, stopping);
        var rows = await connection.QueryAsync(
            $"SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = {SqlText.QuoteString(schema)}", stopping);
        var definitions = new Dictionary<string, StatementInfo>(StringComparer.OrdinalIgnoreCase);
        for (var row = 0; row < rows.RowCount; row++)
        {
            definitions[rows.GetString(row, 0)] = SqlScanner.Scan(Encoding.UTF8.GetBytes(rows.GetStringOrNull(row, 1) ?? ""), profile.ScanOptions);
        }

        return definitions.Keys.ToDictionary(name => name, name => Below(name, schema, definitions), StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>All base tables below a view, through views of views of the same schema.</summary>
    private static StatementTables Below(string view, string schema, Dictionary<string, StatementInfo> definitions)
    {
        var tables = ImmutableArray.CreateBuilder<TableReference>();
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { view };
        var toVisit = new Queue<StatementInfo>([definitions[view]]);
        var areKnown = true;
        while (toVisit.TryDequeue(out var definition))
        {
            areKnown &= definition is { TablesKnown: true, Kind: not StatementKind.Empty };
            foreach (var table in definition.Tables)
            {
                var isHere = table.Schema is null || table.Schema.Equals(schema, StringComparison.OrdinalIgnoreCase);
                if (!isHere || !definitions.TryGetValue(table.Name, out var inner))
                {
                    tables.Add(table);
                }
                else if (seen.Add(table.Name))
                {
                    toVisit.Enqueue(inner);
                }
            }
        }

        return new StatementTables(tables.ToImmutable(), areKnown);
    }

    private sealed record Entry(long At, Task<Dictionary<string, StatementTables>> Reading);

    private sealed record Split(RoutingTable Routing, ImmutableArray<Gate> Gates, ImmutableHashSet<string> Schemas);
}
