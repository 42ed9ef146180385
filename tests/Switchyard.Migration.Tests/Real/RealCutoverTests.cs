using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Migration.Tests.Real;

[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class RealCutoverTests
{
    private static readonly SwitchRequest s_request = new() { SkipDiff = true };

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task A_failure_at_any_step_loses_nothing_and_is_not_seen_by_any_client(string source, string target)
    {
        await using var world = await RealWorld.StartAsync(source, target, Workload.TablesFor(source));
        await Workload.FillAsync(world, 2000);
        await using var load = Workload.Start(world);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);

        var atSource = true;
        foreach (var step in CutoverSteps.All.Where(s => s is not (CutoverSteps.Precheck or CutoverSteps.Lock)))
        {
            foreach (var moment in (string[])["before", "after"])
            {
                var point = $"switch.{step}.{moment}";
                var flips = CutoverSteps.All.ToList().IndexOf(step) > CutoverSteps.All.ToList().IndexOf(CutoverSteps.Flip) || point == "switch.flip.after";
                using (FaultPoints.Arm(point, _ => throw new FaultInjectedException(point)))
                {
                    var change = atSource ? world.Service.SwitchAsync(world.Schema, s_request, default) : world.Service.ReverseAsync(world.Schema, s_request, default);
                    if (flips)
                    {
                        Assert.Equal(atSource ? "switched" : "reversed", (await change).Result);
                        atSource = !atSource;
                    }
                    else
                    {
                        Assert.Equal(5, (await Assert.ThrowsAsync<MigrationException>(() => change)).ExitCode);
                    }
                }

                Assert.True(load.Errors.Count == 0, $"{point}: {string.Join("\n", load.Errors)}\n{world}");
                Assert.Equal(atSource ? "a" : "b", (await world.Service.StatusAsync(world.Schema, default)).Writes);
            }
        }

        var report = await world.DiffAsync();
        Assert.True(report.State == "clean", $"{report.Summary}");
        await using var authoritative = atSource ? await world.OpenSourceAsync() : await world.OpenTargetAsync();
        Assert.Equal(0, await load.StopAndCountLostAsync(authoritative));
        Assert.True(load.Errors.Count == 0, string.Join("\n", load.Errors));
        Assert.True(load.Acknowledged > 100);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11", FenceMode.Lock)]
    [InlineData("mysql-9.7", "mysql-9.7", FenceMode.ReadOnly)]
    [InlineData("mysql-5.6", "mysql-9.7", FenceMode.Lock)]
    [InlineData("mysql-9.7", "mysql-9.7", FenceMode.None)]
    public async Task Triggers_and_events_run_on_the_authoritative_side_only(string source, string target, FenceMode fence)
    {
        await using var world = await RealWorld.StartAsync(
            source, target,
            "CREATE TABLE t (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB",
            "CREATE TABLE log (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, t INT, v INT) ENGINE=InnoDB",
            "CREATE TRIGGER t_log AFTER INSERT ON t FOR EACH ROW INSERT INTO log (t, v) VALUES (NEW.id, NEW.v)",
            "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' ON COMPLETION PRESERVE COMMENT 'it''s nightly' DO DELETE FROM log WHERE t < 0");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var app = await world.OpenAppAsync();
        await app.ExecuteAsync("INSERT INTO t (v) VALUES (1)", default);
        await AssertSidesAsync(world, atSource: true);

        await world.Service.SwitchAsync(world.Schema, s_request with { Fence = fence }, default);
        await app.ExecuteAsync("INSERT INTO t (v) VALUES (2)", default);
        await AssertSidesAsync(world, atSource: false);

        await world.Service.SwitchAsync(world.Schema, s_request with { Fence = fence, Rehearse = true }, default).ContinueWith(_ => { }, TaskScheduler.Default);
        await world.Service.ReverseAsync(world.Schema, s_request with { Fence = fence }, default);
        await app.ExecuteAsync("INSERT INTO t (v) VALUES (3)", default);
        await AssertSidesAsync(world, atSource: true);

        var report = await world.DiffAsync();
        Assert.Equal(("clean", 6L), (report.State, report.Rows));
        await world.Service.CancelAsync(world.Schema, new CancelRequest(), default);
        await using var left = await BackendConnection.OpenAsync(world.TargetOptions, default);
        Assert.Equal(0, (await left.QueryAsync($"SELECT 1 FROM information_schema.schemata WHERE schema_name='{world.Schema}'", default)).RowCount);
        Assert.Equal(0, await world.CountStreamsAsync(left));
        await AssertSourceIntactAsync(world);
    }

    [Fact]
    public async Task A_trigger_reads_on_the_other_side_as_in_the_mode_it_was_made_in()
    {
        await using var world = await RealWorld.StartAsync(
            "mariadb-10.11", "mariadb-11.8", "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(9)) ENGINE=InnoDB", "SET sql_mode='EMPTY_STRING_IS_NULL'", "CREATE TRIGGER t_reads BEFORE INSERT ON t FOR EACH ROW SET NEW.v = IF('' IS NULL, 'null', 'empty')");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var app = await world.OpenAppAsync();
        await world.Service.SwitchAsync(world.Schema, s_request, default);

        await app.ExecuteAsync("INSERT INTO t (id) VALUES (1)", default);

        await using var target = await world.OpenTargetAsync();
        Assert.Equal("null", (await target.QueryAsync("SELECT v FROM t", default)).GetString(0, 0));
    }

    [Fact]
    public async Task A_writer_that_bypasses_the_proxies_waits_at_the_fence_and_nothing_of_it_is_lost()
    {
        await using var world = await RealWorld.StartAsync("mariadb-10.11", "mariadb-10.11", Workload.Tables);
        await Workload.FillAsync(world, 100);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var bypass = await world.OpenSourceAsync();
        await bypass.ExecuteAsync("INSERT INTO ledger VALUES (99, 1, 'before')", default);
        Task? write = null;
        using (FaultPoints.Arm("switch.catch-up.before", _ =>
        {
            write = bypass.ExecuteAsync("INSERT INTO ledger VALUES (99, 2, 'during')", default);
            return default;
        }))
        using (FaultPoints.Arm("switch.flip.before", _ =>
        {
            Assert.False(write!.IsCompleted, "The write went through the fence.");
            return default;
        }))
        {
            await world.Service.SwitchAsync(world.Schema, s_request, default);
        }

        await write!;
        await using var target = await world.OpenTargetAsync();
        Assert.Equal(1, (await target.QueryAsync("SELECT COUNT(*) FROM ledger WHERE client=99", default)).GetInt64(0, 0));
    }

    [Fact]
    public async Task An_open_transaction_gives_the_switch_up_and_is_ended_only_when_asked_for()
    {
        await using var world = await RealWorld.StartAsync("mariadb-10.11", "mariadb-10.11", Workload.Tables);
        await Workload.FillAsync(world, 100);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var app = await world.OpenAppAsync();
        await app.ExecuteAsync("START TRANSACTION", default);
        await app.ExecuteAsync("UPDATE orders SET amount=1 WHERE id=1", default);

        var request = s_request with { DrainTimeoutSeconds = 1 };
        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, request, default));
        Assert.Equal(5, error.ExitCode);
        Assert.Contains("session", error.Message, StringComparison.Ordinal);
        await app.ExecuteAsync("COMMIT", default);

        await app.ExecuteAsync("START TRANSACTION", default);
        await app.ExecuteAsync("UPDATE orders SET amount=2 WHERE id=1", default);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, request with { KillBlockers = true }, default)).Result);
        await using var target = await world.OpenTargetAsync();
        Assert.Equal("1.00", (await target.QueryAsync("SELECT amount FROM orders WHERE id=1", default)).GetString(0, 0));
    }

    private static async Task AssertSourceIntactAsync(RealWorld world)
    {
        await using var source = await world.OpenSourceAsync();
        var shown = await source.QueryAsync("SHOW CREATE TRIGGER t_log", default);
        Assert.Contains("INSERT INTO log", shown.GetString(0, 2), StringComparison.Ordinal);
        Assert.Contains("DEFINER", shown.GetString(0, 2), StringComparison.Ordinal);
        await source.ExecuteAsync("INSERT INTO t (v) VALUES (4)", default);
        Assert.Equal(4, (await source.QueryAsync("SELECT COUNT(*) FROM log", default)).GetInt64(0, 0));
    }

    private static async Task AssertSidesAsync(RealWorld world, bool atSource)
    {
        await using var source = await world.OpenSourceAsync();
        await using var target = await world.OpenTargetAsync();
        Assert.Equal((atSource ? 1 : 0, atSource ? 0 : 1), (await CountAsync(source, "triggers", "trigger_schema"), await CountAsync(target, "triggers", "trigger_schema")));
        Assert.Equal((atSource ? 1 : 0, atSource ? 0 : 1), (await CountAsync(source, "events", "status='ENABLED' AND event_schema"), await CountAsync(target, "events", "status='ENABLED' AND event_schema")));
        Assert.Equal(0, (await source.QueryAsync("SELECT @@global.read_only", default)).GetInt64(0, 0));
        var authoritative = atSource ? source : target;
        Assert.Equal("it's nightly", (await authoritative.QueryAsync($"SELECT event_comment FROM information_schema.events WHERE event_schema='{world.Schema}'", default)).GetString(0, 0));
        // One line for each row: nothing was logged twice, by a trigger and by replication.
        Assert.Equal(0, (await authoritative.QueryAsync("SELECT (SELECT COUNT(*) FROM t) - (SELECT COUNT(*) FROM log)", default)).GetInt64(0, 0));

        async Task<long> CountAsync(BackendConnection connection, string what, string where) =>
            (await connection.QueryAsync($"SELECT COUNT(*) FROM information_schema.{what} WHERE {where}='{world.Schema}'", default)).GetInt64(0, 0);
    }
}
