using Switchyard.Faults;
using Switchyard.Replication.Schema;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

/// <summary>A table that was made on the source since is taken into a migration that is under way.</summary>
[Collection("faults")]
public sealed class AddedTableTests
{
    private static readonly AddTablesRequest s_made = new() { Tables = ["shop.made"] };

    [Fact]
    public async Task A_running_migration_takes_a_table_in_and_says_so_until_it_is_copied()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.A.Tables.Add("made");
        Assert.Contains(
            "`switchyard migration add-table shop shop.made`", (await Assert.ThrowsAsync<MigrationException>(() => SwitchAsync(world))).Remedy, StringComparison.Ordinal);
        var gate = world.Engine.CopyGate = new TaskCompletionSource();

        var copying = await world.Service.AddTablesAsync("shop", s_made, default);
        const string Sentence = "Table shop.made was added to the migration; it is being copied.";
        Assert.Equal(MigrationState.Copying, copying.State);
        Assert.Equal(("table_added", Sentence), (Assert.Single(copying.Findings).Code, copying.Findings[0].What));
        Assert.Contains(copying.Tables, t => t.Name == "made");
        foreach (var verb in (Func<Task>[])[
            () => SwitchAsync(world),
            () => world.Service.ValidateAsync("shop", new ValidateRequest { Percent = 100 }, default),
            () => world.Service.StartDiffAsync("shop", new DiffRequest(), default)])
        {
            Assert.Contains(Sentence, (await Assert.ThrowsAsync<MigrationException>(verb)).Message, StringComparison.Ordinal);
        }

        gate.SetResult();
        Assert.Empty((await world.UntilAsync(MigrationState.Running)).Findings);
        world.B.Tables.Add("made");
        Assert.Equal([new TableName("shop", "made")], world.Engine.MadeAnew);
        Assert.Equal(
            [("begun", "shop.made."), ("done", "Copied: shop.made.")],
            (await world.Service.ShowAsync("shop", default)).Journal.Where(line => line.Step == "add-table").Select(line => (line.Event, line.Detail)));
        Assert.Equal("already_migrating", (await Assert.ThrowsAsync<MigrationException>(() => world.Service.AddTablesAsync("shop", s_made, default))).Code);
        Assert.Equal("switched", (await SwitchAsync(world)).Result);
        Assert.False(world.Engine.TwoRanAtOnce);
    }

    [Fact]
    public async Task A_table_that_is_to_stay_behind_is_named_and_bars_nothing()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.A.Tables.UnionWith(["made", "scratch"]);
        var request = new SwitchRequest { SkipDiff = true, LeaveOut = ["scratch"] };
        Assert.DoesNotContain("scratch", (await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", request, default))).Message, StringComparison.Ordinal);
        var report = await world.Service.SwitchAsync("shop", request with { LeaveOut = ["shop.made", "scratch"] }, default);
        Assert.Equal("switched", report.Result);
        Assert.Contains("the table shop.made, the table shop.scratch stay on 'a' alone", Assert.Single(report.Findings, f => f.Code == "table_left_out").What, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_that_the_target_does_not_take_leaves_the_migration_as_it_was()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        var before = (await world.Service.StatusAsync("shop", default)).Copy;
        world.A.Tables.Add("made");
        world.Engine.CopyAgainRefusal = "The target refuses to create shop.made.";
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.AddTablesAsync("shop", s_made, default));
        Assert.Equal(("not_added", 3), (refused.Code, refused.ExitCode));
        Assert.Contains("refuses to create", refused.Message, StringComparison.Ordinal);

        var after = await world.UntilAsync(MigrationState.Running);
        Assert.Empty(after.Findings);
        Assert.Equal(["items", "orders"], after.Tables.Select(t => t.Name));
        Assert.Equal(before, after.Copy);
        Assert.Equal(["begun", "undone"], (await world.Service.ShowAsync("shop", default)).Journal.Where(line => line.Step == "add-table").Select(line => line.Event));

        world.Engine.CopyAgainRefusal = null;
        await world.Service.AddTablesAsync("shop", s_made, default);
        await world.UntilAsync(MigrationState.Running);
        Assert.Single(world.Engine.MadeAnew);
    }

    [Fact]
    public async Task What_speaks_against_a_table_refuses_it_before_anything_is_changed()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.A.Tables.Add("made");
        world.Engine.AddedFindings.Add(Finding.Error("no_key", "shop.made has no primary key.", "Give it one."));
        Assert.Contains("no primary key", (await RefuseAsync(world, "not_added")).Message, StringComparison.Ordinal);
        world.Engine.AddedFindings.Clear();

        Assert.Equal(4, (await RefuseAsync(world, "no_such_table", "shop.other")).ExitCode);
        await RefuseAsync(world, "already_migrating", "orders");
        await RefuseAsync(world, "usage", "billing.made");
        await world.Service.ValidateAsync("shop", new ValidateRequest { Percent = 100 }, default);
        await RefuseAsync(world, "validating");
        await world.Service.ValidateAsync("shop", new ValidateRequest { Off = true }, default);
        world.B.Tables.Add("made");
        await SwitchAsync(world);
        await RefuseAsync(world, "wrong_state");
        Assert.Empty(world.Engine.MadeAnew);
        Assert.DoesNotContain((await world.Service.ShowAsync("shop", default)).Journal, line => line.Step == "add-table");
    }

    [Fact]
    public async Task A_process_that_ends_behind_the_record_goes_on_with_the_table()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.A.Tables.Add("made");
        world.Engine.CopyGate = new TaskCompletionSource();
        await world.Service.AddTablesAsync("shop", s_made, default);
        await world.RestartAsync();
        Assert.Contains((await world.UntilAsync(MigrationState.Running)).Tables, t => t.Name == "made");
        Assert.Empty(world.Engine.MadeAnew);
    }

    [Fact]
    public async Task A_stopped_migration_takes_a_table_in_when_it_is_started()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        await world.Service.StopAsync("shop", default);
        world.A.Tables.Add("made");
        Assert.Equal(MigrationState.Stopped, (await world.Service.AddTablesAsync("shop", s_made, default)).State);
        Assert.Empty(world.Engine.MadeAnew);
        await world.Service.StartAsync("shop", new StartRequest(), default);
        await world.UntilAsync(MigrationState.Running);
        Assert.Single(world.Engine.MadeAnew);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_a_schema_that_moves_in_part_an_added_table_gets_a_rule_and_counts_in_preflight(bool named)
    {
        await using var world = await World.StartAsync();
        var request = new CreateMigrationRequest { Name = "shop", Source = "a", Target = "b", Schema = "shop" };
        await world.Service.CreateAsync(named ? request with { Tables = ["orders"] } : request with { ExcludeTables = ["items"] }, default);
        await world.UntilAsync(MigrationState.Running);
        await world.Service.AddTablesAsync("shop", new AddTablesRequest { Tables = ["items"] }, default);
        await world.UntilAsync(MigrationState.Running);
        Assert.Equal(["items", "orders"], (await world.Topology.GetRoutingAsync()).Value.Rules.Select(r => r.Table!).Order(StringComparer.Ordinal));
        await world.Service.PreflightAsync("shop", default);
        Assert.Equal(["items", "orders"], world.Engine.LastSettings!.Selections[0].Tables!.Order(StringComparer.Ordinal));
        Assert.Null(world.Engine.LastSettings.Selections[0].ExcludeTables);

        await SwitchAsync(world);
        Assert.All((await world.Topology.GetRoutingAsync()).Value.Rules, r => Assert.Equal("b", r.Writer));
    }

    [Fact]
    public async Task A_table_is_added_before_or_after_a_switch_that_begins_meanwhile_and_never_during_it()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.A.Tables.Add("made");
        world.B.Tables.Add("made");
        var (met, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        using (FaultPoints.Arm("switch.lock.before", async token =>
        {
            met.TrySetResult();
            await goOn.Task.WaitAsync(token);
        }))
        {
            var switching = SwitchAsync(world);
            await met.Task.WaitAsync(TimeSpan.FromMinutes(1));
            await RefuseAsync(world, "busy");
            goOn.SetResult();
            Assert.Equal("switched", (await switching).Result);
        }
    }

    private static Task<SwitchReport> SwitchAsync(World world) => world.Service.SwitchAsync("shop", new SwitchRequest { SkipDiff = true }, default);

    private static async Task<MigrationException> RefuseAsync(World world, string code, string table = "shop.made")
    {
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.AddTablesAsync("shop", new AddTablesRequest { Tables = [table] }, default));
        Assert.Equal(code, refused.Code);
        return refused;
    }
}
