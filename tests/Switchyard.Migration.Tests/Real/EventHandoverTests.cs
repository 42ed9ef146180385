using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

/// <summary>Events of the source while the sides change.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class EventHandoverTests
{
    private const string Table = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(40)) ENGINE=InnoDB";

    private static readonly SwitchRequest s_request = new() { SkipDiff = true };

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task An_event_that_is_gone_by_the_time_it_is_disabled_stops_nothing_and_is_not_made_anew(string from, string to)
    {
        await using var world = await RunningAsync(await LabServer.SharedAsync(from, "source"), await LabServer.SharedAsync(to, "target"));
        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync("CREATE EVENT leaving ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM t", default);
        await source.ExecuteAsync("CREATE EVENT staying ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM t", default);

        // As the server does with one that has run for the last time.
        using (FaultPoints.Arm("switch.warm.after", async _ => await source.ExecuteAsync("DROP EVENT leaving", default)))
        {
            Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, s_request, default)).Result);
        }

        await using var target = await world.OpenTargetAsync();
        Assert.Equal(["staying ENABLED"], await EventsAsync(target, world.Schema));
        await world.UntilFollowingAsync();
        Assert.Equal("reversed", (await world.Service.ReverseAsync(world.Schema, s_request, default)).Result);
        Assert.Equal(["staying ENABLED"], await EventsAsync(source, world.Schema));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task Triggers_and_events_made_or_dropped_while_the_switch_begins_are_what_the_other_side_gets(string from, string to)
    {
        await using var world = await RunningAsync(await LabServer.SharedAsync(from, "source"), await LabServer.SharedAsync(to, "target"));
        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync("CREATE TRIGGER leaving BEFORE UPDATE ON t FOR EACH ROW SET NEW.v='left'", default);
        await source.ExecuteAsync("CREATE EVENT before_it ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM t", default);
        using (FaultPoints.Arm("switch.warm.after", async _ =>
        {
            await source.ExecuteAsync("DROP TRIGGER leaving", default);
            await source.ExecuteAsync("CREATE TRIGGER coming BEFORE INSERT ON t FOR EACH ROW SET NEW.v='made'", default);
            await source.ExecuteAsync("CREATE EVENT meanwhile ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM t", default);
        }))
        {
            Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, s_request, default)).Result);
        }

        await world.UntilFollowingAsync();
        await using var target = await world.OpenTargetAsync();
        Assert.Equal(["coming"], await TriggersAsync(target));
        Assert.Empty(await TriggersAsync(source));
        Assert.Equal(["before_it ENABLED", "meanwhile ENABLED"], await EventsAsync(target, world.Schema));
        Assert.DoesNotContain(await EventsAsync(source, world.Schema), e => e.EndsWith(" ENABLED", StringComparison.Ordinal));

        async Task<IReadOnlyList<string>> TriggersAsync(BackendConnection server) =>
            [.. (await server.QueryAsync($"SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema='{world.Schema}'", default)).Rows.Select(r => r.GetString(0))];
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_switch_that_is_given_up_after_an_event_has_gone_leaves_nothing_half_done(string from, string to)
    {
        await using var world = await RunningAsync(await LabServer.SharedAsync(from, "source"), await LabServer.SharedAsync(to, "target"));
        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync("CREATE EVENT leaving ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM t", default);
        using (FaultPoints.Arm("switch.fence.after", async _ =>
        {
            await using var other = await world.OpenSourceAsync();
            await other.ExecuteAsync("DROP EVENT leaving", default);
            throw new FaultInjectedException("switch.fence.after");
        }))
        {
            var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, s_request, default));
            Assert.DoesNotContain("Not everything", error.Message, StringComparison.Ordinal);
        }

        await world.UntilAsync(MigrationState.Running);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, s_request, default)).Result);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task An_event_whose_schedule_is_over_is_told_and_left_behind(string from, string to)
    {
        await using var world = await RunningAsync(await LabServer.SharedAsync(from, "source"), await LabServer.SharedAsync(to, "target"));
        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync("SET timestamp=1000000000", default);
        await source.ExecuteAsync("CREATE EVENT once ON SCHEDULE AT '2001-10-01 00:00:00' DISABLE DO DELETE FROM t", default);
        await source.ExecuteAsync("SET timestamp=DEFAULT", default);
        var report = await world.Service.SwitchAsync(world.Schema, s_request, default);
        Assert.Equal("switched", report.Result);
        Assert.Contains("once", Assert.Single(report.Findings, f => f.Code == "event_over").What, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task An_event_that_runs_is_waited_for_and_what_it_writes_last_is_on_the_target(string from, string to)
    {
        await using var own = await LabServer.StartAsync(from, "--event-scheduler=ON");
        await using var world = await RunningAsync(own, await LabServer.SharedAsync(to, "target"));
        await using var source = await world.OpenSourceAsync();
        await using var holder = await world.OpenSourceAsync();
        await holder.QueryAsync("SELECT GET_LOCK('held', 0)", default);
        await source.ExecuteAsync(
            "CREATE EVENT long_one ON SCHEDULE EVERY 1 DAY STARTS CURRENT_TIMESTAMP DO BEGIN INSERT INTO t VALUES (1, 'begun'); SET @got = GET_LOCK('held', 300); INSERT INTO t VALUES (2, 'ended'); END", default);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while ((await source.QueryAsync("SELECT COUNT(*) FROM t", limit.Token)).GetInt64(0, 0) == 0)
        {
            await Task.Delay(20, limit.Token);
        }

        var planned = await world.Service.SwitchAsync(world.Schema, s_request with { DryRun = true }, default);
        Assert.Contains(planned.Findings, f => f.Code == "event_running");
        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, s_request with { DrainTimeoutSeconds = 1 }, default));
        Assert.Contains("Not every event", error.Message, StringComparison.Ordinal);
        Assert.Contains("KILL", error.Remedy, StringComparison.Ordinal);
        await world.UntilAsync(MigrationState.Running);

        using (FaultPoints.Arm("switch.fence.before", async _ => await holder.QueryAsync("SELECT RELEASE_LOCK('held')", default)))
        {
            Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, s_request, default)).Result);
        }

        await using var target = await world.OpenTargetAsync();
        Assert.Equal(2, (await target.QueryAsync("SELECT COUNT(*) FROM t", default)).GetInt64(0, 0));
        Assert.Equal(["long_one ENABLED"], await EventsAsync(target, world.Schema));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task Of_a_schema_that_moves_in_part_only_those_events_move_that_name_a_table_that_does(string from, string to)
    {
        await using var own = await LabServer.StartAsync(from, "--event-scheduler=ON");
        await using var world = await RealWorld.StartAsync(own, await LabServer.SharedAsync(to, "target"), limited: false, Table, "CREATE TABLE kept (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
        await using var source = await world.OpenSourceAsync();
        await source.ExecuteAsync("CREATE EVENT of_t ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM t", default);
        await source.ExecuteAsync("CREATE EVENT of_kept ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' DO DELETE FROM kept", default);
        await world.Service.CreateAsync(new CreateMigrationRequest { Name = world.Schema, Source = "a", Target = "b", Schema = world.Schema, Tables = ["t"] }, default);
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);

        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, s_request, default)).Result);
        await using var target = await world.OpenTargetAsync();
        Assert.Equal(["of_t ENABLED"], await EventsAsync(target, world.Schema));
        Assert.Equal(["of_kept ENABLED", "of_t DISABLED"], await EventsAsync(source, world.Schema));
        await world.UntilFollowingAsync();
        Assert.Equal("reversed", (await world.Service.ReverseAsync(world.Schema, s_request, default)).Result);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_switch_after_which_replication_back_does_not_run_says_so(string from, string to)
    {
        await using var world = await RunningAsync(await LabServer.SharedAsync(from, "source"), await LabServer.SharedAsync(to, "target"));
        await using var source = await world.OpenSourceAsync();
        using (FaultPoints.Arm("switch.unfence.after", async _ => await source.ExecuteAsync("CREATE TRIGGER late BEFORE INSERT ON t FOR EACH ROW SET NEW.v='late'", default)))
        {
            var report = await world.Service.SwitchAsync(world.Schema, s_request, default);
            Assert.Equal("switched", report.Result);
            Assert.Contains("late", Assert.Single(report.Findings, f => f.Code == "way_back_not_running").What, StringComparison.Ordinal);
        }

        await source.ExecuteAsync("DROP TRIGGER late", default);
        await world.Service.StartAsync(world.Schema, new StartRequest(), default);
        await world.UntilFollowingAsync();
    }

    private static async Task<RealWorld> RunningAsync(LabServer source, LabServer target)
    {
        var world = await RealWorld.StartAsync(source, target, limited: false, Table);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        return world;
    }

    private static async Task<IEnumerable<string>> EventsAsync(BackendConnection server, string schema) =>
        (await server.QueryAsync($"SELECT CONCAT(event_name, ' ', IF(status='ENABLED', 'ENABLED', 'DISABLED')) FROM information_schema.events WHERE event_schema='{schema}' ORDER BY event_name", default)).Rows.Select(r => r.GetString(0));
}
