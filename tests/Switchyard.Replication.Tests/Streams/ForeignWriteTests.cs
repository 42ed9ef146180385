using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Watch;

namespace Switchyard.Replication.Tests.Streams;

[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class ForeignWriteTests
{
    private const string Plain = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(100)) ENGINE=InnoDB";
    private const string Other = "CREATE TABLE other (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB";

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    public async Task A_write_on_the_passive_side_that_no_stream_made_is_found_and_ours_are_not(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain, Other);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1,'a'),(2,'b')", default);
        await scenario.RecordAsync();
        var after = await ReplicationStream.ReadEndAsync(scenario.To, default);
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions()).RunAsync(default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (3,'c')", default);
        await scenario.Source.ExecuteAsync("ALTER TABLE t ADD COLUMN n INT NULL", default);
        await scenario.Source.ExecuteAsync("UPDATE t SET n=id", default);
        await Scenario.CatchUpAsync(stream);
        await using var watch = await OpenAsync(scenario, after);
        var told = new List<ForeignWrite>();
        watch.Found += told.Add;
        watch.Start();
        await ExaminedAsync(watch, scenario);
        Assert.Empty(watch.Progress.Recent);

        await scenario.Target.ExecuteAsync($"INSERT INTO {scenario.Schema}.t VALUES (100,'foreign',NULL)", default);
        await scenario.Target.ExecuteAsync($"INSERT INTO {scenario.Schema}.other VALUES (7)", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (4,'d',4)", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.Target.ExecuteAsync($"TRUNCATE TABLE {scenario.Schema}.t", default);
        await ExaminedAsync(watch, scenario);
        var found = watch.Progress.Recent;
        Assert.Equal(["t Rows", "t Statement"], found.Select(w => $"{w.Table.Name} {w.Kind}"));
        Assert.Equal(found, told);
        Assert.Equal(2, watch.Progress.Transactions);
        Assert.True(found[0].Position < found[1].Position);
        Assert.NotNull(found[0].Gtid);
        if (scenario.Target.Server.Vendor == ServerVendor.MySql)
        {
            Assert.StartsWith(scenario.To.User + "@", found[0].Account, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_watch_whose_server_stops_answering_while_it_connects_says_so_and_goes_on_by_itself()
    {
        await using var scenario = await Scenario.CreateAsync("mariadb-10.11", "mariadb-10.11", Plain);
        await scenario.RecordAsync();
        await using var relay = new SilentRelay(scenario.To.Port);
        await using var watch = await ForeignWriteWatch.OpenAsync(
            new ForeignWriteWatchDefinition
            {
                Server = scenario.To with { Port = relay.Port, SslMode = SslMode.Disabled }, Tables = scenario.Tables, OwnStreamIds = [scenario.Definition.Id], OpeningLimit = TimeSpan.FromSeconds(1),
            },
            default);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        using (Faults.FaultPoints.Arm("watch.connect", _ =>
        {
            relay.SilenceLast();
            return ValueTask.CompletedTask;
        }))
        {
            watch.Start();
            while (watch.Progress.Error?.Contains($"127.0.0.1:{relay.Port} did not answer in time", StringComparison.Ordinal) != true)
            {
                await Task.Delay(20, limit.Token);
            }
        }

        await scenario.Target.ExecuteAsync($"INSERT INTO {scenario.Schema}.t VALUES (1,'foreign')", default);
        await ExaminedAsync(watch, scenario);
        Assert.Equal(1, watch.Progress.Transactions);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-5.6", "mariadb-11.8")]
    [InlineData("mysql-9.7", "mariadb-10.5")]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    public async Task Streams_of_both_directions_do_not_carry_each_others_transactions(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1,'a'),(2,'b')", default);
        var forwardId = scenario.Schema + ".forward";
        var reverseId = scenario.Schema + ".reverse";
        await scenario.RecordAsync(copies: true, d => d with { OppositeId = reverseId });
        var before = await ReplicationStream.ReadEndAsync(scenario.To, default);
        await using var forward = await scenario.OpenAsync();
        await new TableCopier(forward, new CopyOptions()).RunAsync(default);
        var back = scenario.Definition with { Id = reverseId, From = scenario.To, To = scenario.From, CopiesTables = false, OppositeId = forwardId };
        // Recorded before the copy's own writes, all of which it therefore meets.
        await ReplicationStream.RecordAsync(back, before, default);
        await using var reverse = await ReplicationStream.OpenAsync(back, default);
        reverse.Start();
        for (var i = 10; i < 30; i++)
        {
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({i},'source')", default);
            await scenario.Target.ExecuteAsync($"INSERT INTO {scenario.Schema}.t VALUES ({i + 100},'target')", default);
        }

        await scenario.Source.ExecuteAsync("ALTER TABLE t ADD COLUMN n INT NULL", default);
        await Scenario.CatchUpAsync(forward);
        await Scenario.CatchUpAsync(reverse);
        await Scenario.CatchUpAsync(forward);
        await scenario.Source.ExecuteAsync("UPDATE t SET n=1 WHERE id<110", default);
        await scenario.Target.ExecuteAsync($"UPDATE {scenario.Schema}.t SET n=2 WHERE id>=110", default);
        await Scenario.CatchUpAsync(forward);
        await Scenario.CatchUpAsync(reverse);
        await scenario.AssertSameAsync();
        Assert.Equal(42, await scenario.CountAsync(scenario.Tables[0]));
        Assert.Equal(StreamState.Running, forward.Progress.State);
        Assert.Equal(StreamState.Running, reverse.Progress.State);
        Assert.Equal(21, reverse.Progress.TransactionsApplied);
        await reverse.StopAsync();
        await forward.StopAsync();
    }

    private static async Task<ForeignWriteWatch> OpenAsync(Scenario scenario, BinlogPosition after) =>
        await ForeignWriteWatch.OpenAsync(new ForeignWriteWatchDefinition { Server = scenario.To, Tables = [scenario.Tables.Single(t => t.Name == "t")], OwnStreamIds = [scenario.Definition.Id], After = after }, default);

    private static async Task ExaminedAsync(ForeignWriteWatch watch, Scenario scenario)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        await watch.WaitForExaminedAsync(await ReplicationStream.ReadEndAsync(scenario.To, limit.Token), limit.Token);
    }
}
