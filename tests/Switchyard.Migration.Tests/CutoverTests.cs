using Switchyard.Faults;
using Switchyard.Replication.Schema;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

// Fault points are global to the process, so tests that arm them do not run beside each other.
[Collection("faults")]
public sealed class CutoverTests
{
    // Waited for whole, and long enough for a proxy to say that it has a session which does not end.
    private const double SecondsInVain = 3;

    private static readonly SwitchRequest s_request = new() { SkipDiff = true, DrainTimeoutSeconds = 60, TimeoutSeconds = 120 };

    public static TheoryData<string> BeforeTheFlip()
    {
        var data = new TheoryData<string>();
        foreach (var step in CutoverSteps.All.TakeWhile(s => s != CutoverSteps.Flip).SkipWhile(s => s != CutoverSteps.Warm))
        {
            data.Add($"switch.{step}.before");
            data.Add($"switch.{step}.after");
        }

        data.Add("switch.flip.before");
        return data;
    }

    public static TheoryData<string> FromTheFlipOn()
    {
        var data = new TheoryData<string> { "switch.flip.after" };
        foreach (var step in CutoverSteps.All.SkipWhile(s => s != CutoverSteps.Release).Where(s => s != CutoverSteps.Unlock))
        {
            data.Add($"switch.{step}.before");
            data.Add($"switch.{step}.after");
        }

        data.Add("switch.unlock.before");
        return data;
    }

    [Fact]
    public async Task A_switch_makes_the_target_authoritative_and_the_source_follow()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();

        var report = await world.Service.SwitchAsync("shop", s_request, default);

        Assert.Equal("switched", report.Result);
        Assert.Equal(CutoverSteps.All, report.Steps.Select(s => s.Name));
        Assert.All(report.Steps, s => Assert.True(s.Ms >= 0));
        Assert.Equal(3, report.HeldStatements);
        Assert.Equal(12.5, report.LongestHoldMs);
        Assert.Equal("log.000001:100", report.SourcePosition);
        Assert.Equal("log.000001:100", report.TargetPosition);
        await AssertAuthoritativeAsync(world, "b", "shop.reverse");
        Assert.Equal(MigrationState.Switched, (await world.Service.StatusAsync("shop", default)).State);
        Assert.Equal(report.Epoch, world.View.Current.Routing.Epoch);
    }

    [Fact]
    public async Task Sides_change_back_and_forth_as_often_as_wanted()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();

        Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_request, default)).Result);
        Assert.Equal("reversed", (await world.Service.ReverseAsync("shop", s_request, default)).Result);
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
        Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_request, default)).Result);
        await AssertAuthoritativeAsync(world, "b", "shop.reverse");
        Assert.Equal(["a", "b", "a", "b"], world.Proxy.Writers);
    }

    [Theory]
    [MemberData(nameof(BeforeTheFlip))]
    public async Task A_failure_before_the_flip_undoes_everything_and_a_later_switch_works(string point)
    {
        await using var world = await World.StartAsync();
        PlantTriggerAndEvent(world.A);
        await world.CreateRunningAsync();

        MigrationException error;
        using (FaultPoints.Arm(point, _ => throw new FaultInjectedException(point)))
        {
            error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request, default));
        }

        Assert.Equal(5, error.ExitCode);
        Assert.Contains(point, error.Message, StringComparison.Ordinal);
        Assert.Equal(MigrationState.Running, (await world.UntilAsync(MigrationState.Running)).State);
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
        AssertRunsOnlyOn(world.A, world.B);
        Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_request, default)).Result);
        await AssertAuthoritativeAsync(world, "b", "shop.reverse");
        AssertRunsOnlyOn(world.B, world.A);
    }

    [Theory]
    [MemberData(nameof(FromTheFlipOn))]
    public async Task A_failure_after_the_flip_is_finished_all_the_same(string point)
    {
        await using var world = await World.StartAsync();
        PlantTriggerAndEvent(world.A);
        await world.CreateRunningAsync();

        using (FaultPoints.Arm(point, _ => throw new FaultInjectedException(point)))
        {
            Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_request, default)).Result);
        }

        await AssertAuthoritativeAsync(world, "b", "shop.reverse");
        AssertRunsOnlyOn(world.B, world.A);
        Assert.Equal("reversed", (await world.Service.ReverseAsync("shop", s_request, default)).Result);
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
    }

    [Theory]
    [MemberData(nameof(BeforeTheFlip))]
    public async Task A_process_that_ends_before_the_flip_comes_back_at_the_source(string point)
    {
        await using var world = await CrashAtAsync(point, FenceMode.ReadOnly);

        Assert.Equal(MigrationState.Running, (await world.UntilAsync(MigrationState.Running)).State);
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
        AssertRunsOnlyOn(world.A, world.B);
        Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_request, default)).Result);
    }

    [Theory]
    [MemberData(nameof(FromTheFlipOn))]
    public async Task A_process_that_ends_after_the_flip_comes_back_at_the_target(string point)
    {
        await using var world = await CrashAtAsync(point, FenceMode.ReadOnly);

        Assert.Equal(MigrationState.Switched, (await world.UntilAsync(MigrationState.Switched)).State);
        await AssertAuthoritativeAsync(world, "b", "shop.reverse");
        AssertRunsOnlyOn(world.B, world.A);
        Assert.Equal("reversed", (await world.Service.ReverseAsync("shop", s_request, default)).Result);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_store_that_fails_in_the_flip_leaves_everything_as_it_is_until_a_restart_reads_what_became_of_it(bool survives)
    {
        await using var world = await World.StartAsync();
        PlantTriggerAndEvent(world.A);
        await world.CreateRunningAsync();
        world.Store.SurvivesFailingFlip = survives;

        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request, default));

        Assert.Equal(("undecided", 1, "undecided"), (error.Code, error.ExitCode, error.Report!.Result));
        Assert.Contains("restart Switchyard", error.Remedy, StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.RepairAsync("shop", default));
        Assert.Equal("repair_failed", refused.Code);
        Assert.Equal(1, world.A.Fences);
        Assert.False(world.A.Events["nightly"].Enabled);
        Assert.True(world.B.Triggers.ContainsKey("stamp"));
        Assert.Empty(world.Engine.Running);

        await world.RestartAsync();

        await world.UntilAsync(survives ? MigrationState.Switched : MigrationState.Running);
        await AssertAuthoritativeAsync(world, survives ? "b" : "a", survives ? "shop.reverse" : "shop.forward");
        AssertRunsOnlyOn(survives ? world.B : world.A, survives ? world.A : world.B);
    }

    [Fact]
    public async Task A_store_that_fails_before_the_flip_keeps_nobody_from_the_source_and_a_restart_undoes_the_rest()
    {
        await using var world = await World.StartAsync();
        PlantTriggerAndEvent(world.A);
        await world.CreateRunningAsync();
        MigrationException error;
        using (FaultPoints.Arm("switch.flip.before", _ =>
        {
            world.Store.Fail();
            return ValueTask.CompletedTask;
        }))
        {
            error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request, default));
        }

        Assert.Equal(5, error.ExitCode);
        Assert.Contains("Not everything could be undone", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, world.A.Fences);
        Assert.True(world.A.Events["nightly"].Enabled);

        await world.RestartAsync();

        await world.UntilAsync(MigrationState.Running);
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
        AssertRunsOnlyOn(world.A, world.B);
    }

    [Fact]
    public async Task An_XA_transaction_prepared_after_the_first_look_gives_the_switch_up_and_is_named()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        using var armed = FaultPoints.Arm("switch.fence.before", _ =>
        {
            world.A.PreparedXa.Add("X'6c617465',X'',1");
            return ValueTask.CompletedTask;
        });

        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request, default));

        Assert.Equal(5, error.ExitCode);
        Assert.Contains("X'6c617465',X'',1", error.Message, StringComparison.Ordinal);
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
    }

    [Fact]
    public async Task A_session_that_does_not_end_gives_the_switch_up_and_is_named()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.Proxy.Stuck = true;

        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request with { DrainTimeoutSeconds = SecondsInVain }, default));

        Assert.Equal(5, error.ExitCode);
        Assert.Contains("session 7 of 10.0.0.9:5000 (open transaction", error.Message, StringComparison.Ordinal);
        Assert.NotNull(error.Report);
        Assert.Equal("not_switched", error.Report.Result);
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
    }

    [Fact]
    public async Task Blockers_are_ended_when_asked_for()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.Proxy.Stuck = true;

        var report = await world.Service.SwitchAsync("shop", s_request with { DrainTimeoutSeconds = SecondsInVain, KillBlockers = true }, default);

        Assert.Equal("switched", report.Result);
    }

    [Fact]
    public async Task A_lost_fence_gives_the_switch_up()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.A.FenceBroken = true;

        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request, default));

        Assert.Equal(5, error.ExitCode);
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
    }

    [Fact]
    public async Task A_gate_that_a_proxy_abandoned_never_flips()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        using var armed = FaultPoints.Arm("switch.flip.before", async _ =>
        {
            var gate = (await world.Topology.ListGatesAsync()).Single();
            await world.Topology.Begin().Require(gate).Put(gate.Value with { State = GateState.Abandoned, Reason = "too many statements" }).CommitAsync();
        });

        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request, default));

        Assert.Equal(5, error.ExitCode);
        Assert.Contains("too many statements", error.Message, StringComparison.Ordinal);
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
    }

    [Fact]
    public async Task A_proxy_that_joins_during_the_hold_has_to_drain_too()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        FakeProxy? late = null;
        using var armed = FaultPoints.Arm("switch.flip.before", async _ => late = await FakeProxy.StartAsync("p2", world.Topology, world.View, TimeProvider.System));

        var report = await world.Service.SwitchAsync("shop", s_request, default);

        Assert.Equal("switched", report.Result);
        Assert.Equal(6, report.HeldStatements);
        await late!.DisposeAsync();
    }

    [Fact]
    public async Task A_rehearsal_measures_the_pause_and_changes_nothing()
    {
        await using var world = await World.StartAsync();
        PlantTriggerAndEvent(world.A);
        await world.CreateRunningAsync();

        var report = await world.Service.SwitchAsync("shop", s_request with { Rehearse = true, SkipDiff = false }, default);

        Assert.Equal("rehearsed", report.Result);
        Assert.Equal(CutoverSteps.CatchUp, report.Steps[^1].Name);
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
        AssertRunsOnlyOn(world.A, world.B);
        Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_request, default)).Result);
    }

    [Fact]
    public async Task A_dry_run_prints_the_plan_and_holds_nothing()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();

        var report = await world.Service.SwitchAsync("shop", s_request with { DryRun = true }, default);

        Assert.Equal("planned", report.Result);
        Assert.Contains(report.Plan, line => line.StartsWith("flip:", StringComparison.Ordinal));
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
    }

    [Fact]
    public async Task A_refused_switch_names_everything_at_once()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.B.ReadOnly = true;
        world.A.PreparedXa.AddRange(["X'61',X'',1", "X'00',X'',1"]);
        world.Servers.MissingAccounts.Add(new Account("app", "%"));

        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request with { SkipDiff = false }, default));

        Assert.Equal(3, error.ExitCode);
        Assert.Equal(
            ["accounts_missing", "no_diff", "prepared_xa", "target_read_only"],
            error.Findings.Where(f => f.Severity == FindingSeverity.Error).Select(f => f.Code).Order(StringComparer.Ordinal));
        await AssertAuthoritativeAsync(world, "a", "shop.forward");
    }

    [Fact]
    public async Task A_source_that_is_read_only_on_purpose_is_not_made_writable_by_a_fence_that_is_lifted()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.A.ReadOnly = true;

        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request with { Fence = FenceMode.ReadOnly }, default));

        Assert.Equal("source_read_only", Assert.Single(error.Findings, f => f.Severity == FindingSeverity.Error).Code);
        Assert.True(world.A.ReadOnly);
        Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_request, default)).Result);
    }

    [Fact]
    public async Task An_identity_value_that_the_streams_own_transactions_keep_from_being_raised_is_raised_between_them()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        var orders = new TableName("shop", "orders");
        (world.A.Identities[orders], world.B.Identities[orders]) = (5000, 4000);
        world.B.IdentitiesAreHeld = true;
        await world.Service.SwitchAsync("shop", new SwitchRequest { SkipDiff = true }, default);
        Assert.True(world.B.Identities[orders] >= 5000);
        Assert.Equal(2, world.B.IdentityAttempts);
    }

    [Fact]
    public async Task Identities_of_the_target_are_raised_above_the_sources()
    {
        await using var world = await World.StartAsync();
        var (orders, items) = (new TableName("shop", "orders"), new TableName("shop", "items"));
        world.A.Identities[orders] = 5000;
        world.B.Identities[orders] = 4000;
        world.A.Identities[items] = 10;
        world.B.Identities[items] = 10;
        await world.CreateRunningAsync();

        await world.Service.SwitchAsync("shop", s_request, default);

        Assert.True(world.B.Identities[orders] >= 5000);
        Assert.Equal(10UL, world.B.Identities[items]);
    }

    [Fact]
    public async Task In_the_pause_a_definition_is_changed_only_for_values_that_replication_did_not_raise()
    {
        await using var world = await World.StartAsync();
        var (orders, items) = (new TableName("shop", "orders"), new TableName("shop", "items"));
        (world.A.Identities[orders], world.B.Identities[orders]) = (10, 10);
        (world.A.Identities[items], world.B.Identities[items]) = (10, 10);
        await world.CreateRunningAsync();

        using (FaultPoints.Arm("switch.warm.after", _ =>
        {
            (world.A.Identities[orders], world.B.Identities[orders]) = (15, 15);
            (world.A.Identities[items], world.B.Identities[items]) = (15, 12);
            return default;
        }))
        {
            await world.Service.SwitchAsync("shop", s_request, default);
        }

        Assert.Equal([items], world.B.Raised);
        Assert.Equal((15UL, 15UL), (world.B.Identities[orders], world.B.Identities[items]));
    }

    private static async Task<World> CrashAtAsync(string point, FenceMode fence)
    {
        var world = await World.StartAsync();
        PlantTriggerAndEvent(world.A);
        await world.CreateRunningAsync();
        var reached = new TaskCompletionSource();
        using (FaultPoints.Arm(point, _ =>
        {
            reached.TrySetResult();
            return new ValueTask(Task.Delay(Timeout.Infinite, CancellationToken.None));
        }))
        {
            _ = world.Service.SwitchAsync("shop", s_request with { Fence = fence }, default);
            await reached.Task.WaitAsync(TimeSpan.FromMinutes(4));
        }

        await world.RestartAsync();
        return world;
    }

    private static void PlantTriggerAndEvent(FakeServer server)
    {
        server.Triggers["stamp"] = new TriggerDefinition("shop", "stamp", "orders", "CREATE TRIGGER …", "");
        server.Events["nightly"] = new EventDefinition("shop", "nightly", "CREATE EVENT …", "", "SYSTEM", Enabled: true);
    }

    private static void AssertRunsOnlyOn(FakeServer active, FakeServer passive)
    {
        Assert.True(active.Triggers.ContainsKey("stamp"));
        Assert.True(active.Events["nightly"].Enabled);
        Assert.Empty(passive.Triggers);
        Assert.DoesNotContain(passive.Events.Values, e => e.Enabled);
    }

    private static async Task AssertAuthoritativeAsync(World world, string backend, string stream)
    {
        var rules = (await world.Topology.GetRoutingAsync()).Value.Rules;
        Assert.All(rules, r => Assert.Equal((backend, backend), (r.Writer, r.Reader)));
        Assert.NotEmpty(rules);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (!world.Engine.Running.ContainsKey(stream))
        {
            await Task.Delay(2, limit.Token);
        }

        Assert.Equal([stream], world.Engine.Running.Keys);
        Assert.False(world.Engine.TwoRanAtOnce);
        Assert.Empty(await world.Topology.ListGatesAsync());
        Assert.Equal(0, world.A.Fences);
        Assert.False(world.A.ReadOnly);
        Assert.Null(await world.Topology.GetMigrationLockAsync("shop"));
        var diagnosis = await world.Service.DiagnoseAsync("shop", default);
        Assert.True(diagnosis.Healthy, string.Join(" ", diagnosis.Observations.Concat(diagnosis.Next)));
    }
}
