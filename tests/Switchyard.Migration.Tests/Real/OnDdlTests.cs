using Switchyard.Replication.Schema;

namespace Switchyard.Migration.Tests.Real;

/// <summary>What a stopped migration asks for can be done: the change by hand, and going on behind it.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class OnDdlTests
{
    [Fact]
    public async Task A_migration_stopped_at_a_change_of_definition_goes_on_when_it_was_made_by_hand()
    {
        await using var world = await RealWorld.StartAsync("mysql-9.7", "mariadb-11.8", "CREATE TABLE t (id INT PRIMARY KEY, v INT)");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await using var source = await world.OpenSourceAsync();
        await using var target = await world.OpenTargetAsync();
        await source.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
        await source.ExecuteAsync("ALTER TABLE t ADD g INT GENERATED ALWAYS AS (v + 1) VIRTUAL", default);
        await source.ExecuteAsync("INSERT INTO t (id, v) VALUES (2, 2)", default);
        var stopped = await world.UntilAsync(MigrationState.Error);
        Assert.Contains("start --on-ddl ignore", stopped.Error, StringComparison.Ordinal);

        await target.ExecuteAsync("ALTER TABLE t ADD g INT GENERATED ALWAYS AS (v + 1) VIRTUAL", default);
        await world.Service.StartAsync(world.Schema, new StartRequest { OnDdl = OnDdl.Ignore }, default);
        await world.UntilAsync(MigrationState.Running);
        Assert.Equal("clean", (await world.DiffAsync()).State);

        await world.Service.StopAsync(world.Schema, default);
        await world.Service.StartAsync(world.Schema, new StartRequest { OnDdl = OnDdl.Exec }, default);
        await source.ExecuteAsync("ALTER TABLE t ADD w INT NOT NULL DEFAULT 5", default);
        await source.ExecuteAsync("INSERT INTO t (id, v) VALUES (3, 3)", default);
        await world.UntilAsync(MigrationState.Running);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while ((await SchemaReader.ReadTableAsync(target, new TableName(world.Schema, "t"), limit.Token))!.Columns.Count < 4)
        {
            await Task.Delay(20, limit.Token);
        }

        Assert.Equal("clean", (await world.DiffAsync()).State);
        Assert.Equal(OnDdl.Exec, (await world.Service.ShowAsync(world.Schema, default)).Settings.OnDdl);
    }
}
