using System.CommandLine;
using Spectre.Console;
using Spectre.Console.Rendering;
using Switchyard.Cli.Rendering;
using Switchyard.Migration;

namespace Switchyard.Cli;

internal static class StatusVerb
{
    /// <summary>Twice a second is what a person can follow.</summary>
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(500);

    /// <summary>State, copy, throttle, streams, diff, validation and a few findings or an error.</summary>
    private const int LinesBesideTables = 14;

    public static Command Create()
    {
        var name = MigrationVerbs.Name();
        var watch = new Option<bool>("--watch")
        {
            Description = "Keep showing it: on a terminal until Ctrl-C, else until nothing is under way any more",
        };
        return Verb.Create("status", "Show where a migration stands", [name, watch], async (context, result, ct) =>
        {
            var path = MigrationVerbs.Path(result.GetRequiredValue(name), "status");
            var answer = await context.Api.GetAsync<MigrationStatus>(path, ct);
            if (!result.GetValue(watch))
            {
                context.Print(answer, MigrationText.Status);
            }
            else if (context.Json || Console.IsOutputRedirected)
            {
                await FollowAsync(context, path, answer, ct);
            }
            else
            {
                await LiveAsync(context, path, answer, ct);
            }

            return ExitCode.Done;
        });
    }

    /// <summary>Something is being done that ends by itself.</summary>
    public static bool IsUnderWay(MigrationStatus status) =>
        status.State is MigrationState.Copying or MigrationState.Switching or MigrationState.Reversing or MigrationState.Completing;

    private static async Task FollowAsync(CliContext context, string path, Answer<MigrationStatus> answer, CancellationToken cancellationToken)
    {
        var last = "";
        using var timer = new PeriodicTimer(s_interval);
        while (true)
        {
            var status = answer.Value;
            var line = $"{status.Name} {status.State.ToString().ToLowerInvariant()} {status.Copy?.RowsCopied ?? 0}/{status.Copy?.RowsEstimated ?? 0} rows";
            if (!context.Json && line != last)
            {
                context.Error.WriteLine(last = line);
            }

            if (!IsUnderWay(status))
            {
                context.Print(answer, MigrationText.Status);
                return;
            }

            await timer.WaitForNextTickAsync(cancellationToken);
            answer = await context.Api.GetAsync<MigrationStatus>(path, cancellationToken);
        }
    }

    private static async Task LiveAsync(CliContext context, string path, Answer<MigrationStatus> answer, CancellationToken cancellationToken)
    {
        // What is longer than the screen would be cut off where the streams and errors stand.
        IRenderable Screen() => MigrationText.Status(answer.Value, Math.Clamp(context.Out.Profile.Height - LinesBesideTables, 3, MigrationText.MostTables));
        try
        {
            await context.Out.Live(Screen()).StartAsync(async live =>
            {
                using var timer = new PeriodicTimer(s_interval);
                while (await timer.WaitForNextTickAsync(cancellationToken))
                {
                    answer = await context.Api.GetAsync<MigrationStatus>(path, cancellationToken);
                    live.UpdateTarget(Screen());
                }
            });
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Ctrl-C is how one leaves.
        }
    }
}
