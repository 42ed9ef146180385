using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;
using Switchyard.Replication.Tests.Streams;

namespace Switchyard.Replication.Tests.Regressions;

/// <summary>
/// A server sends a transaction before anybody can see its rows. Semi-synchronous replication without a replica makes that moment as long as wanted: the
/// commit is in the log, and sent, and waits. What was read meanwhile must not end up on the target as if it were newer.
/// </summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class DeliveredNotVisibleTests
{
    /// <summary>How long the copy gets to do the wrong thing; on a machine too busy for that the test shows less, and fails no more often.</summary>
    private static readonly TimeSpan s_temptation = TimeSpan.FromSeconds(1);

    [Theory]
    [InlineData("mariadb-10.11", "master", "--rpl-semi-sync-master-wait-point=AFTER_SYNC")]
    [InlineData("mysql-9.7", "source", "--plugin-load-add=semisync_source.so")]
    public async Task A_row_whose_change_is_delivered_and_not_visible_yet_is_not_copied_as_it_was(string name, string role, string option)
    {
        await using var source = await LabServer.StartAsync(name, option);
        await using var scenario = await Scenario.CreateAsync(source, await LabServer.SharedAsync("mariadb-10.11", "target"), "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB");
        await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES {string.Join(',', Enumerable.Range(1, 30).Select(i => $"({i}, 0)"))}", default);
        await scenario.RecordAsync();
        await using var stream = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(stream);

        await scenario.Source.ExecuteAsync($"SET GLOBAL rpl_semi_sync_{role}_timeout=3600000, GLOBAL rpl_semi_sync_{role}_enabled=ON", default);
        await using var application = await scenario.ConnectSourceAsync();
        var writing = application.ExecuteMultiAsync("BEGIN; UPDATE t SET v=1 WHERE id=7; DELETE FROM t WHERE id=8; INSERT INTO t VALUES (100, 1); COMMIT", default);
        while ((await scenario.Source.QueryAsync("SELECT 1 FROM information_schema.processlist WHERE state LIKE '%semi-sync%'", default)).RowCount == 0)
        {
            Assert.False(writing.IsCompleted, "The commit did not wait.");
            await Task.Delay(10);
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Equal("0", (await scenario.Source.QueryAsync("SELECT SUM(v) FROM t", default)).GetString(0, 0));

        var trying = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var read = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using (FaultPoints.Arm("copy.snapshot.before", _ => Reached(trying)))
        using (FaultPoints.Arm("copy.read.after", _ => Reached(read)))
        {
            var copying = new TableCopier(stream, new CopyOptions { Threads = 1 }).RunAsync(default);
            await trying.Task.WaitAsync(TimeSpan.FromMinutes(4));
            await Task.WhenAny(read.Task, Task.Delay(s_temptation));
            Assert.False(read.Task.IsCompleted, "Rows were read before what is delivered could be seen.");
            Assert.False(writing.IsCompleted);
            await scenario.Source.ExecuteAsync($"SET GLOBAL rpl_semi_sync_{role}_enabled=OFF", default);
            await writing;
            await copying.WaitAsync(TimeSpan.FromMinutes(5));
        }

        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }

    private static ValueTask Reached(TaskCompletionSource point)
    {
        point.TrySetResult();
        return ValueTask.CompletedTask;
    }
}
