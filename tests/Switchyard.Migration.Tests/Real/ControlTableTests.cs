using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

/// <summary>The tables of all migrations' streams on a server are one set: whoever goes last removes it.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class ControlTableTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mysql-5.6")]
    public async Task A_migration_that_begins_while_the_last_one_removes_its_tables_keeps_its_own(string source, string target)
    {
        await using var to = await LabServer.StartAsync(target);
        await using var world = await RealWorld.StartAsync(await LabServer.SharedAsync(source, "source"), to, limited: false, "CREATE TABLE t (id INT PRIMARY KEY)", "CREATE TABLE u (id INT PRIMARY KEY)");
        await world.Service.CreateAsync(new CreateMigrationRequest { Name = "first", Source = "a", Target = "b", Schema = world.Schema, Tables = ["t"] }, default);
        await UntilAsync(world, "first", MigrationState.Running);
        using (FaultPoints.Arm("remove.tables.before", async token =>
        {
            await world.Service.CreateAsync(new CreateMigrationRequest { Name = "second", Source = "a", Target = "b", Schema = world.Schema, Tables = ["u"] }, token);
            await using var target = await BackendConnection.OpenAsync(world.TargetOptions, token);
            while ((await world.Service.StatusAsync("second", token)).State != MigrationState.Running
                && !(await target.QueryAsync("SHOW PROCESSLIST", token)).Rows.Any(r => r.GetStringOrNull(7)?.StartsWith("SELECT GET_LOCK('switchyard.control'", StringComparison.Ordinal) == true))
            {
                await Task.Delay(20, token);
            }
        }))
        {
            await world.Service.CancelAsync("first", new CancelRequest(), default);
        }

        await UntilAsync(world, "second", MigrationState.Running);
        await using var from = await world.OpenSourceAsync();
        await from.ExecuteAsync("INSERT INTO u VALUES (1)", default);
        await using var there = await world.OpenTargetAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while ((await there.QueryAsync("SELECT COUNT(*) FROM u", limit.Token)).GetInt64(0, 0) == 0)
        {
            Assert.NotEqual(MigrationState.Error, (await world.Service.StatusAsync("second", limit.Token)).State);
            await Task.Delay(20, limit.Token);
        }
    }

    private static async Task UntilAsync(RealWorld world, string name, MigrationState state)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while ((await world.Service.StatusAsync(name, limit.Token)) is { } status && status.State != state)
        {
            Assert.True(status.State != MigrationState.Error, status.Error);
            await Task.Delay(20, limit.Token);
        }
    }
}
