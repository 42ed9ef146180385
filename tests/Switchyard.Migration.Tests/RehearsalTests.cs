namespace Switchyard.Migration.Tests;

[Collection("faults")]
public sealed class RehearsalTests
{
    [Fact]
    public async Task A_rehearsal_leaves_all_its_steps_in_the_journal()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        await world.Service.SwitchAsync("shop", new SwitchRequest { Rehearse = true, SkipDiff = true }, default);

        var journal = (await world.Service.ShowAsync("shop", default)).Journal;
        Assert.Equal(
            CutoverSteps.All.TakeWhile(s => s != CutoverSteps.Handover), journal.Where(l => l.Event == "done").Select(l => l.Step));
    }

    [Fact]
    public async Task A_record_can_be_printed()
    {
        await using var world = await World.StartAsync();
        await world.CreateRunningAsync();
        var record = (await world.Topology.ListMigrationsAsync<MigrationRecord>(default)).Single().Value;
        Assert.Contains("Direction = forward", record.ToString(), StringComparison.Ordinal);
    }
}
