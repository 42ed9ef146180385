using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

/// <summary>What stands in a switch's way on real servers: it is refused or taken back, the cause is named, and no client sees an error.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class RealRefusalTests
{
    /// <summary>A server where information_schema's lists of connections cannot be read, as it is while such statements run.</summary>
    private const string OddTextRole = "statements that are no text";

    private static readonly SwitchRequest s_request = new() { SkipDiff = true };

    [Fact]
    public async Task A_pinned_session_gives_the_switch_up_and_is_named_with_what_pins_it()
    {
        await using var world = await RunningAsync();
        await using var load = Workload.Start(world, 2);
        await using var app = await world.OpenAppAsync();
        foreach (var (pin, unpin, reason) in ((string, string, string)[])
        [
            ("CREATE TEMPORARY TABLE scratch (id INT)", "DROP TEMPORARY TABLE scratch", "temporary"),
            ("DO GET_LOCK('a', 1)", "DO RELEASE_LOCK('a')", "GET_LOCK"),
            ("LOCK TABLES words READ", "UNLOCK TABLES", "LOCK TABLES"),
        ])
        {
            await app.ExecuteAsync(pin, default);
            var error = await GivenUpAsync(world, reason, 0.5);
            Assert.Equal(5, error.ExitCode);
            Assert.True(error.Message.Contains(reason, StringComparison.OrdinalIgnoreCase), $"{pin}: {error.Message}");
            Assert.Contains("--kill-blockers", error.Remedy, StringComparison.Ordinal);
            await app.ExecuteAsync(unpin, default);
        }

        await AssertWentOnAsync(world, load);
    }

    [Fact]
    public async Task A_stalled_applier_gives_the_switch_up_within_its_timeout()
    {
        await using var world = await RunningAsync();
        await using var load = Workload.Start(world, 2);
        MigrationException error;
        await using var blocker = await world.OpenTargetAsync();
        await using var source = await world.OpenSourceAsync();
        var stalls = 0;
        using (FaultPoints.Arm("switch.warm.after", async _ =>
        {
            await blocker.ExecuteAsync("LOCK TABLES orders WRITE, ledger WRITE", default);
            await source.ExecuteAsync($"INSERT INTO ledger VALUES (98, {++stalls}, 'has to wait')", default);
        }))
        {
            error = await GivenUpAsync(world, "catch-up", 2);
        }

        await blocker.ExecuteAsync("UNLOCK TABLES", default);
        Assert.Equal(5, error.ExitCode);
        Assert.Contains("catch-up", error.Message, StringComparison.Ordinal);
        Assert.Contains("--timeout", error.Remedy, StringComparison.Ordinal);
        await AssertWentOnAsync(world, load);
    }

    [Fact]
    public async Task Without_the_grants_for_the_way_back_a_switch_is_refused_before_anything_is_held()
    {
        await using var world = await RunningAsync(limited: true);
        await using var load = Workload.Start(world, 2);
        await using var admin = await BackendConnection.OpenAsync(world.TargetOptions, default);
        await admin.ExecuteAsync($"REVOKE REPLICATION SLAVE ON *.* FROM '{world.LimitedUser}'@'%'", default);
        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, s_request, default));
        Assert.Equal(3, error.ExitCode);
        var finding = Assert.Single(error.Findings, f => f.Severity == FindingSeverity.Error);
        Assert.Equal("reverse_grants", finding.Code);
        Assert.Contains("GRANT REPLICATION SLAVE", finding.Remedy, StringComparison.Ordinal);

        await admin.ExecuteAsync($"GRANT REPLICATION SLAVE ON *.* TO '{world.LimitedUser}'@'%'", default);
        await AssertWentOnAsync(world, load);
    }

    [Fact]
    public async Task Without_a_fence_a_server_that_hides_the_legs_of_dead_proxies_is_refused()
    {
        await using var world = await RunningAsync();
        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, s_request with { Fence = FenceMode.None }, default));
        Assert.Equal(3, error.ExitCode);
        Assert.Contains(error.Findings, f => f.Code == "legs_unseen" && f.Remedy.Contains("performance_schema", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(FenceMode.None)]
    [InlineData(FenceMode.Lock)]
    public async Task What_a_dead_proxy_left_running_is_ended_before_the_catch_up(FenceMode fence)
    {
        await using var world = await RealWorld.StartAsync(
            await LabServer.SharedAsync("mysql-9.7", OddTextRole), await LabServer.SharedAsync("mysql-9.7", "target"), limited: false, Workload.TablesFor("mysql-9.7"));
        await PrepareAsync(world);
        await using var odd = await OddStatement.StartAsync(world);

        // As a proxy that was killed leaves it: a transaction with a statement under way that nobody waits for.
        await using var left = await BackendConnection.OpenAsync(
            world.SourceOptions with { Schema = world.Schema, Attributes = new Dictionary<string, string> { ["program_name"] = "switchyard", ["_switchyard_proxy"] = "proxy-that-died" } }, default);
        await left.ExecuteAsync("START TRANSACTION", default);
        await left.ExecuteAsync("INSERT INTO ledger VALUES (77, 1, 'left')", default);
        var sleeping = left.ExecuteAsync("UPDATE ledger SET payload='late' WHERE client=77 AND SLEEP(600)=0", default);
        await using (var look = await world.OpenSourceAsync())
        {
            await OddStatement.UntilListedAsync(look, "UPDATE ledger");
        }

        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, s_request with { Fence = fence }, default)).Result);
        await Assert.ThrowsAnyAsync<Exception>(() => sleeping);
        await using var source = await world.OpenSourceAsync();
        Assert.Equal(0, (await source.QueryAsync("SELECT COUNT(*) FROM ledger WHERE client=77", default)).GetInt64(0, 0));
    }

    [Fact]
    public async Task The_precheck_lists_who_talks_to_the_source_without_a_proxy()
    {
        await using var world = await RealWorld.StartAsync(
            await LabServer.SharedAsync("mysql-9.7", OddTextRole), await LabServer.SharedAsync("mysql-9.7", "target"), limited: false, Workload.TablesFor("mysql-9.7"));
        await PrepareAsync(world);
        await using var odd = await OddStatement.StartAsync(world);
        await using var app = await world.OpenAppAsync();
        await using var direct = await BackendConnection.OpenAsync(
            world.SourceOptions with
            {
                User = world.AppUser, Password = RealWorld.AppPassword, Schema = world.Schema,
                Attributes = new Dictionary<string, string> { ["program_name"] = "nightly-report" },
            }, default);
        var report = await world.Service.SwitchAsync(world.Schema, s_request with { DryRun = true }, default);
        var finding = Assert.Single(report.Findings, f => f.Code == "direct_client");
        Assert.Contains($"'{world.AppUser}' from 127.0.0.1 (program nightly-report) has 1 connection to 'a'", finding.What, StringComparison.Ordinal);
        Assert.Contains("the last statement was", finding.What, StringComparison.Ordinal);

        // It is told once it is old enough.
        while (!report.Findings.Any(f => f.Code == "long_transaction" && f.What.Contains($"connection {odd.ConnectionId} of {world.Source.User} (127.0.0.1:", StringComparison.Ordinal)))
        {
            report = await world.Service.SwitchAsync(world.Schema, s_request with { DryRun = true }, default);
        }
    }

    /// <summary>Tries with more and more patience: on a busy machine a little of it ends before the cause can be known.</summary>
    private static async Task<MigrationException> GivenUpAsync(RealWorld world, string cause, double patienceSeconds)
    {
        var request = s_request with { DrainTimeoutSeconds = patienceSeconds, TimeoutSeconds = patienceSeconds * 1.5 };
        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync(world.Schema, request, default));
        return error.Message.Contains(cause, StringComparison.OrdinalIgnoreCase) || patienceSeconds > 20 ? error : await GivenUpAsync(world, cause, patienceSeconds * 2);
    }

    private static async Task<RealWorld> RunningAsync(bool limited = false)
    {
        var world = await RealWorld.StartAsync("mariadb-10.11", "mariadb-10.11", limited, Workload.Tables);
        await PrepareAsync(world);
        return world;
    }

    private static async Task PrepareAsync(RealWorld world)
    {
        await Workload.FillAsync(world, 200);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
    }

    /// <summary>Nothing was changed, no client saw anything, and the switch can be done when its way is free.</summary>
    private static async Task AssertWentOnAsync(RealWorld world, Workload load)
    {
        Assert.Equal("a", (await world.Service.StatusAsync(world.Schema, default)).Writes);
        await world.UntilAsync(MigrationState.Running);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, s_request, default)).Result);
        await using var target = await world.OpenTargetAsync();
        Assert.Equal(0, await load.StopAndCountLostAsync(target));
        Assert.True(load.Errors.Count == 0, string.Join("\n", load.Errors));
    }
}
