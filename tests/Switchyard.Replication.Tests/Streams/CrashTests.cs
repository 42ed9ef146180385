using Switchyard.Faults;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>The engine ends without a farewell at every point in turn, and another takes over.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class CrashTests
{
    private static readonly (string Point, int Hit)[] s_crashes =
    [
        ("copy.snapshot.before", 2), ("copy.read.after", 3), ("copy.insert.before", 1), ("copy.insert.after", 2), ("apply.commit.before", 3),
        ("apply.commit.after", 2), ("stream.event.delivered", 40), ("copy.insert.before", 4), ("copy.insert.after", 3), ("apply.commit.after", 9),
        ("copy.finish.before", 1), ("copy.finish.before", 2),
    ];

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_copy_killed_anywhere_goes_on_and_ends_exact(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 1500);
        await scenario.RecordAsync();
        var done = 0L;
        await using (await Writers.StartAsync(scenario, 2, CopyUnderWritesTests.Write))
        {
            foreach (var (point, hit) in s_crashes)
            {
                var reached = await RunUntilCrashAsync(scenario, point, hit);
                Assert.True(reached, $"{point} was not reached {hit} times.");
                var copied = (await scenario.Target.QueryAsync($"SELECT COUNT(*) FROM _switchyard.copy_range WHERE stream_id='{scenario.Definition.Id}' AND state='done'", default)).GetInt64(0, 0);
                Assert.True(copied >= done, $"{done} ranges were done, {copied} after {point}.");
                done = copied;
            }

            await using var last = await scenario.OpenAsync();
            await new TableCopier(last, Options).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
            await last.StopAsync();
        }

        Assert.True(done > 5, $"Only {done} ranges were done by engines that crashed.");
        await using var stream = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    private static CopyOptions Options => new() { Threads = 2, FirstChunkRows = 40, MaxChunkRows = 40 };

    /// <summary>Runs an engine until a point is reached so often, and closes it over its head.</summary>
    internal static async Task<bool> RunUntilCrashAsync(Scenario scenario, string point, int hit, bool copying = true)
    {
        var crashed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var hits = 0;
        var stream = await scenario.OpenAsync(start: false);
        using (FaultPoints.Arm(point, async token =>
        {
            if (Interlocked.Increment(ref hits) >= hit)
            {
                // Nothing more is done here: the engine is closed over its head.
                crashed.TrySetResult();
                await Task.Delay(Timeout.Infinite, token);
            }
        }))
        {
            stream.Start();
            using var end = new CancellationTokenSource();
            var copy = copying ? new TableCopier(stream, Options).RunAsync(end.Token) : stream.Completion;
            var limit = Task.Delay(TimeSpan.FromMinutes(5), end.Token);
            var first = await Task.WhenAny(crashed.Task, copy, limit);
            if (copy.IsCompletedSuccessfully && !point.StartsWith("copy.", StringComparison.Ordinal))
            {
                // The copy was quicker; the stream goes on, and gets there.
                first = await Task.WhenAny(crashed.Task, stream.Completion, limit);
            }

            var closing = stream.DisposeAsync().AsTask();
            await end.CancelAsync();
            await closing;
            await copy.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (first == copy)
            {
                await copy;
                Assert.Null(stream.Progress.Error);
            }

            return first == crashed.Task;
        }
    }
}
