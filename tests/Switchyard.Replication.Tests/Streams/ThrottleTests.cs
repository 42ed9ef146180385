using Switchyard.Client;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>What holds a copy back, and that it goes on by itself afterwards.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class ThrottleTests
{
    [Fact]
    public async Task The_operator_holds_the_copy_and_not_the_stream()
    {
        await using var scenario = await Scenario.CreateAsync("mariadb-10.11", "mariadb-10.11", CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 500);
        await scenario.RecordAsync();
        var stream = await scenario.OpenAsync();
        var copier = new TableCopier(stream, new CopyOptions { Threads = 2, FirstChunkRows = 50, MaxChunkRows = 50 });
        copier.Throttle.Limits = new ThrottleLimits { IsPaused = true };
        var copying = copier.RunAsync(default);
        await scenario.Source.ExecuteAsync("UPDATE items SET price=price+1", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Equal("paused by the operator", copier.Throttle.Reason);
        Assert.All(copier.Progress, p => Assert.Equal(0, p.RowsCopied));
        Assert.False(copying.IsCompleted);

        copier.Throttle.Limits = new ThrottleLimits();
        await copying.WaitAsync(TimeSpan.FromMinutes(5));
        Assert.Null(copier.Throttle.Reason);
        Assert.True(copier.Throttle.Held > TimeSpan.Zero);
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_copy_waits_while_a_server_is_busy_and_goes_on_when_it_is_not(string server)
    {
        await using var scenario = await Scenario.CreateAsync(server, "mariadb-10.11", CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 200);
        await scenario.RecordAsync();
        var stream = await scenario.OpenAsync();
        // Other tests of the run may be at work on the same server, but not with this many threads.
        const int Busy = 60;
        var sleepers = new List<BackendConnection>();
        var sleeping = new List<Task>();
        for (var i = 0; i < Busy; i++)
        {
            sleepers.Add(await scenario.ConnectSourceAsync());
            sleeping.Add(sleepers[i].ExecuteAsync("DO SLEEP(600)", default));
        }

        var copier = new TableCopier(stream, new CopyOptions { Threads = 1, FirstChunkRows = 20, MaxChunkRows = 20 });
        copier.Throttle.Limits = new ThrottleLimits { MaxThreadsRunning = Busy - 1 };
        var copying = copier.RunAsync(default);
        await UntilAsync(() => copier.Throttle.Reason is not null || copying.IsCompleted);
        Assert.Contains("threads run on the source", copier.Throttle.Reason, StringComparison.Ordinal);

        foreach (var sleeper in sleepers)
        {
            await scenario.Source.ExecuteAsync($"KILL {sleeper.Server.ConnectionId}", default);
        }

        await Task.WhenAll(sleeping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        await copying.WaitAsync(TimeSpan.FromMinutes(5));
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    [Fact]
    public async Task A_named_replica_that_does_not_replicate_holds_the_copy()
    {
        await using var scenario = await Scenario.CreateAsync("mariadb-10.11", "mysql-9.7", CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 50);
        await scenario.RecordAsync();
        var stream = await scenario.OpenAsync();
        var copier = new TableCopier(stream, new CopyOptions { Threads = 1, FirstChunkRows = 2, MaxChunkRows = 2 });
        copier.Throttle.Limits = new ThrottleLimits { Replicas = new Dictionary<string, ConnectionOptions> { ["r1"] = scenario.To } };
        var copying = copier.RunAsync(default);
        await UntilAsync(() => copier.Throttle.Reason is not null || copying.IsCompleted);
        Assert.Equal("the replica r1 does not replicate", copier.Throttle.Reason);
        copier.Throttle.Limits = new ThrottleLimits { MaxReplicaLag = TimeSpan.Zero, Replicas = copier.Throttle.Limits.Replicas };
        await copying.WaitAsync(TimeSpan.FromMinutes(5));
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (!condition())
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
