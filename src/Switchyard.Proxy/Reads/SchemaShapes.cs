using System.Collections.Concurrent;
using Switchyard.Client;
using Switchyard.Proxy.Backends;

namespace Switchyard.Proxy.Reads;

/// <summary>
/// What writing a table changes besides: tables its foreign keys cascade to. Unknown (a trigger, a view, a schema not read yet) counts as
/// everything. Read from the source in the background; a DDL statement makes it unknown again. Safe from any thread.
/// </summary>
internal sealed class SchemaShapes(BackendProfiles profiles, string backend, bool ignoreCase, CancellationToken stopping)
{
    private readonly ConcurrentDictionary<string, Task<Shape?>> _schemas = new(ignoreCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);

    /// <summary>The tables a write to this one changes, itself included; null for possibly all.</summary>
    public IReadOnlyCollection<string>? ClosureOf(string schema, string table) =>
        Of(schema) is { } shape && shape.Closures.TryGetValue(table, out var closure) ? closure : null;

    /// <summary>True when the name is a base table for certain; a view reads other tables.</summary>
    public bool IsBaseTable(string schema, string table) => Of(schema) is { } shape && shape.Closures.ContainsKey(table);

    public void ForgetAll() => _schemas.Clear();

    private Shape? Of(string schema)
    {
        var reading = _schemas.GetOrAdd(schema, static (name, self) => self.ReadAsync(name), this);
        return reading.IsCompletedSuccessfully ? reading.Result : null;
    }

    private async Task<Shape?> ReadAsync(string schema)
    {
        await Task.Yield();
        try
        {
            var profile = await profiles.GetAsync(backend, stopping);
            await using var connection = await BackendConnection.OpenAsync(profile.Options with { Schema = null }, stopping);
            var name = SqlText.QuoteString(schema);
            var tables = await connection.QueryAsync(
                $"SELECT table_name FROM information_schema.tables WHERE table_schema = {name} AND table_type = 'BASE TABLE'", stopping);
            var cascades = await connection.QueryAsync(
                "SELECT referenced_table_name, table_name, unique_constraint_schema, constraint_schema FROM information_schema.referential_constraints"
                + $" WHERE unique_constraint_schema = {name} AND NOT (update_rule IN ('RESTRICT', 'NO ACTION') AND delete_rule IN ('RESTRICT', 'NO ACTION'))", stopping);
            var triggers = await connection.QueryAsync(
                $"SELECT DISTINCT event_object_table FROM information_schema.triggers WHERE event_object_schema = {name}", stopping);
            return Shape.Build(
                Column(tables, 0),
                [.. Enumerable.Range(0, cascades.RowCount).Select(row => (cascades.GetString(row, 0), cascades.GetString(row, 1), cascades.GetString(row, 2) == cascades.GetString(row, 3)))],
                Column(triggers, 0),
                ignoreCase);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or OperationCanceledException or FormatException)
        {
            // Unknown counts as everything: reads wait for more than they need, and nothing is missed.
            _schemas.TryRemove(schema, out _);
            return null;
        }
    }

    private static List<string> Column(QueryResult result, int column) =>
        [.. Enumerable.Range(0, result.RowCount).Select(row => result.GetString(row, column))];

    /// <summary>Closures of one schema's tables; a null closure is everything.</summary>
    private sealed record Shape(Dictionary<string, IReadOnlyCollection<string>?> Closures)
    {
        public static Shape Build(List<string> tables, List<(string Parent, string Child, bool SameSchema)> cascades, List<string> triggered, bool ignoreCase)
        {
            var names = ignoreCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;
            var children = cascades.ToLookup(cascade => cascade.Parent, names);
            var hasTrigger = new HashSet<string>(triggered, names);
            var closures = new Dictionary<string, IReadOnlyCollection<string>?>(names);
            foreach (var table in tables)
            {
                var closure = new HashSet<string>(names) { table };
                var toVisit = new Queue<string>([table]);
                var isKnown = true;
                while (isKnown && toVisit.TryDequeue(out var next))
                {
                    isKnown = !hasTrigger.Contains(next);
                    foreach (var (_, child, sameSchema) in children[next])
                    {
                        isKnown &= sameSchema;
                        if (closure.Add(child))
                        {
                            toVisit.Enqueue(child);
                        }
                    }
                }

                closures[table] = isKnown ? closure : null;
            }

            return new Shape(closures);
        }
    }
}
