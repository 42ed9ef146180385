using Switchyard.Client;

namespace Switchyard.Migration.Tests.Real;

/// <summary>XA transactions of the application on whichever side is authoritative.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class RealXaTests
{
    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    public async Task After_a_switch_XA_transactions_flow_back_and_one_left_prepared_bars_the_way_back_by_name(string source, string target)
    {
        await using var world = await RealWorld.StartAsync(source, target, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(20) NOT NULL) ENGINE=InnoDB");
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await using var app = await world.OpenAppAsync();
        await PrepareAsync(app, "'there'", "INSERT INTO t VALUES (1, 'there')");
        await app.ExecuteAsync("XA COMMIT 'there'", default);
        Assert.Equal("switched", (await world.Service.SwitchAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default)).Result);

        await PrepareAsync(app, "'back'", "INSERT INTO t VALUES (2, 'back')", "UPDATE t SET v='changed' WHERE id=1");
        await app.ExecuteAsync("XA COMMIT 'back'", default);
        await PrepareAsync(app, "'never'", "INSERT INTO t VALUES (3, 'never')");
        await app.ExecuteAsync("XA ROLLBACK 'never'", default);
        await PrepareAsync(app, "'open'", "INSERT INTO t VALUES (4, 'open')");
        var refused = await Assert.ThrowsAsync<MigrationException>(() => world.Service.ReverseAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default));
        Assert.Contains("X'6f70656e',X'',1", refused.Message, StringComparison.Ordinal);

        await app.ExecuteAsync("XA COMMIT 'open'", default);
        await world.UntilFollowingAsync();
        Assert.Equal("clean", (await world.DiffAsync()).State);
        Assert.Equal("reversed", (await world.Service.ReverseAsync(world.Schema, new SwitchRequest { SkipDiff = true }, default)).Result);
        await using var back = await world.OpenSourceAsync();
        var rows = await back.QueryAsync("SELECT GROUP_CONCAT(id, ' ', v ORDER BY id) FROM t", default);
        Assert.Equal("1 changed,2 back,4 open", rows.GetString(0, 0));
    }

    private static async Task PrepareAsync(BackendConnection connection, string xid, params string[] statements)
    {
        await connection.ExecuteAsync($"XA START {xid}", default);
        foreach (var statement in statements)
        {
            await connection.ExecuteAsync(statement, default);
        }

        await connection.ExecuteAsync($"XA END {xid}", default);
        await connection.ExecuteAsync($"XA PREPARE {xid}", default);
    }
}
