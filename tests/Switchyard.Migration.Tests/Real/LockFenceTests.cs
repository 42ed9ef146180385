using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration.Tests.Real;

/// <summary>A fence over so many tables that it is held by several connections.</summary>
[Trait("Category", "Integration")]
public sealed class LockFenceTests
{
    private const int MoreThanOneConnectionLocks = 127;
    private const int LockWaitTimeout = 1205;

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task A_fence_over_many_tables_keeps_writers_out_of_each_and_gives_up_for_an_open_transaction_on_any(string name)
    {
        var options = ConnectionOptions.Parse((await LabServer.SharedAsync(name, "source")).Dsn);
        var schema = LabServer.UniqueSchema();
        var tables = Enumerable.Range(1, MoreThanOneConnectionLocks).Select(i => new TableName(schema, $"t{i}")).ToArray();
        await using var writer = await BackendConnection.OpenAsync(options, default);
        await writer.ExecuteAsync($"CREATE DATABASE {schema}", default);
        foreach (var table in tables)
        {
            await writer.ExecuteAsync($"CREATE TABLE {table.Quoted} (id INT PRIMARY KEY)", default);
        }

        await writer.ExecuteAsync("SET SESSION lock_wait_timeout=1, innodb_lock_wait_timeout=1", default);
        await using (var side = new ServerSide(options, [schema]))
        {
            await side.PrepareFenceAsync(FenceMode.Lock, tables, TimeSpan.FromMinutes(1), default);
            await InsertAsync(1);
            await using (var fence = await side.FenceAsync(FenceMode.Lock, tables, TimeSpan.FromMinutes(1), default))
            {
                await fence.VerifyAsync(default);
                foreach (var table in new[] { tables[0], tables[^1] })
                {
                    Assert.Equal(LockWaitTimeout, (await Assert.ThrowsAsync<ServerErrorException>(() => writer.ExecuteAsync($"INSERT INTO {table.Quoted} VALUES (2)", default))).Code);
                }

                await fence.ReleaseAsync(default);
            }

            // A fence that was given up is gone only when the server has seen its connections end.
            await writer.ExecuteAsync("SET SESSION lock_wait_timeout=60, innodb_lock_wait_timeout=60", default);
            await InsertAsync(2);
            await writer.ExecuteAsync("BEGIN", default);
            await writer.ExecuteAsync($"INSERT INTO {tables[^1].Quoted} VALUES (3)", default);
            await Assert.ThrowsAsync<CutoverFailedException>(() => side.FenceAsync(FenceMode.Lock, tables, TimeSpan.FromSeconds(1), default));
            await writer.ExecuteAsync($"INSERT INTO {tables[0].Quoted} VALUES (3)", default);
            await writer.ExecuteAsync("COMMIT", default);
        }

        await writer.ExecuteAsync($"DROP DATABASE {schema}", default);

        async Task InsertAsync(int value)
        {
            foreach (var table in new[] { tables[0], tables[^1] })
            {
                await writer.ExecuteAsync($"INSERT INTO {table.Quoted} VALUES ({value})", default);
            }
        }
    }

    [Fact]
    public async Task The_fence_of_a_server_that_is_frozen_is_let_go_of_and_gone_when_the_server_goes_on()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11");
        var options = ConnectionOptions.Parse(server.Dsn);
        await using var writer = await BackendConnection.OpenAsync(options, default);
        await writer.ExecuteAsync("CREATE DATABASE fenced", default);
        await writer.ExecuteAsync("CREATE TABLE fenced.t (id INT PRIMARY KEY)", default);
        await using var side = new ServerSide(options, ["fenced"]);
        await using var fence = await side.FenceAsync(FenceMode.Lock, [new TableName("fenced", "t")], TimeSpan.FromMinutes(1), default);
        await server.FreezeAsync();
        await fence.ReleaseAsync(default).WaitAsync(TimeSpan.FromMinutes(2));
        await server.ThawAsync();
        await writer.ExecuteAsync("INSERT INTO fenced.t VALUES (1)", default);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_that_is_frozen_keeps_nobody_who_lifts_its_read_only_and_is_named(bool isConnected)
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11");
        var options = ConnectionOptions.Parse(server.Dsn);
        await using var admin = await BackendConnection.OpenAsync(options, default);
        await admin.ExecuteAsync("SET GLOBAL read_only=1", default);
        await using var side = new ServerSide(options, ["fenced"]);
        if (isConnected)
        {
            await side.ConnectAsync(default);
        }

        await server.FreezeAsync();

        // Beyond its own limit, but far from for ever.
        var error = await Assert.ThrowsAsync<CutoverFailedException>(() => side.LiftReadOnlyAsync(default).WaitAsync(TimeSpan.FromMinutes(2)));
        Assert.Contains($"127.0.0.1:{server.Port} did not answer to SET GLOBAL read_only=0", error.Message, StringComparison.Ordinal);
        Assert.Contains("run it there", error.Remedy, StringComparison.Ordinal);
        await server.ThawAsync();
        await side.LiftReadOnlyAsync(default);
        Assert.Equal(0, (await admin.QueryAsync("SELECT @@global.read_only", default)).GetInt64(0, 0));
    }
}
