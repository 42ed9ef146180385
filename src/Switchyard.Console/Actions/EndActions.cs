using Switchyard.Migration;
using static Switchyard.WebConsole.Actions.ActionCatalog;

namespace Switchyard.WebConsole.Actions;

/// <summary>Ends: complete, detach, cancel, delete. None of them can be taken back.</summary>
internal static class EndActions
{
    public static IReadOnlyList<ConsoleAction> All { get; } =
    [
        new()
        {
            Id = "complete",
            Label = "Complete",
            Tone = "danger",
            Offered = MayComplete,
            Fields = ActionFields.Complete,
            TypeName = true,
            Consequences = s =>
            [
                $"Replication from {s.Target} to {s.Source} ends: there is no way back after this.",
                $"Switchyard's own tables are removed from both servers; {s.Schema} stays on {s.Target} for good.",
                $"What becomes of the tables on {s.Source} is for you to choose.",
            ],
            Run = async c =>
            {
                var request = new CompleteRequest
                {
                    DryRun = c.Has("dry-run"),
                    AbandonSource = c.Has("abandon-source"),
                    SourceData = Enum.TryParse<SourceData>(c.Form["source-data"], ignoreCase: true, out var data) ? data : SourceData.Keep,
                };
                var report = await c.Migrations.CompleteAsync(c.Name, request, c.Stopping);
                var title = report.Result == "planned" ? "This is what would be done. Nothing was changed." : $"'{c.Name}' is completed.";
                return new ActionResult { Title = title, Lines = report.Actions, Findings = report.Findings };
            },
        },
        new()
        {
            Id = "detach",
            Label = "Detach source",
            Tone = "danger",
            Offered = s => s.State == MigrationState.Completed,
            TypeName = true,
            Consequences = s => [$"The connection details of {s.Source} are deleted. Nothing of Switchyard reads or writes it any more."],
            Run = async c =>
            {
                var status = await c.Migrations.DetachAsync(c.Name, c.Stopping);
                return new ActionResult { Title = $"{status.Source} is detached." };
            },
        },
        new()
        {
            Id = "cancel",
            Label = "Cancel",
            Tone = "danger",
            Offered = s => s.Writes == s.Source && !s.State.IsAny(MigrationState.Completed, MigrationState.Cancelled) && Idle(s),
            Fields = ActionFields.Cancel,
            TypeName = true,
            Consequences = s =>
            [
                $"Replication ends and the tables copied to {s.Target} are dropped there.",
                $"{s.Source} keeps serving everything, as before the migration. Reads go back to it.",
            ],
            Run = async c =>
            {
                var status = await c.Migrations.CancelAsync(c.Name, new CancelRequest { AbandonSource = c.Has("abandon-source") }, c.Stopping);
                return new ActionResult { Title = $"'{c.Name}' is {Format.Word(status.State)}.", Findings = status.Findings };
            },
        },
        new()
        {
            Id = "delete",
            Label = "Delete",
            Tone = "danger",
            Offered = s => s.State.IsAny(MigrationState.Created, MigrationState.Completed, MigrationState.Cancelled) && Idle(s),
            TypeName = true,
            Consequences = _ => ["The migration's record and journal are deleted. The servers are not touched."],
            Run = async c =>
            {
                await c.Migrations.DeleteAsync(c.Name, c.Stopping);
                return new ActionResult { Title = $"'{c.Name}' is deleted." };
            },
        },
    ];

    /// <summary>Also where a switch or an earlier end is half done, since a source that is gone can let neither come to its end.</summary>
    private static bool MayComplete(MigrationStatus status) =>
        status.Writes == status.Target && (status.State == MigrationState.Error || (status.State == MigrationState.Switched && (Idle(status) || status.Operation!.StartsWith("switch", StringComparison.Ordinal))));
}
