using Spectre.Console;
using Spectre.Console.Rendering;
using Switchyard.Migration;

namespace Switchyard.Cli.Rendering;

/// <summary>A migration for people.</summary>
internal static class MigrationText
{
    /// <summary>Of many tables so many are shown.</summary>
    public const int MostTables = 30;

    public static void List(IAnsiConsole console, IReadOnlyList<MigrationSummary> migrations)
    {
        if (migrations.Count == 0)
        {
            console.WriteLine("There are no migrations. Make one: switchyard migration create NAME --source B --target B --schema S");
            return;
        }

        var table = NewTable("NAME", "STATE", "FROM", "TO", "SCHEMA", "TABLES", "WRITES", "LAG");
        foreach (var migration in migrations)
        {
            table.AddRow(
                Markup.Escape(migration.Name),
                State(migration.State),
                Markup.Escape(migration.Source),
                Markup.Escape(migration.Target),
                Markup.Escape(migration.Schema),
                $"{migration.Tables}",
                Markup.Escape(migration.Writes),
                Lag(migration.LagSeconds));
        }

        console.Write(table);
        foreach (var migration in migrations.Where(migration => migration.Error is not null))
        {
            console.MarkupLine($"[red]{Markup.Escape(migration.Name)}: {Markup.Escape(migration.Error!)}[/]");
        }
    }

    public static void Status(IAnsiConsole console, MigrationStatus status) => console.Write(Status(status));

    /// <summary>The whole status as one block, so that a live display can redraw it.</summary>
    /// <param name="status">What to show.</param>
    /// <param name="mostTables">How many tables are shown one by one.</param>
    public static IRenderable Status(MigrationStatus status, int mostTables = MostTables)
    {
        var lines = new List<IRenderable>
        {
            new Markup($"[bold]{Markup.Escape(status.Name)}[/]  {State(status.State)}  {Markup.Escape(status.Schema)}: {Markup.Escape(status.Source)} → {Markup.Escape(status.Target)}"
                + (status.Operation is { } operation ? $"  [yellow]{Markup.Escape(operation)}[/]" : "")),
            new Markup($"writes at [bold]{Markup.Escape(status.Writes)}[/], reads at [bold]{Markup.Escape(status.Reads)}[/]"
                + (status.ReadPercent < 100 && status.Reads != status.Writes ? $" ({status.ReadPercent} % of sessions)" : "")),
        };
        if (status.Copy is { } copy)
        {
            lines.Add(new Markup(Copy(copy)));
        }

        if (status.Throttle is { Reason: { } reason, State: var held })
        {
            lines.Add(new Markup($"[yellow]{Markup.Escape(held)}[/]: {Markup.Escape(reason)}"));
        }

        if (status.State is MigrationState.Copying or MigrationState.Created or MigrationState.Stopped or MigrationState.Error)
        {
            lines.Add(Tables(status.Tables, mostTables));
        }
        else
        {
            lines.Add(new Text($"{status.Tables.Count} {(status.Tables.Count == 1 ? "table" : "tables")}"));
        }

        AddStream(lines, "stream", status.Stream, status.Error);
        AddStream(lines, "reverse", status.Reverse, status.Error);
        if (status.Diff is { State: not "none" } diff)
        {
            lines.Add(new Markup($"diff     {DiffLine(diff)}"));
        }

        if (status.Validation is { } validation)
        {
            lines.AddRange(ValidationText.Lines(validation));
        }

        foreach (var finding in status.Findings.Where(f => f.Severity != FindingSeverity.Information))
        {
            lines.Add(new Markup($"[yellow]{Markup.Escape(finding.What)}[/] {Markup.Escape(finding.Remedy)}"));
        }

        if (status.ForeignWrites > 0)
        {
            lines.Add(new Markup($"[yellow]{status.ForeignWrites:N0} writes of others on the side that follows.[/] `switchyard migration diagnose {Markup.Escape(status.Name)}` lists them."));
        }

        if (status.Error is { } error)
        {
            lines.Add(new Markup($"[red]{Markup.Escape(error)}[/]"));
            lines.Add(new Markup(Markup.Escape(status.Remedy ?? "")));
        }

        return new Rows(lines);
    }

    public static void Details(IAnsiConsole console, MigrationDetails details)
    {
        Status(console, details.Status);
        var settings = details.Settings;
        console.MarkupLine($"[grey]on-ddl {settings.OnDdl}, deferred keys {(settings.DeferSecondaryKeys ? "yes" : "no")}, copy threads {settings.CopyThreads?.ToString() ?? "default"}, apply threads {settings.ApplyThreads?.ToString() ?? "default"}; created {details.Status.CreatedAt:u}[/]");
        if (details.Journal.Count == 0)
        {
            return;
        }

        var table = NewTable("AT", "OPERATION", "STEP", "EVENT", "DETAIL");
        foreach (var line in details.Journal)
        {
            table.AddRow($"{line.At:u}", Markup.Escape(line.Operation), Markup.Escape(line.Step), Markup.Escape(line.Event), Markup.Escape(line.Detail));
        }

        console.Write(table);
    }

    public static void Preflight(IAnsiConsole console, PreflightReport report)
    {
        ErrorText.Findings(console, report.Findings);
        foreach (var spanning in report.Spanning)
        {
            var tables = spanning.Kind == "unknown_tables" ? "tables cannot be told" : $"moves: {string.Join(", ", spanning.Moves)}; stays: {string.Join(", ", spanning.Stays)}";
            console.MarkupLine($"[yellow]{Markup.Escape(spanning.Kind.Replace('_', ' '))}[/], {spanning.Count:N0} times, last {spanning.LastSeen:u} ({Markup.Escape(tables)})");
            foreach (var statement in spanning.Statements)
            {
                console.MarkupLine($"  {Markup.Escape(statement)}");
            }
        }

        console.MarkupLine(report.Ok ? "[green]Nothing stands in the way.[/]" : "[red]It cannot be done as things are.[/]");
    }

    public static string DiffLine(DiffStatus diff)
    {
        var result = diff.State switch
        {
            "running" => $"[yellow]comparing[/] {diff.Progress:P0}",
            "clean" => "[green]clean[/]",
            _ => $"[red]{Markup.Escape(diff.State)}[/]",
        };
        return $"{result}, {diff.Rows:N0} rows, {diff.Differences:N0} differences"
            + (diff.FinishedAt is { } at ? $", {at:u}" : "")
            + (diff.Error is { } error ? $" {Markup.Escape(error)}" : "");
    }

    public static FittingTable NewTable(params string[] columns) => new(columns);

    /// <summary>Of many lines a screenful: those that matter most, in the order they came in; and all others.</summary>
    /// <param name="lines">All.</param>
    /// <param name="most">So many.</param>
    /// <param name="rank">The lowest matter most.</param>
    public static (IReadOnlyList<T> Shown, IReadOnlyList<T> Others) Foremost<T>(IReadOnlyList<T> lines, int most, Func<T, int> rank)
    {
        if (lines.Count <= most)
        {
            return (lines, []);
        }

        var ranked = lines.OrderBy(rank).ToList();
        return (ranked[..most], ranked[most..]);
    }

    /// <summary>One line that counts what is not shown by its state; none when all is.</summary>
    public static IEnumerable<IRenderable> Rest(IEnumerable<string> states)
    {
        var counts = states.GroupBy(state => state).Select(group => $"{group.Count():N0} {group.Key}").ToList();
        return counts.Count == 0 ? [] : [new Markup($"[grey]and tables not shown: {Markup.Escape(string.Join(", ", counts))}; --format json lists all[/]")];
    }

    private static void AddStream(List<IRenderable> lines, string name, StreamStatus? stream, string? toldBelow)
    {
        if (stream is null or { State: "none" })
        {
            return;
        }

        var color = stream.State switch { "running" => "green", "error" => "red", _ => "grey" };
        var progress = stream.Position is { } position
            ? $", lag {Lag(stream.LagSeconds)}, {stream.TransactionsApplied:N0} transactions, at {Markup.Escape(position)}"
            : "";
        lines.Add(new Markup($"{name,-8} [{color}]{Markup.Escape(stream.State)}[/]{progress}"
            + (stream.Error is { } error && error != toldBelow ? $" [red]{Markup.Escape(error)}[/]" : "")));
    }

    private static string Copy(CopyStatus copy)
    {
        const int Width = 30;
        var share = copy.RowsEstimated > 0 ? Math.Min(1, (double)copy.RowsCopied / copy.RowsEstimated) : 0;
        var filled = (int)(share * Width);
        return $"copy     [green]{new string('━', filled)}[/][grey]{new string('─', Width - filled)}[/] {copy.RowsCopied:N0} of about {copy.RowsEstimated:N0} rows"
            + (copy.RowsPerSecond > 0 ? $", {copy.RowsPerSecond:N0}/s" : "")
            + (copy.EtaSeconds is > 0 and { } eta ? $", {eta:N0} s to go" : $", {copy.ElapsedSeconds:N0} s");
    }

    private static Rows Tables(IReadOnlyList<TableStatus> tables, int most)
    {
        var table = NewTable("TABLE", "ROWS", "ESTIMATED", "PHASE");
        var (shown, rest) = Foremost(tables, most, line => line.Phase switch { "copying" => 0, "indexing" => 1, "waiting" => 2, _ => 3 });
        foreach (var line in shown)
        {
            table.AddRow(Markup.Escape(line.Name), $"{line.RowsCopied:N0}", $"{line.RowsEstimated:N0}", Markup.Escape(line.Phase));
        }

        return new Rows([table, .. Rest(rest.Select(line => line.Phase))]);
    }

    private static string State(MigrationState state)
    {
        var color = state switch
        {
            MigrationState.Error => "red",
            MigrationState.Running or MigrationState.Switched or MigrationState.Completed => "green",
            MigrationState.Stopped or MigrationState.Cancelled => "grey",
            _ => "yellow",
        };
        return $"[{color}]{state.ToString().ToLowerInvariant()}[/]";
    }

    private static string Lag(double? seconds) => seconds is { } lag ? $"{lag:N1} s" : "–";
}
