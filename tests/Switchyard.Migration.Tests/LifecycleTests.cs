using Switchyard.Binlog;
using Switchyard.Replication;
using Switchyard.Replication.Source;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

// Switches here would run into fault points armed beside them.
[Collection("faults")]
public sealed class LifecycleTests
{
    private static readonly SwitchRequest s_request = new() { SkipDiff = true };

    [Fact]
    public async Task Create_routes_the_schema_to_the_source_and_copies()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();

        var status = await world.Service.StatusAsync("shop", default);
        Assert.Equal(["items", "orders"], status.Tables.Select(t => t.Name));
        Assert.Equal(20, status.Copy!.RowsCopied);
        Assert.Equal(("a", "a"), (status.Writes, status.Reads));
        var rule = Assert.Single((await world.Topology.GetRoutingAsync()).Value.Rules);
        Assert.Equal(new RoutingRule("shop", null, "a", "a", "shop"), rule);
    }

    [Fact]
    public async Task What_the_schema_copy_could_not_carry_over_stands_in_the_status_also_after_a_restart()
    {
        await using var world = await World.StartAsync();
        world.Engine.SchemaFindings.Add(Finding.Warning("object_not_created", "The view shop.v could not be created on the target.", "Create it there by hand."));
        await world.CreateRunningAsync();
        await world.RestartAsync();
        await world.UntilAsync(MigrationState.Running);

        var finding = Assert.Single((await world.Service.StatusAsync("shop", default)).Findings);
        Assert.Equal("object_not_created", finding.Code);
    }

    [Fact]
    public async Task What_the_copy_did_is_kept_beside_the_record_and_known_after_a_restart_wherever_it_stood()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        var record = (await world.Topology.Store.GetAsync(TopologyKeys.Migration("shop")))!;
        Assert.DoesNotContain("rows_copied", record.Value, StringComparison.Ordinal);
        Assert.Equal(1, record.Value.Split("\"orders\"").Length - 1);
        await world.RestartAsync();
        Assert.Equal(20, (await world.UntilAsync(MigrationState.Running)).Copy!.RowsCopied);

        // As earlier versions wrote it.
        var copied = (await world.Topology.Store.GetAsync(TopologyKeys.CopiedOf("shop")))!.Value;
        await world.Topology.Store.CommitAsync(StoreTransaction.Empty
            .Put(record.Key, record.Value[..^1] + $",\"copied\":{copied}}}").Delete(TopologyKeys.CopiedOf("shop")));
        await world.RestartAsync();
        Assert.Equal(20, (await world.UntilAsync(MigrationState.Running)).Copy!.RowsCopied);
        await world.Service.SwitchAsync("shop", s_request, default);
        await world.RestartAsync();
        Assert.Equal(20, (await world.UntilAsync(MigrationState.Switched)).Copy!.RowsCopied);
        Assert.DoesNotContain("rows_copied", (await world.Topology.Store.GetAsync(record.Key))!.Value, StringComparison.Ordinal);

        await world.Service.ReverseAsync("shop", s_request, default);
        await world.Service.CancelAsync("shop", new CancelRequest(), default);
        await world.Service.DeleteAsync("shop", default);
        Assert.Null(await world.Topology.Store.GetAsync(TopologyKeys.CopiedOf("shop")));
    }

    [Fact]
    public async Task A_stream_behind_by_half_of_what_the_log_is_kept_for_is_warned_of()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        var stream = world.Engine.Running["shop.forward"];
        (stream.Lag, stream.LogRetention) = (40_000, 86_400);
        Assert.Empty((await world.Service.StatusAsync("shop", default)).Findings);

        stream.Lag = 50_000;

        var finding = Assert.Single((await world.Service.StatusAsync("shop", default)).Findings);
        Assert.Equal("log_near_purge", finding.Code);
        Assert.Contains("binlog_expire_logs_seconds", finding.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_named_while_it_is_silent()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.Engine.Running["shop.forward"].FollowerSilence = 20;

        var finding = Assert.Single((await world.Service.StatusAsync("shop", default)).Findings);
        Assert.Equal("server_silent", finding.Code);
        Assert.Contains("'b' has not answered for 00:00:20", finding.What, StringComparison.Ordinal);

        world.Engine.Running["shop.forward"].FollowerSilence = null;
        Assert.Empty((await world.Service.StatusAsync("shop", default)).Findings);
    }

    [Fact]
    public async Task A_migration_that_stands_still_is_warned_while_the_log_still_reaches_back_to_it()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        LogReach Reach(int hours, ulong bytes) => new(new BinlogPosition("binlog.000007", 4), TimeSpan.FromHours(hours), bytes, new LogRetention(TimeSpan.FromHours(24), 1_000_000_000));
        world.Engine.Reach = () => Reach(13, 600_000_000);
        Assert.Empty((await world.Service.StatusAsync("shop", default)).Findings);

        await world.Service.StopAsync("shop", default);

        var findings = (await world.Service.StatusAsync("shop", default)).Findings;
        Assert.Equal(["log_near_purge", "log_near_purge"], findings.Select(f => f.Code));
        Assert.Contains("13:00:00 to catch up from binlog.000007:4", findings[0].What, StringComparison.Ordinal);
        Assert.Contains("migration start shop", findings[0].Remedy, StringComparison.Ordinal);
        Assert.Contains("max_binlog_total_size", findings[1].Remedy, StringComparison.Ordinal);

        await world.Service.StartAsync("shop", new StartRequest(), default);
        await world.UntilAsync(MigrationState.Running);
        Assert.Empty((await world.Service.StatusAsync("shop", default)).Findings);
        world.Engine.Reach = () => Reach(11, 400_000_000);
        await world.Service.StopAsync("shop", default);
        Assert.Empty((await world.Service.StatusAsync("shop", default)).Findings);
    }

    [Fact]
    public async Task A_migration_that_stands_still_behind_a_purged_log_is_told_so_before_it_is_started()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.Engine.Reach = () => throw new ReplicationException("The source no longer has its binary log binlog.000007.");
        await world.Service.StopAsync("shop", default);

        var finding = Assert.Single((await world.Service.StatusAsync("shop", default)).Findings);
        Assert.Equal(("log_purged", FindingSeverity.Error), (finding.Code, finding.Severity));
        Assert.Contains("binlog.000007", finding.What, StringComparison.Ordinal);
        Assert.Contains("Cancel 'shop'", finding.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_switch_a_purged_log_ends_the_way_back_and_nobody_is_told_to_cancel()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        await world.Service.SwitchAsync("shop", new SwitchRequest { SkipDiff = true }, default);
        world.Engine.Reach = () => throw new ReplicationException("The source no longer has its binary log binlog.000007.");
        await world.Service.StopAsync("shop", default);

        var finding = Assert.Single((await world.Service.StatusAsync("shop", default)).Findings, f => f.Code == "log_purged");
        Assert.Contains("migration complete shop", finding.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_log_that_cannot_be_read_does_not_keep_the_status_back()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.Engine.Reach = () => throw new BinlogFormatException("An event is shorter than its header.");
        await world.Service.StopAsync("shop", default);

        Assert.Empty((await world.Service.StatusAsync("shop", default)).Findings);
    }

    [Fact]
    public async Task A_paused_copy_stays_paused_over_a_restart_until_it_is_resumed()
    {
        await using var world = await World.StartAsync();
        world.Engine.CopyGate = new TaskCompletionSource();
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Copying);

        var paused = await world.Service.ThrottleAsync("shop", new ThrottleRequest { Pause = true, MaxThreadsRunning = 7 }, default);
        Assert.Equal(("paused", "paused by the operator"), (paused.Throttle.State, paused.Throttle.Reason));
        await world.RestartAsync();
        var after = await world.Service.StatusAsync("shop", default);
        Assert.Equal(7, after.Throttle.Limits.MaxThreadsRunning);
        Assert.True(after.Throttle.Limits.Paused);

        var resumed = await world.Service.ThrottleAsync("shop", new ThrottleRequest { Pause = false }, default);
        Assert.Equal(("none", 7), (resumed.Throttle.State, resumed.Throttle.Limits.MaxThreadsRunning));
        var unknown = await Assert.ThrowsAsync<MigrationException>(() => world.Service.ThrottleAsync("shop", new ThrottleRequest { Replicas = ["nobody"] }, default));
        Assert.Equal(4, unknown.ExitCode);
    }

    [Fact]
    public async Task A_refused_create_changes_nothing_and_names_every_finding()
    {
        await using var world = await World.StartAsync();
        world.Engine.Findings.Add(Finding.Error("binlog_off", "The source writes no binary log.", "Start it with log_bin."));
        world.Engine.Findings.Add(Finding.Error("no_key", "The table x has no key.", "Add one."));
        var before = (await world.Topology.Store.ReadAsync("")).Revision;

        var error = await Assert.ThrowsAsync<MigrationException>(() => world.CreateAsync());

        Assert.Equal(3, error.ExitCode);
        Assert.Equal(["binlog_off", "no_key"], error.Findings.Select(f => f.Code));
        Assert.Contains("Start it with log_bin. Add one.", error.Remedy, StringComparison.Ordinal);
        Assert.Equal(before, (await world.Topology.Store.ReadAsync("")).Revision);
        Assert.Empty(await world.Service.ListAsync(default));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("-x")]
    [InlineData("x/../y")]
    public async Task A_name_that_cannot_be_part_of_other_names_is_wrong_usage(string name)
    {
        await using var world = await World.StartAsync();
        var error = await Assert.ThrowsAsync<MigrationException>(() => world.CreateAsync(name));
        Assert.Equal(2, error.ExitCode);
    }

    [Fact]
    public async Task An_unknown_migration_and_an_unknown_backend_are_no_such_thing()
    {
        await using var world = await World.StartAsync();
        Assert.Equal(4, (await Assert.ThrowsAsync<MigrationException>(() => world.Service.StatusAsync("nope", default))).ExitCode);
        var request = new CreateMigrationRequest { Name = "m", Source = "a", Target = "zzz", Schema = "shop" };
        Assert.Equal(4, (await Assert.ThrowsAsync<MigrationException>(() => world.Service.CreateAsync(request, default))).ExitCode);
    }

    [Fact]
    public async Task A_copy_goes_on_after_a_restart()
    {
        await using var world = await World.StartAsync();
        world.Engine.CopyGate = new TaskCompletionSource();
        await world.CreateAsync();
        Assert.Equal(MigrationState.Copying, (await world.Service.StatusAsync("shop", default)).State);

        await world.RestartAsync();

        await world.UntilAsync(MigrationState.Running);
    }

    [Fact]
    public async Task Stop_and_start_keep_the_stream_where_it_was()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();

        Assert.Equal(MigrationState.Stopped, (await world.Service.StopAsync("shop", default)).State);
        Assert.Empty(world.Engine.Running);
        await world.RestartAsync();
        Assert.Equal(MigrationState.Stopped, (await world.Service.StatusAsync("shop", default)).State);
        Assert.Equal(MigrationState.Running, (await world.Service.StartAsync("shop", new StartRequest(), default)).State);
    }

    [Fact]
    public async Task A_stream_that_fails_is_an_error_with_its_cause_and_start_goes_on()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.Engine.Running["shop.forward"].Fail("The binary log was purged.");

        var status = await world.UntilAsync(MigrationState.Error);
        Assert.Equal("The binary log was purged.", status.Error);
        Assert.Contains("start shop", status.Remedy, StringComparison.Ordinal);
        Assert.False((await world.Service.DiagnoseAsync("shop", default)).Healthy);
        await world.Service.StartAsync("shop", new StartRequest(), default);
        await world.UntilAsync(MigrationState.Running);
    }

    [Fact]
    public async Task Validate_sends_reads_to_the_target_and_off_takes_them_back()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();

        var status = await world.Service.ValidateAsync("shop", new ValidateRequest { Percent = 10, Consistency = ReadGuarantee.Session }, default);

        Assert.Equal((MigrationState.Validating, "b", "a", 10), (status.State, status.Reads, status.Writes, status.ReadPercent));
        Assert.Equal(new RoutingRule("shop", null, "a", "b", "shop", 10, ReadConsistency.Session), Assert.Single((await world.Topology.GetRoutingAsync()).Value.Rules));
        status = await world.Service.ValidateAsync("shop", new ValidateRequest { Off = true }, default);
        Assert.Equal((MigrationState.Running, "a"), (status.State, status.Reads));
    }

    [Fact]
    public async Task Reads_may_be_compared_without_sending_any_to_the_target()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.ValidateAsync("shop", new ValidateRequest { Percent = 0 }, default));
        Assert.Equal(2, error.ExitCode);

        var status = await world.Service.ValidateAsync("shop", new ValidateRequest { Percent = 0, Shadow = 20 }, default);

        Assert.Equal((MigrationState.Validating, "a", 100, 0, 20), (status.State, status.Reads, status.ReadPercent, status.Validation!.Percent, status.Validation.Shadow));
        Assert.Equal(new RoutingRule("shop", null, "a", "b", "shop", 0) { ShadowPercent = 20 }, Assert.Single((await world.Topology.GetRoutingAsync()).Value.Rules));
    }

    [Fact]
    public async Task What_shadow_reads_have_found_is_said_and_an_error_of_the_target_bars_the_switch()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        await world.Service.ValidateAsync("shop", new ValidateRequest { Shadow = 10 }, default);
        var differs = new ShadowDifference(TimeProvider.System.GetUtcNow(), "error", "source: 3 rows, target: error 1305", 3, null, null, []);
        world.Validation.Join("p1", new FakeReadObserver(new ShadowReadCounts
        {
            Compared = 412_000,
            Different = 7,
            ShapeCount = 318,
            DifferentShapeCount = 1,
            SourceP99 = 0.010,
            TargetP99 = 0.011,
            Shapes = [new ShadowShape { Shape = "SELECT SHA1(a) FROM t", Compared = 7, Different = 7, Samples = [differs] }, new ShadowShape { Shape = "SELECT a FROM t", Compared = 9 }],
        }));

        var status = await world.Service.StatusAsync("shop", default);
        Assert.Equal("412,000 reads of 318 shapes compared; 7 differ; target p99 1.1 × source", status.Validation!.Summary);
        Assert.Equal("SELECT SHA1(a) FROM t", Assert.Single(status.Validation.Compared.Shapes).Shape);
        Assert.Equal(2, (await world.Service.ShowValidationAsync("shop", default)).Compared.Shapes.Length);

        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request, default));
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("SELECT SHA1(a) FROM t", refused.Message, StringComparison.Ordinal);

        await world.Service.ValidateAsync("shop", new ValidateRequest { Off = true }, default);
        var report = await world.Service.SwitchAsync("shop", s_request, default);
        Assert.Contains(report.Findings, finding => finding is { Code: "shadow_differs", Severity: FindingSeverity.Warning });
    }

    [Fact]
    public async Task Validate_is_refused_while_an_account_is_missing()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.Servers.MissingAccounts.Add(new Account("app", "%"));

        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.ValidateAsync("shop", new ValidateRequest(), default));

        Assert.Equal(3, error.ExitCode);
        Assert.Contains("'app'@'%'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_switch_from_data_router_mode_sends_everything_to_the_target()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        await world.Service.ValidateAsync("shop", new ValidateRequest(), default);

        await world.Service.SwitchAsync("shop", s_request, default);

        Assert.Equal(new RoutingRule("shop", null, "b", "b", "shop"), Assert.Single((await world.Topology.GetRoutingAsync()).Value.Rules));
        Assert.Equal(MigrationState.Running, await StateAfterReverseAsync(world));
    }

    [Fact]
    public async Task Complete_makes_the_target_the_default_and_detach_forgets_the_source()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        await world.Service.SwitchAsync("shop", s_request, default);

        var plan = await world.Service.CompleteAsync("shop", new CompleteRequest { DryRun = true }, default);
        Assert.Equal("planned", plan.Result);
        Assert.Equal(MigrationState.Switched, (await world.Service.StatusAsync("shop", default)).State);
        var done = await world.Service.CompleteAsync("shop", new CompleteRequest { SourceData = SourceData.Rename }, default);

        Assert.Equal("completed", done.Result);
        Assert.Equal(["_items_old", "_orders_old"], world.A.Tables.Order(StringComparer.Ordinal));
        Assert.Empty(world.A.Streams);
        Assert.Empty(world.B.Streams);
        Assert.Empty(world.Engine.Running);
        var routing = (await world.Topology.GetRoutingAsync()).Value;
        Assert.Equal("b", routing.DefaultBackend);
        Assert.Empty(routing.Rules);
        await world.Service.DetachAsync("shop", default);
        Assert.Null(await world.Topology.GetBackendAsync("a"));
        await world.Service.DeleteAsync("shop", default);
        Assert.Empty(await world.Service.ListAsync(default));
    }

    [Fact]
    public async Task Complete_and_detach_are_refused_where_they_would_lose_something()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        Assert.Equal(3, (await Assert.ThrowsAsync<MigrationException>(() => world.Service.CompleteAsync("shop", new CompleteRequest(), default))).ExitCode);
        Assert.Equal(3, (await Assert.ThrowsAsync<MigrationException>(() => world.Service.DetachAsync("shop", default))).ExitCode);
        Assert.Equal(3, (await Assert.ThrowsAsync<MigrationException>(() => world.Service.ReverseAsync("shop", s_request, default))).ExitCode);
        await world.Service.SwitchAsync("shop", s_request, default);
        Assert.Equal(3, (await Assert.ThrowsAsync<MigrationException>(() => world.Service.CancelAsync("shop", new CancelRequest(), default))).ExitCode);
        Assert.Equal(3, (await Assert.ThrowsAsync<MigrationException>(() => world.Service.DeleteAsync("shop", default))).ExitCode);
    }

    [Fact]
    public async Task Cancel_removes_what_was_made_and_leaves_the_source_alone()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();

        var status = await world.Service.CancelAsync("shop", new CancelRequest(), default);

        Assert.Equal(MigrationState.Cancelled, status.State);
        Assert.Equal(["items", "orders"], world.A.Tables.Order(StringComparer.Ordinal));
        Assert.Empty(world.B.Tables);
        Assert.Empty(world.B.Streams);
        Assert.Empty((await world.Topology.GetRoutingAsync()).Value.Rules);
    }

    [Fact]
    public async Task Two_migrations_cannot_move_the_same_schema()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();

        world.Engine.Findings.Add(Finding.Error("target_not_empty", "The target already has the table shop.orders.", "Drop or rename what is there."));

        var error = await Assert.ThrowsAsync<MigrationException>(() => world.CreateAsync("other"));

        Assert.Equal(3, error.ExitCode);
        Assert.Contains("'shop'", error.Message, StringComparison.Ordinal);
        // What the target has is the other one's copy, which nobody is told to drop.
        Assert.DoesNotContain("Drop", $"{error.Remedy} {string.Join(' ', error.Findings.Select(f => f.Remedy))}", StringComparison.Ordinal);
    }

    private static async Task<MigrationState> StateAfterReverseAsync(World world)
    {
        await world.Service.ReverseAsync("shop", s_request, default);
        return (await world.Service.StatusAsync("shop", default)).State;
    }
}
