using System.Globalization;
using Switchyard.Migration;
using static Switchyard.WebConsole.Actions.ActionCatalog;

namespace Switchyard.WebConsole.Actions;

/// <summary>Who serves: validate, switch, reverse.</summary>
internal static class TrafficActions
{
    public static IReadOnlyList<ConsoleAction> All { get; } =
    [
        new()
        {
            Id = "switch",
            Label = "Switch",
            Tone = "primary",
            Offered = MaySwitch,
            Fields = ActionFields.Switch,
            Consequences = s =>
            [
                $"New statements on {s.Schema} wait in the proxies; open transactions may end first.",
                $"{s.Target} applies everything {s.Source} has acknowledged, then takes reads and writes.",
                "The waiting statements go out. Applications see a short wait and no error.",
                $"{s.Source} follows {s.Target} from then on, so that you can reverse at any time.",
                "If a step fails before the point of no return, everything goes on as before.",
            ],
            Run = c => ChangeAsync(c, c.Migrations.SwitchAsync, dryRun: false, rehearse: false),
        },
        new()
        {
            Id = "reverse",
            Label = "Reverse",
            Tone = "primary",
            Offered = MayReverse,
            Fields = ActionFields.Switch,
            Consequences = s =>
            [
                $"New statements on {s.Schema} wait in the proxies; open transactions may end first.",
                $"{s.Source} applies everything {s.Target} has acknowledged, then takes reads and writes again.",
                "The waiting statements go out. Applications see a short wait and no error; no write is lost.",
                $"{s.Target} follows {s.Source} from then on, so that you can switch again.",
            ],
            Run = c => ChangeAsync(c, c.Migrations.ReverseAsync, dryRun: false, rehearse: false),
        },
        new()
        {
            Id = "rehearse",
            Label = "Rehearse",
            Offered = s => MaySwitch(s) || MayReverse(s),
            Fields = ActionFields.Switch,
            Consequences = s =>
            [
                $"Statements on {s.Schema} are held and {Following(s)} catches up, exactly as by a switch; then they are released to {s.Writes}.",
                "This measures the pause applications would see. No side is changed.",
            ],
            Run = c => ChangeAsync(c, Direction(c), dryRun: false, rehearse: true),
        },
        new()
        {
            Id = "dry-run",
            Label = "Dry run",
            Offered = s => MaySwitch(s) || MayReverse(s),
            Fields = ActionFields.Switch,
            Consequences = _ => ["Everything is checked and the plan is shown. Nothing is held and nothing is changed."],
            Run = c => ChangeAsync(c, Direction(c), dryRun: true, rehearse: false),
        },
        new()
        {
            Id = "validate",
            Label = "Validate",
            Offered = s => s.State.IsAny(MigrationState.Running, MigrationState.Validating) && Idle(s),
            Fields = ActionFields.Validate,
            Consequences = s =>
            [
                $"Plain reads of the chosen share of sessions are answered by {s.Target}; writes, locking reads and transactions that may write stay on {s.Source}.",
                "With global consistency a read sees every write acknowledged before it began; if that would take too long it goes to the source.",
                "The chosen share of reads is run again on both sides, behind the applications' backs, and the answers are compared. A share of 0 % of sessions only compares.",
            ],
            Run = async c =>
            {
                var request = new ValidateRequest
                {
                    Percent = Integer(c, "percent", 100),
                    Shadow = Integer(c, "shadow", 0),
                    Consistency = Enum.TryParse<ReadGuarantee>(c.Form["consistency"], ignoreCase: true, out var guarantee) ? guarantee : ReadGuarantee.Global,
                };
                var status = await c.Migrations.ValidateAsync(c.Name, request, c.Stopping);
                return new ActionResult
                {
                    Title = request.Percent == 0 ? $"{request.Shadow} % of the reads are compared; {status.Writes} answers them."
                        : $"{status.Reads} answers reads of {status.ReadPercent} % of the sessions; {status.Writes} takes writes.",
                };
            },
        },
        new()
        {
            Id = "validate-off",
            Label = "Stop validating",
            Offered = s => s.State == MigrationState.Validating && Idle(s),
            Consequences = s => [$"All reads go to {s.Source} again. Replication goes on."],
            Run = async c =>
            {
                var status = await c.Migrations.ValidateAsync(c.Name, new ValidateRequest { Off = true }, c.Stopping);
                return new ActionResult { Title = $"{status.Reads} answers reads again." };
            },
        },
    ];

    private static bool MaySwitch(MigrationStatus s) => s.State.IsAny(MigrationState.Running, MigrationState.Validating) && Idle(s);

    private static bool MayReverse(MigrationStatus s) => s.State == MigrationState.Switched && Idle(s);

    private static Func<string, SwitchRequest, CancellationToken, Task<SwitchReport>> Direction(ActionContext c) =>
        c.Status.State == MigrationState.Switched ? c.Migrations.ReverseAsync : c.Migrations.SwitchAsync;

    private static async Task<ActionResult> ChangeAsync(
        ActionContext c, Func<string, SwitchRequest, CancellationToken, Task<SwitchReport>> verb, bool dryRun, bool rehearse)
    {
        var defaults = new SwitchRequest();
        var request = defaults with
        {
            DryRun = dryRun,
            Rehearse = rehearse,
            TimeoutSeconds = Number(c, "timeout", defaults.TimeoutSeconds),
            DrainTimeoutSeconds = Number(c, "drain", defaults.DrainTimeoutSeconds),
            MaxReplicationLagAllowedSeconds = Number(c, "lag", defaults.MaxReplicationLagAllowedSeconds),
            Fence = c.Form["fence"].ToString() switch { "read-only" => FenceMode.ReadOnly, "none" => FenceMode.None, _ => FenceMode.Lock },
            SkipDiff = c.Has("skip-diff"),
            KillBlockers = c.Has("kill-blockers"),
        };
        var report = await verb(c.Name, request, c.Stopping);
        var title = report.Result switch
        {
            "planned" => "This is what would be done. Nothing was changed.",
            "rehearsed" => $"Rehearsed: applications would wait {Format.Ms(report.PauseMs)}.",
            "switched" => $"Switched. {Waited(report)}",
            "reversed" => $"Reversed. {Waited(report)}",
            _ => "Not switched; nothing is lost.",
        };
        return new ActionResult { Ok = report.Error is null, Title = title, Lines = report.Error is { } error ? [error] : [], Findings = report.Findings, Report = report };
    }

    private static string Waited(SwitchReport report) =>
        report.HeldStatements == 0 ? "No statement had to wait." : $"Applications waited at most {Format.Ms(report.LongestHoldMs)}.";

    private static double Number(ActionContext c, string field, double otherwise) =>
        c.Form[field].ToString() is { Length: > 0 } text
            ? double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value
                : throw new MigrationException("usage", $"'{text}' is not a number of seconds.", "Write it like 30 or 2.5.", 2)
            : otherwise;

    private static int Integer(ActionContext c, string field, int otherwise) =>
        c.Form[field].ToString() is { Length: > 0 } text
            ? int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value
                : throw new MigrationException("usage", $"'{text}' is not a percentage.", "Write a whole number from 0 to 100.", 2)
            : otherwise;
}
