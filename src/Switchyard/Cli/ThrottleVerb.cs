using System.CommandLine;
using Switchyard.Cli.Rendering;
using Switchyard.Migration;

namespace Switchyard.Cli;

/// <summary><c>migration throttle</c>: the operator's switch and the limits at which a copy waits by itself.</summary>
internal static class ThrottleVerb
{
    public static Command Create()
    {
        var name = MigrationVerbs.Name();
        var pause = new Option<bool>("--pause") { Description = "Hold the copy; the stream goes on" };
        var resume = new Option<bool>("--resume") { Description = "Let the copy go on" };
        var threads = GlobalOptions.Number("--max-threads-running", "Wait while more threads run on source or target (default 100, 0 no limit)", 0, int.MaxValue);
        var history = GlobalOptions.Number("--max-history-list", "Wait while InnoDB's history list is longer (default 2000000, 0 no limit)", 0, int.MaxValue);
        var lag = GlobalOptions.Duration("--max-replica-lag", "Wait while one of --replicas is further behind (default 30s, 0 no limit)");
        var replicas = GlobalOptions.Names("--replicas", "Backends that replicate from source or target and are to keep up; '' for none", mayBeNone: true);
        return Verb.Create("throttle", "Hold the copy, let it go on, or change the load at which it waits", [name, pause, resume, threads, history, lag, replicas], async (context, result, ct) =>
        {
            if (result.GetValue(pause) && result.GetValue(resume))
            {
                throw new CliException(ExitCode.Usage, "--pause and --resume exclude each other; choose one.");
            }

            var request = new ThrottleRequest
            {
                Pause = result.GetValue(pause) ? true : result.GetValue(resume) ? false : null,
                MaxThreadsRunning = result.GetValue(threads),
                MaxHistoryList = result.GetValue(history),
                MaxReplicaLagSeconds = result.GetValue(lag)?.TotalSeconds,
                Replicas = result.GetValue(replicas),
            };
            context.Print(await context.Api.PostAsync<MigrationStatus>(MigrationVerbs.Path(result.GetRequiredValue(name), "throttle"), request, ct), MigrationText.Status);
            return ExitCode.Done;
        });
    }
}
