using System.Text.RegularExpressions;

namespace Switchyard.Migration;

/// <summary>
/// What schemas that move as a whole have got, or changed of their routines, since the migration was created. It is not replicated, and the proxy sends statements on it to the other side after the switch, like all
/// others of the schema.
/// </summary>
internal sealed partial class LeftOut(ServerSteps steps, MigrationRecord record, ViewMemory views, IReadOnlyList<string> leaveOut)
{
    private const string Table = "TABLE";
    private const int MostNamed = 5;

    private string FromName => record.Backend(record.Direction.From);

    private string ToName => record.Backend(record.Direction.To);

    /// <exception cref="CutoverFailedException">A server did not say what it has.</exception>
    public async Task<IReadOnlyList<Finding>> FindAsync(IServerSide from, IServerSide to, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        foreach (var schema in record.Schemas.Where(s => s.Whole))
        {
            var here = await ListAsync(record.Direction.From, from, schema, cancellationToken);
            var there = (await ListAsync(record.Direction.To, to, schema, cancellationToken)).Select(Key).ToHashSet(StringComparer.OrdinalIgnoreCase);
            findings.AddRange(Judge(schema, here, there));
            if (await FindChangedAsync(from, to, schema, cancellationToken) is { Count: > 0 } changed)
            {
                findings.Add(Finding.Warning(
                    "routine_changed", $"'{FromName}' has changed {Names(changed)} since {(changed.Count == 1 ? "it was" : "they were")} copied; '{ToName}' has {Them(changed)} as {(changed.Count == 1 ? "it was" : "they were")}.", $"Make {Them(changed)} on '{ToName}' as SHOW CREATE prints {Them(changed)} on '{FromName}'."));
            }

            if (await FindChangedViewsAsync(from, to, schema, cancellationToken) is { Count: > 0 } others)
            {
                findings.Add(Finding.Warning(
                    "view_changed", $"'{FromName}' has changed {Names(others)} since {(others.Count == 1 ? "it was" : "they were")} copied, which '{ToName}' was not told of.", $"Make {Them(others)} on '{ToName}' as SHOW CREATE prints {Them(others)} on '{FromName}', unless that is done."));
            }

            if (await FindOtherDefinersAsync(from, to, schema, cancellationToken) is { Count: > 0 } lent)
            {
                findings.Add(Finding.Warning(
                    "definer_differs", $"On '{ToName}', {Names(lent)} {(lent.Count == 1 ? "runs" : "run")} as another account than on '{FromName}', which '{ToName}' did not have when {(lent.Count == 1 ? "it was" : "they were")} copied.",
                    (record.Authoritative == Side.Source ? $"Copy that account with `switchyard migration accounts copy {record.Name} --accounts USER@HOST`, which makes {Them(lent)} run as it; or make" : "Make")
                    + $" {Them(lent)} on '{ToName}' as SHOW CREATE prints {Them(lent)} on '{FromName}', once the account is there."));
            }
        }

        return findings;
    }

    /// <summary>Nor are views followed.</summary>
    private async Task<IReadOnlyList<SchemaItem>> FindChangedViewsAsync(IServerSide from, IServerSide to, MigratedSchema schema, CancellationToken cancellationToken)
    {
        Task<IReadOnlyList<(SchemaItem View, string Text)>> TextsAsync(Side side, IServerSide server) =>
            steps.AskAsync([side], $"show the views of {schema.Name}", token => server.ListViewTextsAsync(schema.Name, token), cancellationToken);

        var here = await TextsAsync(record.Direction.From, from);
        var changed = await views.FindChangedAsync(record.Direction.From, here, cancellationToken);
        if (changed.Count == 0)
        {
            return [];
        }

        var there = (await TextsAsync(record.Direction.To, to)).ToDictionary(v => Key(v.View), v => v.Text, StringComparer.OrdinalIgnoreCase);
        var texts = here.ToDictionary(v => v.View, v => v.Text);
        return [.. changed.Where(v => there.TryGetValue(Key(v), out var text) && text != texts[v])];
    }

    private async Task<IReadOnlyList<SchemaItem>> FindOtherDefinersAsync(IServerSide from, IServerSide to, MigratedSchema schema, CancellationToken cancellationToken)
    {
        Task<IReadOnlyList<(SchemaItem Item, string Definer)>> ListAsync(Side side, IServerSide server) =>
            steps.AskAsync([side], $"show whom the views and routines of {schema.Name} run as", token => server.ListDefinersAsync(schema.Name, token), cancellationToken);

        var there = (await ListAsync(record.Direction.To, to)).ToDictionary(d => Key(d.Item), d => d.Definer, StringComparer.OrdinalIgnoreCase);
        return [.. (await ListAsync(record.Direction.From, from)).Where(d => there.TryGetValue(Key(d.Item), out var definer) && definer != d.Definer).Select(d => d.Item)];
    }

    /// <summary>Definitions of routines are not followed. One that only the translation made another text was not changed since.</summary>
    private async Task<IReadOnlyList<SchemaItem>> FindChangedAsync(IServerSide from, IServerSide to, MigratedSchema schema, CancellationToken cancellationToken)
    {
        var since = (record.Authoritative == Side.Source ? record.SchemaCopiedAt ?? record.CopyStartedAt : record.SwitchedAt) ?? record.CreatedAt;
        Task<IReadOnlyList<RoutineBody>> BodiesAsync(Side side, IServerSide server) =>
            steps.AskAsync([side], $"show the routines of {schema.Name}", token => server.ListRoutineBodiesAsync(schema.Name, token), cancellationToken);

        // A server tells whole seconds.
        var here = (await BodiesAsync(record.Direction.From, from)).Where(r => r.ChangedAt.AddSeconds(1) > since).ToList();
        if (here.Count == 0)
        {
            return [];
        }

        var there = (await BodiesAsync(record.Direction.To, to)).ToDictionary(r => Key(r.Item), r => r.Body, StringComparer.OrdinalIgnoreCase);
        return [.. here.Where(r => there.TryGetValue(Key(r.Item), out var body) && body != r.Body).Select(r => r.Item)];
    }

    private IEnumerable<Finding> Judge(MigratedSchema schema, IReadOnlyList<SchemaItem> here, HashSet<string> there)
    {
        bool IsThere(SchemaItem item) => there.Contains(Key(item));
        var made = here.Where(i => i.Kind == Table && !schema.Tables.Contains(i.Name, StringComparer.OrdinalIgnoreCase) && !IsOfATool(schema, i.Name)).ToList();
        if (made.Where(i => !IsThere(i) && IsToStay(i)).ToList() is { Count: > 0 } staying)
        {
            yield return Finding.Warning(
                "table_left_out", $"{Names(staying)} {(staying.Count == 1 ? "stays" : "stay")} on '{FromName}' alone, as asked for: statements on {Them(staying)} go to '{ToName}' afterwards and fail there.", "");
        }

        if (made.Where(i => !IsThere(i) && !IsToStay(i)).ToList() is { Count: > 0 } missing)
        {
            var what = $"'{FromName}' has {Names(missing)}, which {(missing.Count == 1 ? "was" : "were")} not there when the migration was created: not replicated, and not on '{ToName}', where statements on {Them(missing)} go after the {(record.Authoritative == Side.Source ? "switch" : "way back")}.";
            yield return record.Authoritative == Side.Source
                ? Finding.Error("table_not_migrated", what, $"Take {Them(missing)} in with `switchyard migration add-table {record.Name} {string.Join(' ', missing.Take(MostNamed).Select(i => $"{i.Schema}.{i.Name}"))}`, which copies {Them(missing)} beside the others; or make {Them(missing)} on '{ToName}' with what {(missing.Count == 1 ? "it holds" : "they hold")}; or drop {Them(missing)}, or pass --leave-out, if the application can do without.")
                : Finding.Warning("table_not_migrated", what, $"Make {Them(missing)} on '{ToName}' with what {(missing.Count == 1 ? "it holds" : "they hold")}, if the application needs {Them(missing)}.");
        }

        if (made.Where(IsThere).ToList() is { Count: > 0 } unfollowed)
        {
            yield return Finding.Warning(
                "table_not_migrated", $"{Names(unfollowed)} {(unfollowed.Count == 1 ? "is" : "are")} on '{FromName}' and on '{ToName}' and no part of the migration: nothing keeps {Them(unfollowed)} alike.", $"See to it that '{ToName}' has the rows.");
        }

        if (here.Where(i => i.Kind != Table && !IsThere(i)).ToList() is { Count: > 0 } objects)
        {
            yield return Finding.Warning("object_not_there", $"'{ToName}' does not have {Names(objects)} of '{FromName}'.", $"Make {Them(objects)} on '{ToName}' before, if the application needs {Them(objects)}.");
        }
    }

    private Task<IReadOnlyList<SchemaItem>> ListAsync(Side side, IServerSide server, MigratedSchema schema, CancellationToken cancellationToken) => steps.AskAsync<IReadOnlyList<SchemaItem>>(
        [side], $"list what is in {schema.Name}", async token => [.. await server.ListTablesAsync(schema.Name, token), .. await server.ListViewsAndRoutinesAsync(schema.Name, token)], cancellationToken);

    private bool IsToStay(SchemaItem table) => leaveOut.Contains($"{table.Schema}.{table.Name}") || (record.Schemas.Count == 1 && leaveOut.Contains(table.Name));

    /// <summary>What gh-ost and pt-online-schema-change make beside a table, and leave behind.</summary>
    private static bool IsOfATool(MigratedSchema schema, string name) => OfATool().Match(name) is { Success: true } match && schema.Tables.Contains(match.Groups["table"].Value, StringComparer.OrdinalIgnoreCase);

    private static string Key(SchemaItem item) => $"{item.Kind} {item.Name}";

    private static string Them(IReadOnlyList<SchemaItem> items) => items.Count == 1 ? "it" : "them";

    private static string Names(IReadOnlyList<SchemaItem> items) =>
        $"{string.Join(", ", items.Take(MostNamed).Select(i => $"the {i.Kind.ToLowerInvariant()} {i.Schema}.{i.Name}"))}{(items.Count > MostNamed ? $" and {items.Count - MostNamed} more" : "")}";

    [GeneratedRegex("^_+(?<table>.+?)(?:_[0-9]{14})?_(?:gho|ghc|del|new|old)(?:_[A-Za-z0-9]+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex OfATool();
}
