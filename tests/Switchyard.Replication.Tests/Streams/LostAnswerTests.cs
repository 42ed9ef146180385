using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Replication.Tests.Streams;

[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class LostAnswerTests
{
    private const string Table = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB";

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mariadb-10.11", "mysql-5.6")]
    public async Task A_commit_whose_answer_is_lost_is_neither_repeated_nor_forgotten(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 800);
        await using var relay = new LossyRelay(scenario.To.Port);
        await scenario.RecordAsync(change: d => d with { To = scenario.To with { Port = relay.Port, SslMode = SslMode.Disabled }, GroupBytes = 2000 });
        await using var stream = await scenario.OpenAsync();
        relay.LoseEvery(9, atMost: 8);
        await using (var writers = await Writers.StartAsync(scenario, 2, CopyUnderWritesTests.Write))
        {
            await new TableCopier(stream, new CopyOptions { Threads = 2, FirstChunkRows = 120, MaxChunkRows = 120 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
            relay.LoseEvery(3, atMost: 3);
            var enough = relay.Lost + 3;
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
            while (relay.Lost < enough)
            {
                limit.Token.ThrowIfCancellationRequested();
                await Scenario.CatchUpAsync(stream);
            }
        }

        await Scenario.CatchUpAsync(stream);
        Assert.InRange(relay.Lost, 4, 11);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task GTIDs_whose_record_was_lost_on_its_way_are_recorded_again(string name)
    {
        await using var scenario = await Scenario.CreateAsync(name, name, Table);
        await scenario.RecordAsync(copies: false);
        using (BreakOnce("apply.commit.uncertain", out var broken))
        {
            await using var stream = await scenario.OpenAsync();
            await broken.Task.WaitAsync(TimeSpan.FromMinutes(2));
            await Scenario.UntilAsync(stream, StreamState.Running);
            await stream.StopAsync();
        }

        var recorded = await scenario.Target.QueryAsync($"SELECT gtid FROM _switchyard.stream WHERE id='{scenario.Definition.Id}'", default);
        Assert.NotEqual("", recorded.GetString(0, 0));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_position_whose_answer_is_lost_settles_no_transaction_that_waits_for_its_own(string name)
    {
        await using var scenario = await Scenario.CreateAsync(name, name, Table);
        await scenario.RecordAsync(copies: false);
        await using var stream = await ReplicationStream.OpenAsync(scenario.Definition, default, new StillClock());
        stream.Start();
        // Passed over, and by this clock it is never time to write that down.
        await scenario.Source.ExecuteAsync("CREATE TABLE aside (id INT PRIMARY KEY)", default);
        await Scenario.CatchUpAsync(stream);
        using (BreakOnce("apply.commit.before", out var unsent))
        using (BreakOnce("apply.commit.unanswered", out var unanswered))
        {
            await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
            await unsent.Task.WaitAsync(TimeSpan.FromMinutes(2));
            await unanswered.Task.WaitAsync(TimeSpan.FromMinutes(2));
            await Scenario.CatchUpAsync(stream);
        }

        Assert.Equal(1, stream.Progress.TransactionsApplied);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }

    /// <summary>The connection to the target breaks when the point is first reached.</summary>
    private static IDisposable BreakOnce(string point, out TaskCompletionSource broken)
    {
        var reached = broken = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return FaultPoints.Arm(point, _ => reached.TrySetResult() ? throw new BackendUnavailableException(UnavailableReason.ConnectionLost, "The connection broke.") : ValueTask.CompletedTask);
    }

    private sealed class StillClock : TimeProvider
    {
        public override long GetTimestamp() => 0;
    }
}
