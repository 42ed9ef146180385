using Spectre.Console;

namespace Switchyard.Cli;

/// <summary>Shows how far a long verb is while its answer is waited for.</summary>
internal static class Progress
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(250);

    /// <param name="context">Where to draw.</param>
    /// <param name="title">What is being done.</param>
    /// <param name="work">The call that answers when it is done.</param>
    /// <param name="look">How far it is, 0 to 1, and a few words.</param>
    public static async Task<T> WaitAsync<T>(CliContext context, string title, Func<Task<T>> work, Func<Task<(double Share, string Words)>> look)
    {
        var running = work();
        if (!context.ShowsProgress)
        {
            return await running;
        }

        await context.Error.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(async drawing =>
            {
                var bar = drawing.AddTask(Markup.Escape(title), maxValue: 1);
                using var timer = new PeriodicTimer(s_interval);
                while (!running.IsCompleted)
                {
                    try
                    {
                        var (share, words) = await look();
                        bar.Value = share;
                        bar.Description = Markup.Escape($"{title}: {words}");
                    }
                    catch (CliException)
                    {
                        // The work's own answer says what is wrong.
                    }

                    await Task.WhenAny(running, timer.WaitForNextTickAsync().AsTask());
                }
            });
        return await running;
    }
}
