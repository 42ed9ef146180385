using Switchyard.Faults;

namespace Switchyard.Migration.Tests.Real;

/// <summary>A table that the application drops while its schema is being migrated.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class DroppedTableTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_table_dropped_on_the_source_keeps_nothing_of_the_others_from_going_on(string from, string to)
    {
        const string Columns = "(id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB";
        await using var world = await RealWorld.StartAsync(from, to, $"CREATE TABLE stays {Columns}", $"CREATE TABLE goes {Columns}", "INSERT INTO stays VALUES (1, 1)", "INSERT INTO goes VALUES (1, 1)");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var source = await world.OpenSourceAsync();
        await using var target = await world.OpenTargetAsync();
        await source.ExecuteAsync("UPDATE goes SET v=2", default);
        await source.ExecuteAsync("DROP TABLE goes", default);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while ((await target.QueryAsync($"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='{world.Schema}' AND table_name='goes'", limit.Token)).GetInt64(0, 0) > 0)
        {
            await Task.Delay(20, limit.Token);
        }

        Assert.Equal("clean", (await world.DiffAsync()).State);
        await world.RestartAsync();
        await source.ExecuteAsync("INSERT INTO stays VALUES (2, 2)", default);
        await world.UntilAsync(MigrationState.Running);
        Assert.Equal("clean", (await world.DiffAsync()).State);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest(), default)).Result);
        await world.UntilFollowingAsync();
        Assert.Equal("reversed", (await world.Service.ReverseAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default)).Result);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default)).Result);
        await world.UntilFollowingAsync();
        await world.Service.CompleteAsync(world.Schema, new CompleteRequest { SkipDiff = true, SourceData = SourceData.Rename }, default);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    public async Task A_table_dropped_on_the_source_while_it_is_copied_leaves_the_migration_and_status_says_so(string from, string to)
    {
        const string Columns = "(id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, v INT) ENGINE=InnoDB";
        await using var world = await RealWorld.StartAsync(from, to, $"CREATE TABLE stays {Columns}", $"CREATE TABLE goes {Columns}", "INSERT INTO stays VALUES (1, 1)", "INSERT INTO goes VALUES (1, 1)");
        await using var source = await world.OpenSourceAsync();
        var hits = 0;
        using (FaultPoints.Arm("copy.open.before", token => Interlocked.Increment(ref hits) == 1 ? new ValueTask(source.ExecuteAsync("DROP TABLE goes", token)) : ValueTask.CompletedTask))
        {
            await world.CreateAsync();
            await world.UntilAsync(MigrationState.Running);
        }

        var status = await world.Service.StatusAsync(world.Schema, default);
        Assert.Equal(["goes dropped", "stays done"], status.Tables.Select(t => $"{t.Name} {t.Phase}").Order());
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        Assert.Equal("clean", (await world.DiffAsync()).State);
        await world.RestartAsync();
        await source.ExecuteAsync("INSERT INTO stays VALUES (2, 2)", default);
        await world.UntilAsync(MigrationState.Running);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default)).Result);
    }
}
