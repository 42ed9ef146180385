using System.Text.RegularExpressions;
using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>
/// Views, triggers, events and routines of schemas nothing is moved of that use what is. The proxy sees through views and routines; a trigger or an event runs
/// on its own server whatever the proxy does. Looked for by names written with their schema, as they must be from another one.
/// </summary>
internal static class OutsideRules
{
    private const string NotOurs = "'mysql', 'sys', 'information_schema', 'performance_schema', '_switchyard'";

    internal static async Task<IReadOnlyList<GateFinding>> CheckAsync(
        IReadOnlyList<GateSchema> schemas, IReadOnlyCollection<TableName> chosen, BackendConnection source, CancellationToken cancellationToken)
    {
        var findings = new List<GateFinding>();
        var inside = string.Join(", ", schemas.Select(s => SqlText.QuoteString(s.Name)));
        foreach (var schema in schemas)
        {
            var names = chosen.Where(t => t.Schema == schema.Name).Select(t => t.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
            if (schema.IsWhole)
            {
                names.UnionWith(await ReadNamesAsync(source, schema.Name, cancellationToken).ConfigureAwait(false));
            }

            var uses = new Uses(schema.Name, names);
            foreach (var row in await FindAsync("views", "table_schema", "table_name", "view_definition", "''").ConfigureAwait(false))
            {
                if (uses.First(row.Body) is { } used)
                {
                    findings.Add(GateFinding.Warn(
                        "view_in", row.Name, $"The view {row.Name}, which is not moved, shows {used}, which is. After the switch statements that use it go to the target.",
                        $"Make it on the target too before the switch, with the same definition, or move {row.Schema} as well."));
                }
            }

            foreach (var row in await FindAsync("triggers", "trigger_schema", "trigger_name", "action_statement", "event_object_table").ConfigureAwait(false))
            {
                if (uses.First(row.Body) is { } used)
                {
                    findings.Add(GateFinding.Refuse(
                        "trigger_in", row.Name,
                        $"The trigger {row.Name} of {row.Schema}.{row.Detail}, which is not moved, uses {used}, which is. After the switch it would go on with the source's, which nobody else writes.",
                        $"Move {row.Schema} too, or drop the trigger."));
                }
            }

            foreach (var row in await FindAsync("events", "event_schema", "event_name", "event_definition", "status").ConfigureAwait(false))
            {
                if (row.Detail.Equals("ENABLED", StringComparison.OrdinalIgnoreCase) && uses.First(row.Body) is { } used)
                {
                    findings.Add(GateFinding.Refuse(
                        "event_in", row.Name, $"The event {row.Name}, which is not moved, uses {used}, which is. After the switch it would go on with the source's, which nobody else writes.",
                        $"Move {row.Schema} too, or make the event one of {schema.Name}."));
                }
            }

            foreach (var row in await FindAsync("routines", "routine_schema", "routine_name", "routine_definition", "routine_type").ConfigureAwait(false))
            {
                if (uses.First(row.Body) is { } used)
                {
                    findings.Add(GateFinding.Warn(
                        "routine_in", row.Name,
                        $"The {row.Detail.ToLowerInvariant()} {row.Name}, which is not moved, uses {used}, which is. After the switch its calls go to the target, and are refused if it uses tables that stay as well.",
                        $"Make it on the target too before the switch, or move {row.Schema} as well."));
                }
            }

            async Task<IReadOnlyList<Outside>> FindAsync(string view, string schemaColumn, string nameColumn, string bodyColumn, string detailColumn)
            {
                var rows = await source.QueryAsync(
                    $"SELECT {schemaColumn} AS s, {nameColumn} AS n, {bodyColumn} AS b, {detailColumn} AS d FROM information_schema.{view} "
                    + $"WHERE {schemaColumn} NOT IN ({inside}, {NotOurs}) AND LOCATE({SqlText.QuoteString(schema.Name)}, {bodyColumn}) > 0", cancellationToken).ConfigureAwait(false);
                return [.. rows.Rows.Select(r => new Outside(r.GetString("s"), $"{r.GetString("s")}.{r.GetString("n")}", r.GetString("b"), r.GetString("d")))];
            }
        }

        return findings;
    }

    private static async Task<IReadOnlyList<string>> ReadNamesAsync(BackendConnection source, string schema, CancellationToken cancellationToken)
    {
        var name = SqlText.QuoteString(schema);
        var rows = await source.QueryAsync(
            $"SELECT table_name AS n FROM information_schema.tables WHERE table_schema = {name} UNION SELECT routine_name FROM information_schema.routines WHERE routine_schema = {name}",
            cancellationToken).ConfigureAwait(false);
        return [.. rows.Rows.Select(r => r.GetString("n"))];
    }

    private readonly record struct Outside(string Schema, string Name, string Body, string Detail);

    /// <summary>Looks for a schema's names in definitions.</summary>
    private sealed class Uses(string schema, IReadOnlySet<string> names)
    {
        private readonly Regex _qualified = new(
            $"""(?<![\w$`".])[`"]?{Regex.Escape(schema)}[`"]?\s*\.\s*(?:[`"](?<n>[^`"]+)[`"]|(?<n>[\w$]+))""", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant);

        public string? First(string body) =>
            _qualified.Matches(body).Select(m => m.Groups["n"].Value).FirstOrDefault(names.Contains) is { } name ? $"{schema}.{name}" : null;
    }
}
