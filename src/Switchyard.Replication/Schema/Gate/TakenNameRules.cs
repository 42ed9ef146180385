using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>
/// Views, routines and events that a target has in a schema before it moves there as a whole. The source's of the same name would take their places: those that are not the same are somebody's.
/// </summary>
internal static class TakenNameRules
{
    private const int MostNamed = 10;

    internal static async Task<IReadOnlyList<GateFinding>> CheckAsync(GateSchema schema, BackendConnection source, BackendConnection target, CancellationToken cancellationToken)
    {
        if (!schema.IsWhole)
        {
            return [];
        }

        var there = await ReadAsync(target, schema.Name, cancellationToken).ConfigureAwait(false);
        if (there.Count == 0)
        {
            return [];
        }

        var here = await ReadAsync(source, schema.Name, cancellationToken).ConfigureAwait(false);
        string[] taken = [.. there.Where(t => here.TryGetValue(t.Key, out var text) && text != t.Value).Select(t => $"{t.Key.Kind} {schema.Name}.{t.Key.Name}").Order(StringComparer.Ordinal)];
        return taken.Length == 0 ? [] :
        [
            GateFinding.Refuse(
                "target_has_code", "target",
                $"The target already has {(taken.Length == 1 ? $"a {taken[0]}" : $"{taken.Length} views, routines and events of {schema.Name}, first the {taken[0]}")}, which {(taken.Length == 1 ? "is" : "are")} not what the source has under {(taken.Length == 1 ? "that name" : "those names")} and would be replaced.",
                $"Drop or rename what is there ({string.Join(", ", taken.Take(MostNamed))}{(taken.Length > MostNamed ? ", …" : "")}), or make it what the source has."),
        ];
    }

    private static async Task<Dictionary<(string Kind, string Name), string>> ReadAsync(BackendConnection server, string schema, CancellationToken cancellationToken)
    {
        var name = SqlText.QuoteString(schema);
        var rows = await server.QueryAsync(
            $"SELECT 'view', table_name, view_definition FROM information_schema.views WHERE table_schema={name} UNION ALL " +
            $"SELECT LOWER(routine_type), LOWER(routine_name), routine_definition FROM information_schema.routines WHERE routine_schema={name} UNION ALL " +
            $"SELECT 'event', LOWER(event_name), event_definition FROM information_schema.events WHERE event_schema={name}", cancellationToken).ConfigureAwait(false);
        return rows.Rows.ToDictionary(r => (r.GetString(0), r.GetString(1)), r => r.GetStringOrNull(2) ?? "");
    }
}
