using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Migration;

namespace Switchyard.Integration.Tests.Cutover;

/// <summary>The source dies while its migration runs, and a replica takes its place: for the application, for the stream, and for the way back.</summary>
[Trait("Category", "Integration")]
public sealed class BackendMoveTests
{
    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_migration_goes_on_at_a_replica_of_a_source_that_died_there_and_back(string name)
    {
        await using var first = await LabServer.StartAsync(name);
        await using var replica = await LabServer.StartAsync(name);
        await NativeReplication.BeginAsync(first, replica);
        await using var migration = await ServedMigration.StartAsync(first, await LabServer.SharedAsync(name, "target"), LedgerClients.Tables);
        await migration.BeginAsync();
        await using var before = LedgerClients.Start(migration.OpenAppAsync, 8, mayLoseConnections: false);
        await before.UntilAllWentOnAsync();
        await before.StopAsync();
        Assert.Empty(before.Errors);

        await NativeReplication.CatchUpAsync(first, replica);
        await first.KillAsync();
        try
        {
            await NativeReplication.EndAsync(replica);
            await migration.MoveSourceAsync(replica);
            await migration.UntilAsync(MigrationState.Running);

            await using var authoritative = await BackendConnection.OpenAsync(ConnectionOptions.Parse(replica.Dsn) with { Schema = migration.Schema }, default);
            Assert.Empty(await before.AuditAsync(authoritative));
            await using var after = LedgerClients.Start(migration.OpenAppAsync, 8, mayLoseConnections: false, firstWrite: 1_000_000);
            await after.UntilAllWentOnAsync();
            Assert.Equal("clean", (await migration.DiffAsync()).State);
            Assert.Equal("switched", (await migration.ChangeSidesAsync(fromSource: true)).Result);
            await after.UntilAllWentOnAsync();
            Assert.Equal("reversed", (await migration.ChangeSidesAsync(fromSource: false)).Result);
            await after.UntilAllWentOnAsync();
            await after.StopAsync();
            Assert.True(after.Errors.Count == 0, string.Join('\n', after.Errors) + "\n" + migration.Log);
            Assert.Empty(await after.AuditAsync(authoritative));
            Assert.Equal("clean", (await migration.DiffAsync()).State);
        }
        finally
        {
            await first.RestartAsync();
        }
    }
}
