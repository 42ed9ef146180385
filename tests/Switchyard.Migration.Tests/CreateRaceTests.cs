using Switchyard.Faults;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

/// <summary>What another process writes to the store while a migration is being created.</summary>
[Collection("faults")]
public sealed class CreateRaceTests
{
    [Fact]
    public async Task Rules_of_others_that_change_meanwhile_stay_and_keep_no_migration_from_being_created()
    {
        await using var world = await World.StartAsync();
        using (ArmOnce(() => AddRuleAsync(world, new RoutingRule("books", null, "b", "b", "other"))))
        {
            await world.CreateAsync();
        }

        await world.UntilAsync(MigrationState.Running);
        Assert.Equal(
            [("books", "b", "other"), ("shop", "a", "shop")],
            (await world.Topology.GetRoutingAsync()).Value.Rules.Select(r => (r.Schema, r.Writer, r.Migration!)).Order());
    }

    [Fact]
    public async Task Tables_that_another_migration_has_taken_meanwhile_are_refused_by_its_name()
    {
        await using var world = await World.StartAsync();
        using (ArmOnce(() => AddRuleAsync(world, new RoutingRule("shop", "orders", "a", "a", "other"))))
        {
            var refused = await Assert.ThrowsAsync<MigrationException>(() => world.CreateAsync());
            Assert.Equal(("preflight", 3), (refused.Code, refused.ExitCode));
            Assert.Contains("belongs to the migration 'other'", refused.Message, StringComparison.Ordinal);
        }

        Assert.Empty(await world.Service.ListAsync(default));
        Assert.Equal("other", Assert.Single((await world.Topology.GetRoutingAsync()).Value.Rules).Migration);
    }

    private static IDisposable ArmOnce(Func<Task> act)
    {
        var reached = 0;
        return FaultPoints.Arm("create.commit.before", async _ =>
        {
            if (Interlocked.Increment(ref reached) == 1)
            {
                await act();
            }
        });
    }

    private static async Task AddRuleAsync(World world, RoutingRule rule)
    {
        var routing = await world.Topology.GetRoutingAsync();
        Assert.True((await world.Topology.Begin().Require(routing).Put(routing.Value with { Epoch = routing.Value.Epoch + 1, Rules = [.. routing.Value.Rules, rule] }).CommitAsync()).Succeeded);
    }
}
