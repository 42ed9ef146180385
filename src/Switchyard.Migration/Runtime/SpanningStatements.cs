using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// Judges a move of some tables by what applications really run: the statements, and the transactions, that use tables which move together with
/// tables which stay. No server would have both, so they would be refused after the switch.
/// </summary>
internal sealed class SpanningStatements(MigrationEnvironment environment)
{
    private const int MostReported = 100;

    private static readonly HashSet<string> s_system = new(StringComparer.OrdinalIgnoreCase) { "mysql", "sys", "information_schema", "performance_schema", "_switchyard" };

    /// <summary>The most frequent first.</summary>
    /// <exception cref="CutoverFailedException">The source did not list its tables.</exception>
    public async Task<IReadOnlyList<SpanningStatement>> FindAsync(MigrationRecord record, CancellationToken cancellationToken)
    {
        if (record.Authoritative != Side.Source || record.Finished is not null)
        {
            return [];
        }

        var observed = environment.Options.Observed.Read();
        var places = await PlacesAsync(record, observed, cancellationToken);
        var found = new List<SpanningStatement>();
        foreach (var statement in observed.Statements)
        {
            var (moves, stays) = Split(statement.Tables, places);
            if (moves.Count > 0 && stays.Count > 0)
            {
                found.Add(new SpanningStatement("statement", [statement.Text], moves, stays, statement.Count, statement.LastSeen));
            }
            else if (!statement.AreTablesKnown && record.Schemas.Any(s => !s.Whole && s.Name == statement.Schema))
            {
                found.Add(new SpanningStatement("unknown_tables", [statement.Text], moves, stays, statement.Count, statement.LastSeen));
            }
        }

        foreach (var transaction in observed.Transactions)
        {
            // Statements that span by themselves are listed above.
            var parts = transaction.Statements.Select(s => (s.Text, Sides: Split(s.Tables, places))).Where(p => p.Sides.Moves.Count == 0 || p.Sides.Stays.Count == 0).ToList();
            var moves = parts.SelectMany(p => p.Sides.Moves).Distinct(StringComparer.Ordinal).ToList();
            var stays = parts.SelectMany(p => p.Sides.Stays).Distinct(StringComparer.Ordinal).ToList();
            if (moves.Count > 0 && stays.Count > 0)
            {
                var statements = parts.Where(p => p.Sides.Moves.Count + p.Sides.Stays.Count > 0).Select(p => p.Text);
                found.Add(new SpanningStatement("transaction", [.. statements], moves, stays, transaction.Count, transaction.LastSeen));
            }
        }

        return [.. found.OrderByDescending(f => f.Count).Take(MostReported)];
    }

    /// <summary>In short, for who does not read them all.</summary>
    public static IEnumerable<Finding> Summarize(IReadOnlyList<SpanningStatement> spanning)
    {
        if (spanning.Count == 0)
        {
            yield break;
        }

        var (statements, transactions, unknown) = (Count("statement"), Count("transaction"), Count("unknown_tables"));
        var most = spanning[0];
        var what = most.Kind == "unknown_tables" ? "whose tables cannot be told" : $"which uses {string.Join(", ", most.Moves)} (moves) and {string.Join(", ", most.Stays)} (stays)";
        yield return Finding.Warning(
            "spans_backends",
            $"Of what applications have run through the proxy, {statements} kinds of statements and {transactions} of transactions use tables that move together with tables that stay"
            + $"{(unknown > 0 ? $", and {unknown} kinds of statements do not say which tables they use" : "")}; after the switch they would be refused. The most frequent was run {most.Count:N0} times: {most.Statements[0]}, {what}.",
            "Move these tables together, or change the application before the switch. `switchyard migration preflight` lists them all.");

        int Count(string kind) => spanning.Count(s => s.Kind == kind);
    }

    /// <summary>Of each table that statements name, whether it moves (true) or stays on the source (false); tables of neither kind are left out.</summary>
    private async Task<Dictionary<TableScope, bool>> PlacesAsync(MigrationRecord record, Observations observed, CancellationToken cancellationToken)
    {
        var routing = (await environment.Topology.GetRoutingAsync(cancellationToken)).Value;
        TableScope Fold(TableScope scope) => routing.IgnoreCase ? new TableScope(scope.Schema.ToUpperInvariant(), scope.Table?.ToUpperInvariant()) : scope;
        var scopes = RoutingRules.Scopes(record).Select(Fold).ToHashSet();
        var places = new Dictionary<TableScope, bool>();
        foreach (var schema in observed.Statements.SelectMany(s => s.Tables).Distinct().Where(t => !s_system.Contains(t.Schema)).GroupBy(t => t.Schema, StringComparer.Ordinal))
        {
            HashSet<string>? onSource = null;
            foreach (var table in schema)
            {
                if (scopes.Contains(Fold(table)) || scopes.Contains(Fold(table with { Table = null })))
                {
                    places[table] = true;
                }
                else if (routing.Resolve(table.Schema, table.Table!)?.Writer == record.Settings.Source)
                {
                    // Temporary tables, views and what a statement misspelled are not there.
                    onSource ??= new HashSet<string>(
                        await new ServerSteps(environment, record.Settings).ListTablesAsync(table.Schema, cancellationToken), routing.IgnoreCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);
                    if (onSource.Contains(table.Table!))
                    {
                        places[table] = false;
                    }
                }
            }
        }

        return places;
    }

    private static (List<string> Moves, List<string> Stays) Split(IEnumerable<TableScope> tables, Dictionary<TableScope, bool> places)
    {
        var (moves, stays) = (new List<string>(), new List<string>());
        foreach (var table in tables)
        {
            if (places.TryGetValue(table, out var goes))
            {
                (goes ? moves : stays).Add($"{table.Schema}.{table.Table}");
            }
        }

        return (moves, stays);
    }
}
