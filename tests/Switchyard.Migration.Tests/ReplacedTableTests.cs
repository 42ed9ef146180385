using Switchyard.Faults;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration.Tests;

/// <summary>The source has another table under the name of one that was copied.</summary>
[Collection("faults")]
public sealed class ReplacedTableTests
{
    [Fact]
    public async Task A_running_migration_copies_a_replaced_table_again_by_itself_and_says_so_meanwhile()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        var gate = world.Engine.CopyGate = new TaskCompletionSource();
        world.Engine.Running["shop.forward"].Replace("orders");

        var copying = await world.UntilAsync(MigrationState.Copying);
        const string Sentence = "Table shop.orders was replaced on the source by RENAME TABLE at log.1:7; it is being copied again.";
        Assert.Equal(("table_replaced", Sentence), (Assert.Single(copying.Findings).Code, copying.Findings[0].What));
        Assert.Equal("begun", Assert.Single((await world.Service.ShowAsync("shop", default)).Journal, line => line.Operation == "copy-again-0001").Event);
        foreach (var verb in (Func<Task>[])[
            () => world.Service.SwitchAsync("shop", new SwitchRequest { SkipDiff = true }, default),
            () => world.Service.ValidateAsync("shop", new ValidateRequest { Percent = 100 }, default),
            () => world.Service.StartDiffAsync("shop", new DiffRequest(), default)])
        {
            Assert.Contains(Sentence, (await Assert.ThrowsAsync<MigrationException>(verb)).Message, StringComparison.Ordinal);
        }

        gate.SetResult();
        Assert.Empty((await world.UntilAsync(MigrationState.Running)).Findings);
        Assert.Equal([new TableName("shop", "orders")], world.Engine.MadeAnew);
        Assert.Equal(
            [("begun", "Table shop.orders was replaced on the source by RENAME TABLE at log.1:7."), ("done", "Copied again: shop.orders.")],
            (await world.Service.ShowAsync("shop", default)).Journal.Where(line => line.Operation == "copy-again-0001").Select(line => (line.Event, line.Detail)));
        Assert.False(world.Engine.TwoRanAtOnce);
    }

    [Fact]
    public async Task A_switch_that_has_begun_when_a_table_is_replaced_is_refused_before_anything_is_held()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        var gate = world.Engine.CopyGate = new TaskCompletionSource();
        using (FaultPoints.Arm("switch.lock.before", async _ =>
        {
            world.Engine.Running["shop.forward"].Replace("orders");
            await world.UntilAsync(MigrationState.Copying);
        }))
        {
            var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", new SwitchRequest { SkipDiff = true }, default));
            Assert.Contains("is being copied again", refused.Message, StringComparison.Ordinal);
        }

        gate.SetResult();
        await world.UntilAsync(MigrationState.Running);
        Assert.Single(world.Engine.MadeAnew);
    }

    [Fact]
    public async Task A_process_that_ends_while_a_table_is_copied_again_goes_on_with_it_and_makes_it_anew_once()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.Engine.CopyGate = new TaskCompletionSource();
        world.Engine.Running["shop.forward"].Replace("orders");
        await UntilAsync(() => world.Engine.Running.Values.Any(s => s.Replaced is null));
        await world.RestartAsync();

        await world.UntilAsync(MigrationState.Running);
        Assert.Empty(world.Engine.MadeAnew);
    }

    [Fact]
    public async Task A_table_that_cannot_be_copied_again_stops_the_migration_until_it_can()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.Engine.CopyAgainRefusal = "shop.orders has no primary key.";
        world.Engine.Running["shop.forward"].Replace("orders");
        Assert.Equal("shop.orders has no primary key.", (await world.UntilAsync(MigrationState.Error)).Error);

        world.Engine.CopyAgainRefusal = null;
        await world.Service.StartAsync("shop", new StartRequest(), default);
        await world.UntilAsync(MigrationState.Running);
        Assert.Single(world.Engine.MadeAnew);
    }

    [Fact]
    public async Task While_reads_go_to_the_target_nothing_is_copied_again_and_the_remedy_works()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        await world.Service.ValidateAsync("shop", new ValidateRequest { Percent = 100 }, default);
        world.Engine.Running["shop.forward"].Replace("orders");
        var stopped = await world.UntilAsync(MigrationState.Error);
        Assert.Contains("reads go to 'b'", stopped.Error, StringComparison.Ordinal);
        Assert.Contains("validate shop --off", stopped.Remedy, StringComparison.Ordinal);

        await world.Service.ValidateAsync("shop", new ValidateRequest { Off = true }, default);
        await world.Service.StartAsync("shop", new StartRequest(), default);
        await world.UntilAsync(MigrationState.Running);
        world.Engine.Running["shop.forward"].Replace("orders");
        await UntilAsync(() => world.Engine.Running.Values.Any(s => s.Replaced is null));
        await world.UntilAsync(MigrationState.Running);
        Assert.Single(world.Engine.MadeAnew);
    }

    [Fact]
    public async Task After_the_switch_nothing_is_copied_again_and_the_migration_can_be_completed()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        await world.Service.SwitchAsync("shop", new SwitchRequest { SkipDiff = true }, default);
        await UntilAsync(() => world.Engine.Running.ContainsKey("shop.reverse"));
        world.Engine.Running["shop.reverse"].Replace("orders");
        var stopped = await world.UntilAsync(MigrationState.Error);
        Assert.Contains("'b' is authoritative", stopped.Error, StringComparison.Ordinal);
        Assert.Contains("migration complete shop", stopped.Remedy, StringComparison.Ordinal);
        Assert.Empty(world.Engine.MadeAnew);

        Assert.Equal("completed", (await world.Service.CompleteAsync("shop", new CompleteRequest(), default)).Result);
    }

    [Fact]
    public async Task A_migration_that_was_to_stop_after_its_copy_does_not_stop_again_after_that_of_a_table()
    {
        await using var world = await World.StartAsync();
        await world.Service.CreateAsync(new CreateMigrationRequest { Name = "shop", Source = "a", Target = "b", Schema = "shop", StopAfterCopy = true }, default);
        await world.UntilAsync(MigrationState.Stopped);
        await world.Service.StartAsync("shop", new StartRequest(), default);
        await UntilAsync(() => world.Engine.Running.ContainsKey("shop.forward"));
        world.Engine.Running["shop.forward"].Replace("orders");
        await UntilAsync(() => world.Engine.Running.Values.Any(s => s.Replaced is null));
        await world.UntilAsync(MigrationState.Running);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (!condition())
        {
            await Task.Delay(2, limit.Token);
        }
    }
}
