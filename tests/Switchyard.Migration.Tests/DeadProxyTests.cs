using Switchyard.Client;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

/// <summary>What runs on an origin that does not show whose connections are whose.</summary>
[Collection("faults")]
public sealed class DeadProxyTests
{
    private static readonly SwitchRequest s_request = new() { SkipDiff = true, DrainTimeoutSeconds = 60, TimeoutSeconds = 120 };

    // Waited for whole, and long enough for the proxy that lives to answer.
    private static readonly SwitchRequest s_inVain = s_request with { DrainTimeoutSeconds = 3 };

    [Fact]
    public async Task Statements_of_others_bar_no_switch_while_no_proxy_has_died()
    {
        await using var world = await StartAsync();
        Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_request, default)).Result);
    }

    [Fact]
    public async Task After_a_proxy_has_died_what_runs_and_may_be_its_own_is_named()
    {
        await using var world = await StartAsync("dead");
        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_inVain, default));
        Assert.Equal(5, error.ExitCode);
        Assert.Contains("connection 57 of 'app' from 10.0.0.7:4000 has run a CALL for 12 s", error.Message, StringComparison.Ordinal);
        Assert.Contains("KILL 57", error.Remedy, StringComparison.Ordinal);
        Assert.Equal("a", (await world.Service.StatusAsync("shop", default)).Writes);
        Assert.Equal(0, world.A.Fences);

        world.A.Processes.Clear();
        Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_request, default)).Result);
        Assert.Equal("a", Assert.Single(Assert.Single(await world.Topology.ListProxyTracesAsync()).Value.GoneFrom));
    }

    [Fact]
    public async Task An_account_that_may_not_see_what_a_dead_proxy_left_is_told_what_it_lacks()
    {
        await using var world = await StartAsync("dead");
        world.A.SeesOthers = false;
        var error = await Assert.ThrowsAsync<MigrationException>(() => world.Service.SwitchAsync("shop", s_inVain, default));
        Assert.Equal(5, error.ExitCode);
        Assert.Contains("GRANT PROCESS", error.Remedy, StringComparison.Ordinal);
        Assert.Equal("a", (await world.Service.StatusAsync("shop", default)).Writes);
    }

    [Fact]
    public async Task It_is_ended_when_that_is_asked_for()
    {
        await using var world = await StartAsync("dead");
        Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_inVain with { KillBlockers = true }, default)).Result);
        Assert.Empty(world.A.Processes);
    }

    [Fact]
    public async Task Where_connections_are_known_the_dead_ones_trace_goes_with_the_last_backend_it_is_gone_from()
    {
        await using var world = await StartAsync("dead");
        world.A.SeesLegs = true;
        Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_request, default)).Result);
        Assert.Equal("reversed", (await world.Service.ReverseAsync("shop", s_request, default)).Result);
        Assert.Empty(await world.Topology.ListProxyTracesAsync());
    }

    /// <summary>It may have statements under way that nobody has looked for: the next switch has to look again.</summary>
    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task A_proxy_that_comes_to_life_again_while_it_is_looked_for_is_not_noted_as_gone(bool isMember, bool hasWrittenItsTrace)
    {
        await using var world = await StartAsync("dead");
        world.A.SeesLegs = true;
        FakeProxy? again = null;
        world.A.OnOrphans = async () =>
        {
            world.A.OnOrphans = () => Task.CompletedTask;
            again = isMember ? await FakeProxy.StartAsync("dead", world.Topology, world.View, TimeProvider.System) : null;
            if (hasWrittenItsTrace)
            {
                await world.Topology.Begin().PutValue(TopologyKeys.ProxyTrace("dead"), new ProxyTrace("dead", TimeProvider.System.GetUtcNow())).CommitAsync();
            }
        };
        try
        {
            Assert.Equal("switched", (await world.Service.SwitchAsync("shop", s_request, default)).Result);
            Assert.Empty(Assert.Single(await world.Topology.ListProxyTracesAsync()).Value.GoneFrom);
        }
        finally
        {
            if (again is not null)
            {
                await again.DisposeAsync();
            }
        }

        await world.Service.ReverseAsync("shop", s_request, default);
        Assert.Equal("b", Assert.Single(Assert.Single(await world.Topology.ListProxyTracesAsync()).Value.GoneFrom));
    }

    private static async Task<World> StartAsync(string? dead = null)
    {
        var world = await World.StartAsync();
        await world.CreateRunningAsync();
        world.A.SeesLegs = false;
        world.A.Processes.Add(new ServerProcess(57, "app", "10.0.0.7:4000", "shop", "Query", 12) { Verb = "CALL" });
        if (dead is not null)
        {
            await world.Topology.Begin().PutValue(TopologyKeys.ProxyTrace(dead), new ProxyTrace(dead, TimeProvider.System.GetUtcNow())).CommitAsync();
        }

        return world;
    }
}
