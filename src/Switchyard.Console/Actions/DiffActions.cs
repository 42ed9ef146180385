using Switchyard.Migration;
using static Switchyard.WebConsole.Actions.ActionCatalog;

namespace Switchyard.WebConsole.Actions;

/// <summary>Comparing both sides.</summary>
internal static class DiffActions
{
    public static IReadOnlyList<ConsoleAction> All { get; } =
    [
        new()
        {
            Id = "diff",
            Label = "Compare",
            Offered = s => s.State.IsAny(MigrationState.Running, MigrationState.Validating, MigrationState.Switched) && s.Diff.State != "running" && Idle(s),
            Fields = ActionFields.Compare,
            Consequences = s =>
            [
                $"Every row of {s.Tables.Count} {(s.Tables.Count == 1 ? "table" : "tables")} is read on {s.Source} and {s.Target} and compared, while both go on.",
                "This costs reads on both servers. Nothing is changed.",
            ],
            Run = async c =>
            {
                await c.Migrations.StartDiffAsync(c.Name, new DiffRequest { ShowValues = c.Has("values") }, c.Stopping);
                return new ActionResult { Title = "The comparison runs; its progress is on the page." };
            },
        },
        new()
        {
            Id = "diff-stop",
            Label = "Stop comparing",
            Offered = s => s.Diff.State == "running",
            Consequences = _ => ["The comparison stops; what is compared is kept and it can go on later."],
            Run = async c => Of(await c.Migrations.StopDiffAsync(c.Name, c.Stopping)),
        },
        new()
        {
            Id = "diff-resume",
            Label = "Go on comparing",
            Offered = s => s.Diff.State is "stopped" or "failed" && Idle(s),
            Consequences = _ => ["The comparison goes on where it stopped. Nothing is changed."],
            Run = async c => Of(await c.Migrations.ResumeDiffAsync(c.Name, c.Stopping)),
        },
        new()
        {
            Id = "diff-repair",
            Label = "Repair differences",
            Tone = "danger",
            Offered = s => s.Diff is { Differences: > 0, State: "differences" } && Idle(s),
            TypeName = true,
            Consequences = s =>
            [
                $"{Format.Count(s.Diff.Differences)} rows of {Following(s)} are made equal to those of {s.Writes}: written, changed or deleted.",
                $"{s.Writes} is not changed.",
            ],
            Run = async c => Of(await c.Migrations.RepairDiffAsync(c.Name, c.Stopping)),
        },
    ];

    private static ActionResult Of(DiffReport report) => new()
    {
        Ok = report.State != "failed",
        Title = $"The comparison is {report.State}: {Format.Count(report.Rows)} rows, {Format.Count(report.Differences)} differences.",
        Lines = report.Summary.Error is { } error ? [error] : [],
    };
}
