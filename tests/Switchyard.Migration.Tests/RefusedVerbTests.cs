using Switchyard.Faults;

namespace Switchyard.Migration.Tests;

/// <summary>Verbs at the wrong time: each is refused with a sentence, and nothing is changed.</summary>
[Collection("faults")]
public sealed class RefusedVerbTests
{
    private static readonly SwitchRequest s_request = new() { SkipDiff = true, DrainTimeoutSeconds = 5, TimeoutSeconds = 20 };

    [Fact]
    public async Task The_second_of_two_operators_is_told_what_runs()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        var reached = new TaskCompletionSource();
        var goOn = new TaskCompletionSource();
        Task<SwitchReport> first;
        using (FaultPoints.Arm("switch.warm.before", async _ =>
        {
            reached.SetResult();
            await goOn.Task;
        }))
        {
            first = world.Service.SwitchAsync("shop", s_request, default);
            await reached.Task;
            foreach (var second in (Func<Task>[])
            [
                () => world.Service.SwitchAsync("shop", s_request, default), () => world.Service.CancelAsync("shop", new CancelRequest(), default),
                () => world.Service.StopAsync("shop", default), () => world.Service.CompleteAsync("shop", new CompleteRequest(), default),
                () => world.Service.StartDiffAsync("shop", new DiffRequest(), default), () => world.Service.ResumeDiffAsync("shop", default),
                () => world.Service.RepairDiffAsync("shop", default),
            ])
            {
                var error = await Assert.ThrowsAsync<MigrationException>(second);
                Assert.Equal(("busy", 3), (error.Code, error.ExitCode));
                Assert.Contains("'switch' of migration 'shop' is under way", error.Message, StringComparison.Ordinal);
            }

            goOn.SetResult();
            Assert.Equal("switched", (await first).Result);
        }
    }

    [Fact]
    public async Task Whoever_holds_the_lock_elsewhere_is_named()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        await using var held = await world.Topology.TryLockMigrationAsync("shop", "other-host:1", "switch-0009", TimeSpan.FromSeconds(30));
        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_request, default));
        Assert.Equal(("locked", 3), (error.Code, error.ExitCode));
        Assert.Contains("other-host:1 (switch-0009", error.Message, StringComparison.Ordinal);
        Assert.Equal("a", (await world.Service.StatusAsync("shop", default)).Writes);
    }

    [Fact]
    public async Task A_switch_during_the_copy_and_a_reverse_before_a_switch_have_nothing_to_do()
    {
        await using var world = await World.StartAsync();
        world.Engine.CopyGate = new TaskCompletionSource();
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Copying);
        await RefusedAsync(() => world.Service.SwitchAsync("shop", s_request, default), "'shop' is copying");
        world.Engine.CopyGate.SetResult();
        await world.UntilAsync(MigrationState.Running);
        await RefusedAsync(() => world.Service.ReverseAsync("shop", s_request, default), "'shop' is running");
        await RefusedAsync(() => world.Service.CompleteAsync("shop", new CompleteRequest(), default), "only a switched migration can be completed");
        await RefusedAsync(() => world.Service.DetachAsync("shop", default), "only a completed migration can be detached");

        await world.Service.SwitchAsync("shop", s_request, default);
        await RefusedAsync(() => world.Service.SwitchAsync("shop", s_request, default), "'shop' is switched");
        await RefusedAsync(() => world.Service.CancelAsync("shop", new CancelRequest(), default), "cancelling would lose what was written there");
        Assert.Equal("b", (await world.Service.StatusAsync("shop", default)).Writes);
    }

    private static async Task RefusedAsync(Func<Task> verb, string because)
    {
        var error = await Assert.ThrowsAsync<MigrationException>(verb);
        Assert.Equal(("wrong_state", 3), (error.Code, error.ExitCode));
        Assert.Contains(because, error.Message, StringComparison.Ordinal);
        Assert.NotEmpty(error.Remedy);
    }
}
