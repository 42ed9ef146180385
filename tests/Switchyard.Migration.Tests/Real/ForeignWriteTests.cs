namespace Switchyard.Migration.Tests.Real;

/// <summary>Somebody writes to the side that only replication should write.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class ForeignWriteTests
{
    private static readonly SwitchRequest s_request = new() { SkipDiff = true };

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task A_write_on_the_passive_side_bars_the_way_back_until_a_clean_comparison(string source, string target)
    {
        await using var world = await RealWorld.StartAsync(source, target, Workload.TablesFor(source));
        await Workload.FillAsync(world, 100);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);

        // There and back: what a switch does itself on either side is no write of others.
        await using (var load = Workload.Start(world, 2))
        {
            await load.UntilWrittenAsync();
            await world.Service.SwitchAsync(world.Schema, s_request, default);
            await load.UntilWrittenAsync();
            await world.Service.ReverseAsync(world.Schema, s_request, default);
            await load.UntilWrittenAsync();
            await world.Service.SwitchAsync(world.Schema, s_request, default);
            Assert.True(load.Errors.Count == 0, string.Join("\n", load.Errors));
        }

        await using var direct = await world.OpenSourceAsync();
        await direct.ExecuteAsync("INSERT INTO words (word) VALUES ('stranger')", default);

        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.ReverseAsync(world.Schema, s_request, default));
        Assert.Equal(3, refused.ExitCode);
        var finding = Assert.Single(refused.Findings, f => f.Severity == FindingSeverity.Error);
        Assert.Equal("foreign_writes", finding.Code);
        Assert.Contains("1 transaction of somebody else changed migrated tables on 'a', the last one words at", finding.What, StringComparison.Ordinal);
        var diagnosis = await world.Service.DiagnoseAsync(world.Schema, default);
        Assert.False(diagnosis.Healthy);
        Assert.Contains(diagnosis.Observations, o => o.Contains("rows of words", StringComparison.Ordinal));

        // It is on record, not in memory.
        await world.RestartAsync();
        await world.UntilFollowingAsync();
        refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.ReverseAsync(world.Schema, s_request, default));
        Assert.Single(refused.Findings, f => f.Code == "foreign_writes");

        Assert.Equal(1, (await world.DiffAsync()).Differences);
        Assert.Equal("repaired", (await RepairDiffAsync(world)).State);

        // What the repair wrote there is ours; what the stranger did is resolved by a clean comparison only.
        refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.ReverseAsync(world.Schema, s_request, default));
        Assert.Contains(refused.Findings, f => f.Code == "foreign_writes" && f.What.StartsWith("1 transaction of", StringComparison.Ordinal));
        Assert.Equal("clean", (await world.DiffAsync()).State);
        Assert.Equal("reversed", (await world.Service.ReverseAsync(world.Schema, s_request, default)).Result);
        Assert.True((await world.Service.DiagnoseAsync(world.Schema, default)).Healthy);
    }

    private static async Task<DiffReport> RepairDiffAsync(RealWorld world)
    {
        await world.Service.RepairDiffAsync(world.Schema, default);
        return await world.Service.WaitDiffAsync(world.Schema, default);
    }
}
