using Switchyard.Migration;
using static Switchyard.WebConsole.Actions.ActionCatalog;

namespace Switchyard.WebConsole.Actions;

/// <summary>Copying and streaming: start, stop, and the checks.</summary>
internal static class CopyActions
{
    public static IReadOnlyList<ConsoleAction> All { get; } =
    [
        new()
        {
            Id = "start",
            Label = "Start",
            Tone = "primary",
            Offered = s => s.State.IsAny(MigrationState.Created, MigrationState.Stopped, MigrationState.Error) && Idle(s),
            Consequences = s => s.State == MigrationState.Created
                ?
                [
                    $"The tables of {s.Schema} are created on {s.Target}.",
                    $"Their rows are copied from {s.Source} while the application goes on; every change made meanwhile follows.",
                    "Traffic stays where it is.",
                ]
                : ["Copy and streams go on where they stopped; rows that are copied are not copied again.", "Traffic stays where it is."],
            Run = async c => new ActionResult { Title = $"'{c.Name}' is {Format.Word((await c.Migrations.StartAsync(c.Name, new StartRequest(), c.Stopping)).State)}." },
        },
        new()
        {
            Id = "stop",
            Label = "Stop",
            Offered = s => s.State.IsAny(MigrationState.Copying, MigrationState.Running, MigrationState.Switched) && Idle(s),
            Consequences = s =>
            [
                "Copying and streaming stop; what is copied is kept.",
                $"{Following(s)} falls behind until it is started again. {s.Writes} must keep its binary logs that long.",
                "Traffic stays where it is.",
            ],
            Run = async c => new ActionResult { Title = $"'{c.Name}' is {Format.Word((await c.Migrations.StopAsync(c.Name, c.Stopping)).State)}." },
        },
        new()
        {
            Id = "add-table",
            Label = "Add a table",
            Offered = s => s.Writes == s.Source && s.State.IsAny(MigrationState.Copying, MigrationState.Running, MigrationState.Stopped, MigrationState.Error) && Idle(s),
            Fields = ActionFields.Tables,
            Consequences = s =>
            [
                $"Tables made on {s.Source} since the migration was created are made on {s.Target}, and their rows are copied; what is copied of the others stays.",
                "Until that is done nothing can be compared or switched, and comparisons from before do not count.",
            ],
            Run = async c =>
            {
                string[] tables = c.Form["tables"].ToString().Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
                var status = await c.Migrations.AddTablesAsync(c.Name, new AddTablesRequest { Tables = tables }, c.Stopping);
                return new ActionResult { Title = $"'{c.Name}' is {Format.Word(status.State)}.", Findings = status.Findings };
            },
        },
        new()
        {
            Id = "preflight",
            Label = "Check again",
            Offered = s => !s.State.IsAny(MigrationState.Completed, MigrationState.Cancelled),
            Consequences = s => [$"Servers, privileges and tables of {s.Source} and {s.Target} are checked. Nothing is changed."],
            Run = async c =>
            {
                var report = await c.Migrations.PreflightAsync(c.Name, c.Stopping);
                return new ActionResult { Ok = report.Ok, Title = report.Ok ? "Nothing stands in the way." : "Something stands in the way.", Findings = report.Findings };
            },
        },
        new()
        {
            Id = "diagnose",
            Label = "Diagnose",
            Offered = s => !s.State.IsAny(MigrationState.Completed, MigrationState.Cancelled),
            Consequences = _ => ["Says what is held, half done or in error, by whom and since when. Nothing is changed."],
            Run = async c => Of(await c.Migrations.DiagnoseAsync(c.Name, c.Stopping), "Repair would: "),
        },
        new()
        {
            Id = "repair",
            Label = "Repair",
            Tone = "primary",
            Offered = s => s.Error is not null || (s.Operation is not null && s.State.IsAny(MigrationState.Switching, MigrationState.Reversing, MigrationState.Completing)),
            Consequences = _ =>
            [
                "An operation that is half done is taken back if it has not reached its point of no return, and brought to its end if it has.",
                "What has failed is started again.",
            ],
            Run = async c => Of(await c.Migrations.RepairAsync(c.Name, c.Stopping), "Done: "),
        },
    ];

    private static ActionResult Of(Diagnosis diagnosis, string nextPrefix) => new()
    {
        Ok = diagnosis.Healthy,
        Title = diagnosis.Summary,
        Lines = [.. diagnosis.Observations, .. diagnosis.Advice.Select(advice => "To do: " + advice), .. diagnosis.Next.Select(next => nextPrefix + next),
            .. diagnosis.Blockers.Select(b => $"Session {b.Session} of {b.Client} on {b.Proxy}, {Format.Ms(b.AgeMs)}: {b.Reason}")],
    };
}
