using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Statements of which only the server knows what they have done leave a session pinned rather than free, and in the schema it is in.</summary>
[Trait("Category", "Integration")]
public sealed class UnsureStateTests
{
    public static TheoryData<string> Servers => ["mysql-5.6", "mysql-9.7", "mariadb-10.11"];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Of_several_statements_only_those_before_the_one_that_failed_count(string version)
    {
        var server = await LabServer.SharedAsync(version, "proxy");
        await using var harness = await ProxyHarness.StartAsync(("a", server));
        await using var client = await WireClient.OpenAsync(harness.Client, Capabilities.None);
        await client.QueryAsync($"USE {harness.Schema}; SELECT nothing_such; USE mysql");
        Assert.Equal(1054, client.ErrorCode);
        Assert.Equal(harness.Schema, (await OnlyAsync(harness)).Schema);
        await client.QueryAsync("CREATE TEMPORARY TABLE x (a INT); SELECT nothing_such; DROP TEMPORARY TABLE x");
        Assert.Equal("it has temporary tables", Assert.Single((await OnlyAsync(harness)).Pins));
        await client.QueryAsync("DROP TEMPORARY TABLE x; SELECT nothing_such");
        Assert.Empty((await OnlyAsync(harness)).Pins);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_lock_taken_twice_pins_for_as_long_as_the_server_keeps_it(string version)
    {
        var server = await LabServer.SharedAsync(version, "proxy");
        await using var harness = await ProxyHarness.StartAsync(("a", server));
        await using var client = await harness.ConnectAsync();
        var name = $"'{harness.Schema}'";
        await client.QueryAsync($"SELECT GET_LOCK({name}, 0)", default);
        await client.QueryAsync($"SELECT GET_LOCK({name}, 0)", default);
        await client.QueryAsync($"SELECT RELEASE_LOCK({name})", default);
        var held = (await client.QueryAsync($"SELECT IS_USED_LOCK({name}) IS NOT NULL", default)).GetInt64(0, 0) == 1;
        Assert.Equal(version != "mysql-5.6", held);
        Assert.Equal(held, !(await OnlyAsync(harness)).Pins.IsEmpty);
        await client.QueryAsync($"SELECT RELEASE_LOCK({name})", default);
        await client.QueryAsync("SELECT 1", default);
        Assert.Empty((await OnlyAsync(harness)).Pins);
    }

    [Fact]
    public async Task A_lock_on_the_whole_server_outlives_a_transaction()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "proxy");
        await using var harness = await ProxyHarness.StartAsync(("a", server));
        await harness.DirectAsync(server, "CREATE TABLE t (a INT)", $"GRANT RELOAD ON *.* TO '{ProxyHarness.AppUser}'@'%'");
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("BACKUP LOCK t", default);
        await client.ExecuteAsync("BEGIN", default);
        await client.ExecuteAsync("COMMIT", default);
        Assert.StartsWith("it holds a lock on the whole server", Assert.Single((await OnlyAsync(harness)).Pins), StringComparison.Ordinal);
        await client.ExecuteAsync("BACKUP UNLOCK", default);
        Assert.Empty((await OnlyAsync(harness)).Pins);
        await client.ExecuteAsync("LOCK TABLES t READ", default);
        Assert.Equal("it holds LOCK TABLES", Assert.Single((await OnlyAsync(harness)).Pins));
        await client.ExecuteAsync("BEGIN", default);
        await client.ExecuteAsync("COMMIT", default);
        Assert.Empty((await OnlyAsync(harness)).Pins);
    }

    [Fact]
    public async Task Two_handlers_are_closed_one_after_the_other()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "proxy");
        await using var harness = await ProxyHarness.StartAsync(("a", server));
        await harness.DirectAsync(server, "CREATE TABLE t (a INT)");
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("HANDLER t OPEN AS a", default);
        await client.ExecuteAsync("HANDLER t OPEN AS b", default);
        await client.ExecuteAsync("HANDLER a CLOSE", default);
        Assert.Equal("it has an open HANDLER", Assert.Single((await OnlyAsync(harness)).Pins));
        await client.ExecuteAsync("HANDLER b CLOSE", default);
        Assert.Empty((await OnlyAsync(harness)).Pins);
    }

    /// <summary>The session once it has done with its last statement, which its client can know of before.</summary>
    private static async Task<SessionInfo> OnlyAsync(ProxyHarness harness)
    {
        SessionInfo session;
        while ((session = Assert.Single(harness.Proxy.ListSessions())).State != "idle")
        {
            await Task.Yield();
        }

        return session;
    }
}
