using System.Globalization;
using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Several transactions at once on the target, and nothing of it to be seen but the speed.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class ParallelTests
{
    private const string Plain = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB";

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task What_waits_for_every_transaction_on_a_table_is_done_between_them(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, "CREATE TABLE t (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false, d => d with { ApplyThreads = 3, GroupBytes = 1 });
        for (var i = 1; i <= 3; i++)
        {
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({i}, {i})", default);
        }

        var atCommit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var stream = await scenario.OpenAsync(start: false);
        using var holdCommit = FaultPoints.Arm("apply.commit.before", async token =>
        {
            atCommit.TrySetResult();
            await release.Task.WaitAsync(token);
        });
        stream.Start();
        await atCommit.Task.WaitAsync(TimeSpan.FromMinutes(4));
        await scenario.Target.ExecuteAsync("SET SESSION lock_wait_timeout=1", default);
        Task RaiseAsync(CancellationToken token) => scenario.Target.ExecuteAsync($"ALTER TABLE {scenario.Tables[0].Quoted} AUTO_INCREMENT=100", token);
        Assert.Equal(1205, (await Assert.ThrowsAsync<ServerErrorException>(() => RaiseAsync(default))).Code);
        var between = stream.BetweenTransactionsAsync(RaiseAsync, default);
        Assert.False(between.IsCompleted);
        release.SetResult();
        await between.WaitAsync(TimeSpan.FromMinutes(4));
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task Later_transactions_run_ahead_and_show_only_after_the_earlier_ones(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain);
        await scenario.RecordAsync(copies: false, d => d with { ApplyThreads = 3, GroupBytes = 1 });
        for (var i = 1; i <= 3; i++)
        {
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({i}, {i})", default);
        }

        var atCommit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var release = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var twoAhead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var ahead = 0;
        await using var stream = await scenario.OpenAsync(start: false);
        using var holdCommit = FaultPoints.Arm("apply.commit.before", async token =>
        {
            atCommit.TrySetResult();
            await release.Task.WaitAsync(token);
        });
        using var countAhead = FaultPoints.Arm("apply.ahead.after", _ =>
        {
            if (Interlocked.Increment(ref ahead) == 2)
            {
                twoAhead.TrySetResult();
            }

            return ValueTask.CompletedTask;
        });
        stream.Start();
        await Task.WhenAll(atCommit.Task, twoAhead.Task).WaitAsync(TimeSpan.FromMinutes(4));
        Assert.Equal(0, await scenario.CountAsync(scenario.Tables[0]));
        var before = stream.Progress.Applied;
        var order = new List<long>();
        stream.Applied += p => order.Add((long)p.Offset);
        release.SetResult();
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
        Assert.True(stream.Progress.Applied > before);
        Assert.Equal(order.Order(), order);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task A_transaction_ahead_gives_way_when_the_oldest_has_to_wait_for_a_lock(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1,1),(2,2)", default);
        await scenario.RecordAsync(copies: false, d => d with { ApplyThreads = 2, GroupBytes = 1 });
        await scenario.Target.ExecuteAsync($"INSERT INTO {scenario.Schema}.t VALUES (1,1),(2,2)", default);
        await using var holder = await BackendConnection.OpenAsync(scenario.To with { Schema = scenario.Schema }, default);
        await holder.ExecuteAsync("BEGIN", default);
        await holder.QueryAsync("SELECT * FROM t WHERE id=1 FOR UPDATE", default);
        await scenario.Source.ExecuteAsync("UPDATE t SET v=10 WHERE id=1", default);
        await scenario.Source.ExecuteAsync("UPDATE t SET v=20 WHERE id=2", default);
        var ahead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var gave = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var a = FaultPoints.Arm("apply.ahead.after", _ =>
        {
            ahead.TrySetResult();
            return ValueTask.CompletedTask;
        });
        using var b = FaultPoints.Arm("apply.ahead.given", _ =>
        {
            gave.TrySetResult();
            return ValueTask.CompletedTask;
        });
        await using var stream = await scenario.OpenAsync();
        await Task.WhenAll(ahead.Task, gave.Task).WaitAsync(TimeSpan.FromMinutes(4));
        await holder.ExecuteAsync("ROLLBACK", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-5.6", "mariadb-11.8")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    public async Task Transactions_that_pass_keys_to_each_other_end_as_on_the_source_wherever_the_stream_is_killed(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(
            from,
            to,
            "CREATE TABLE k (id INT NOT NULL PRIMARY KEY, a INT NULL, b VARCHAR(30) NULL, n INT NOT NULL DEFAULT 0, UNIQUE KEY (a), UNIQUE KEY (b)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci",
            "CREATE TABLE parent (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB",
            "CREATE TABLE child (id INT NOT NULL PRIMARY KEY, p INT NULL, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE ON UPDATE CASCADE) ENGINE=InnoDB",
            "CREATE TABLE hot (id INT NOT NULL PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB");
        await scenario.Source.ExecuteAsync("INSERT INTO hot VALUES (1,0),(2,0)", default);
        await scenario.RecordAsync(copies: false, d => d with { ApplyThreads = 4, GroupBytes = 300 });
        await scenario.Target.ExecuteAsync($"INSERT INTO {scenario.Schema}.hot VALUES (1,0),(2,0)", default);
        var rounds = Environment.GetEnvironmentVariable("SWITCHYARD_FULL") == "1" ? 40 : 1;
        for (var round = 0; round < rounds; round++)
        {
            await using var writers = await Writers.StartAsync(scenario, 4, Passing);
            foreach (var (point, hit) in ((string, int)[])[("apply.ahead.after", 12), ("apply.commit.before", 9), ("apply.commit.after", 7)])
            {
                Assert.True(await CrashTests.RunUntilCrashAsync(scenario, point, hit + round, copying: false), $"{point} was not reached.");
            }

            await writers.StopAsync();
            await using var stream = await scenario.OpenAsync();
            await Scenario.CatchUpAsync(stream);
            await scenario.AssertSameAsync();
            await stream.StopAsync();
        }
    }

    // Few keys for many hands, so that values wander from row to row.
    private static string[] Passing(Random random, int writer)
    {
        string Id() => random.Next(40).ToString(CultureInfo.InvariantCulture);
        string Word() => new[] { "apfel", "APFEL", "Äpfel", "birne", "Birne ", "straße", "strasse", "x-1", "x1", "" }[random.Next(10)] + random.Next(3);
        return random.Next(9) switch
        {
            0 => [$"INSERT INTO k (id, a, b) VALUES ({Id()}, {Id()}, '{Word()}')"],
            1 => [$"DELETE FROM k WHERE id={Id()}", $"INSERT INTO k (id, a, b) VALUES ({Id()}, {Id()}, NULL)"],
            2 => [$"UPDATE k SET a=NULL WHERE id={Id()}", $"UPDATE k SET a={Id()} WHERE id={Id()}"],
            3 => [$"UPDATE k SET b='{Word()}' WHERE id={Id()}", $"UPDATE k SET n=n+1 WHERE a={Id()}"],
            4 => [$"UPDATE k SET id={Id()} WHERE id={Id()}"],
            5 => [$"INSERT INTO parent VALUES ({Id()})", $"INSERT INTO child SELECT {random.Next(200)}, MAX(id) FROM parent"],
            6 => [$"DELETE FROM parent WHERE id={Id()}"],
            7 => [$"UPDATE parent SET id={Id()} WHERE id={Id()}"],
            _ => ["UPDATE hot SET n=n+1 WHERE id=1", $"DELETE FROM k WHERE a={Id()}", "UPDATE hot SET n=n+1 WHERE id=2"],
        };
    }
}
