using System.CommandLine;
using Switchyard.Cli.Rendering;
using Switchyard.Migration;

namespace Switchyard.Cli;

/// <summary><c>switch</c> and <c>reverse</c>, which are one verb in two directions, and <c>complete</c>.</summary>
internal static class SwitchVerbs
{
    private static readonly string[] s_steps =
    [
        "precheck", "lock", "warm", "hold", "fence", "catch-up", "handover", "prime-reverse", "flip", "release", "reverse-stream", "unfence", "unlock",
    ];

    public static Command Create(string verb, string description)
    {
        var name = MigrationVerbs.Name();
        var dryRun = new Option<bool>("--dry-run") { Description = "Check and print the plan only" };
        var rehearse = new Option<bool>("--rehearse") { Description = "Hold, drain and catch up, then go on at the same side: measures the pause" };
        var timeout = GlobalOptions.Duration("--timeout", "Limit of the whole pause (default 30s)");
        var drain = GlobalOptions.Duration("--drain-timeout", "Limit for open transactions to end (default 10s)");
        var lag = GlobalOptions.Duration("--max-replication-lag-allowed", "Refuse when replication is further behind (default 30s)");
        var fence = GlobalOptions.Choice<FenceMode>("--fence", "How writers that go around the proxy are kept out (default lock)");
        var skipDiff = new Option<bool>("--skip-diff") { Description = "Do not ask for a fresh and clean diff" };
        var kill = new Option<bool>("--kill-blockers") { Description = "End sessions that keep the drain from finishing and, after a proxy has died, statements that may be its own" };
        var leaveOut = GlobalOptions.Names("--leave-out", "Tables made since the migration was created that are to stay behind");
        return Verb.Create(verb, description, [name, dryRun, rehearse, timeout, drain, lag, fence, skipDiff, leaveOut, kill], async (context, result, ct) =>
        {
            if (result.GetValue(dryRun) && result.GetValue(rehearse))
            {
                throw new CliException(ExitCode.Usage, "--dry-run and --rehearse exclude each other; choose one.");
            }

            var migration = result.GetRequiredValue(name);
            var standard = new SwitchRequest();
            var request = standard with
            {
                DryRun = result.GetValue(dryRun),
                Rehearse = result.GetValue(rehearse),
                TimeoutSeconds = result.GetValue(timeout)?.TotalSeconds ?? standard.TimeoutSeconds,
                DrainTimeoutSeconds = result.GetValue(drain)?.TotalSeconds ?? standard.DrainTimeoutSeconds,
                MaxReplicationLagAllowedSeconds = result.GetValue(lag)?.TotalSeconds ?? standard.MaxReplicationLagAllowedSeconds,
                Fence = result.GetValue(fence),
                SkipDiff = result.GetValue(skipDiff),
                LeaveOut = result.GetValue(leaveOut),
                KillBlockers = result.GetValue(kill),
            };
            var answer = await Progress.WaitAsync(
                context,
                $"{verb} {migration}",
                () => context.Api.PostAsync<SwitchReport>(MigrationVerbs.Path(migration, verb), request, ct),
                async () => Step((await context.Api.GetAsync<MigrationStatus>(MigrationVerbs.Path(migration, "status"), ct)).Value.Operation));
            context.Print(answer, SwitchText.Write);
            return ExitCode.Done;
        });
    }

    public static Command Complete()
    {
        var name = MigrationVerbs.Name();
        var keep = new Option<bool>("--keep-data") { Description = "Leave the source's tables as they are (default)" };
        var rename = new Option<bool>("--rename-tables") { Description = "Rename the source's tables" };
        var drop = new Option<bool>("--drop-data") { Description = "Drop the source's tables" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Print what would be done only" };
        var skipDiff = new Option<bool>("--skip-diff") { Description = "Do not ask for a diff without differences" };
        var abandon = new Option<bool>("--abandon-source") { Description = "The source is gone for good: finish without it; refused while it answers" };
        return Verb.Create("complete", "Finish a switched migration: no way back after it", [name, keep, rename, drop, abandon, dryRun, skipDiff], async (context, result, ct) =>
        {
            if (new[] { keep, rename, drop }.Count(option => result.GetValue(option)) > 1)
            {
                throw new CliException(ExitCode.Usage, "--keep-data, --rename-tables and --drop-data exclude each other; choose one.");
            }

            var request = new CompleteRequest
            {
                SourceData = result.GetValue(rename) ? SourceData.Rename : result.GetValue(drop) ? SourceData.Drop : SourceData.Keep,
                DryRun = result.GetValue(dryRun),
                SkipDiff = result.GetValue(skipDiff),
                AbandonSource = result.GetValue(abandon),
            };
            var answer = await context.Api.PostAsync<CompleteReport>(MigrationVerbs.Path(result.GetRequiredValue(name), "complete"), request, ct);
            context.Print(answer, OtherText.Complete);
            return ExitCode.Done;
        });
    }

    /// <summary>The share of steps behind the one named in <c>switch: catch-up</c>.</summary>
    private static (double Share, string Words) Step(string? operation)
    {
        var step = operation?[(operation.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? "";
        var index = Array.IndexOf(s_steps, step);
        return (index < 0 ? 0 : (double)index / s_steps.Length, step);
    }
}
