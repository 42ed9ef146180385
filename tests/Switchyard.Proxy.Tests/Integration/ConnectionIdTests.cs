using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>The number a client is greeted with, the one the server calls it by, and the one that can be killed.</summary>
[Trait("Category", "Integration")]
public sealed class ConnectionIdTests
{
    private const string Sleep = "SELECT SLEEP(60)";

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    [InlineData("mysql-5.6")]
    public async Task A_client_is_greeted_with_the_id_the_server_knows_it_by(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        for (var i = 0; i < 3; i++)
        {
            await using var client = await harness.ConnectAsync();
            var id = client.Server.ConnectionId;
            Assert.Equal(id.ToString(), (await client.QueryAsync("SELECT CONNECTION_ID()", default)).GetString(0, 0));
            Assert.Equal("1", (await client.QueryAsync($"SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id} AND id = CONNECTION_ID()", default)).GetString(0, 0));
            var listed = await client.QueryAsync("SHOW PROCESSLIST", default);
            Assert.Contains(id.ToString(), Enumerable.Range(0, listed.RowCount).Select(row => listed.GetString(row, 0)));
            Assert.Equal(id, Assert.Single(harness.Proxy.ListSessions()).ConnectionId);
            await client.DisposeAsync();
            await ProxyHarness.UntilAsync(() => harness.Proxy.SessionCount == 0);
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task An_id_from_the_process_list_is_killed_whosever_it_is(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var killer = await harness.ConnectAsync();
        await using var stranger = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        var slept = stranger.QueryAsync($"{Sleep} /* {harness.Schema} */", default);
        var id = await ListedAsync(killer, harness.Schema);
        Assert.Equal(stranger.Server.ConnectionId.ToString(), id);
        await killer.ExecuteAsync($"KILL {id}", default);
        await Assert.ThrowsAnyAsync<Exception>(() => slept);
        var unknown = await Assert.ThrowsAsync<ServerErrorException>(() => killer.ExecuteAsync("KILL 999999999", default));
        Assert.Equal(1094, unknown.Code);
        var self = await Assert.ThrowsAsync<ServerErrorException>(() => killer.ExecuteAsync($"KILL {killer.Server.ConnectionId}", default));
        Assert.Equal(1317, self.Code);
        await Assert.ThrowsAnyAsync<Exception>(() => killer.QueryAsync("SELECT 1", default));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    public async Task A_session_that_has_moved_is_killed_by_the_id_it_was_greeted_with_and_by_its_new_one(string source, string target)
    {
        var s = await LabServer.SharedAsync(source, "source");
        var t = await LabServer.SharedAsync(target, "target");

        // Servers count up, and no number is to mean a connection of either.
        long reached = await NextIdAsync(s);
        while (Math.Abs(await NextIdAsync(t) - reached) < 50)
        {
        }

        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        await harness.CommitAsync(harness.Repository.Begin().Put(new LegCredential("t", ProxyHarness.AppUser, "%", ProxyHarness.AppUser, ProxyHarness.AppPassword)));
        await harness.RouteAsync("s", "s");
        await using var victim = await harness.ConnectAsync();
        await victim.ExecuteAsync("DO 0", default);
        await harness.RouteAsync("t", "t");
        await victim.ExecuteAsync("DO 0", default);
        var now = (await victim.QueryAsync("SELECT CONNECTION_ID()", default)).GetString(0, 0);
        Assert.Equal("t", harness.Proxy.ListSessions()[0].Backend);

        // As mysql's Ctrl-C does: a second connection, to no schema, with the greeted id.
        await using var killer = await BackendConnection.OpenAsync(harness.Client with { Schema = null }, default);
        await KillQueryAsync(victim, harness, now, () => killer.ExecuteAsync($"KILL QUERY {victim.Server.ConnectionId}", default));

        // As libraries do that prepare all they are given, whatever they send numbers as. MySQL 9 knows no parameters there.
        var id = victim.Server.ConnectionId;
        await using var literal = await killer.PrepareAsync($"KILL QUERY {id}", default);
        await KillQueryAsync(victim, harness, now, () => literal.ExecuteAsync([], default));
        if (source.StartsWith("mariadb", StringComparison.Ordinal))
        {
            await using var bound = await killer.PrepareAsync("KILL QUERY ?", default);
            foreach (var value in new object[] { (long)id, id.ToString(), (double)id })
            {
                await KillQueryAsync(victim, harness, now, () => bound.ExecuteAsync([value], default));
            }
        }

        // As one does who reads the process list where the session is.
        await using var there = await harness.ConnectAsync();
        Assert.Equal("t", harness.Proxy.ListSessions().Single(session => session.ConnectionId == there.Server.ConnectionId).Backend);
        await KillQueryAsync(victim, harness, now, () => there.ExecuteAsync($"KILL QUERY {now}", default));
        await there.ExecuteAsync($"KILL HARD {now}".Replace("HARD ", target.StartsWith("mariadb", StringComparison.Ordinal) ? "HARD " : "", StringComparison.Ordinal), default);
        await Assert.ThrowsAnyAsync<Exception>(() => victim.QueryAsync("SELECT 1", default));
    }

    [Fact]
    public async Task A_number_that_means_two_connections_kills_neither()
    {
        // Their own: nobody else takes numbers there.
        await using var one = await LabServer.StartAsync("mariadb-10.11");
        await using var two = await LabServer.StartAsync("mariadb-10.11");
        var servers = new Dictionary<string, LabServer> { ["s"] = one, ["t"] = two };
        await using var harness = await ProxyHarness.StartAsync(("s", one), ("t", two));
        for (var attempt = 0; attempt < 10; attempt++)
        {
            // Servers count up: the one behind is brought to the number that the one ahead has given, unless the proxy itself takes that number.
            var ahead = await NextIdAsync(servers["s"]) > await NextIdAsync(servers["t"]) ? "s" : "t";
            var behind = ahead == "s" ? "t" : "s";
            await harness.RouteAsync(ahead, ahead);
            await using var warm = await harness.ConnectAsync();
            await using var moved = await harness.ConnectAsync();
            var id = moved.Server.ConnectionId;
            await harness.RouteAsync(behind, behind);
            await moved.ExecuteAsync("DO 0", default);
            await using var killer = await harness.ConnectAsync();
            while (await NextIdAsync(servers[behind]) < id - 1)
            {
            }

            await using var stranger = await BackendConnection.OpenAsync(ProxyHarness.Admin(servers[behind]), default);
            if (stranger.Server.ConnectionId != id || killer.Server.ConnectionId == id)
            {
                continue;
            }

            var refused = await Assert.ThrowsAsync<ServerErrorException>(() => killer.ExecuteAsync($"KILL {id}", default));
            Assert.Contains("Nothing was killed", refused.ServerMessage, StringComparison.Ordinal);
            await stranger.PingAsync(default);
            await moved.PingAsync(default);
            return;
        }

        Assert.Fail("No number came to mean two connections in ten attempts.");
    }

    [Fact]
    public async Task A_held_statement_can_be_interrupted()
    {
        var s = await LabServer.SharedAsync("mariadb-10.11", "source");
        var t = await LabServer.SharedAsync("mariadb-10.11", "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        await harness.DirectAsync(s, "CREATE TABLE held (a INT)");
        await harness.RouteAsync("s", "s");
        await using var client = await harness.ConnectAsync();
        await using var killer = await BackendConnection.OpenAsync(harness.Client with { Schema = null }, default);
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        var held = client.ExecuteAsync("INSERT INTO held VALUES (1)", default);
        await harness.HeldAsync(1);
        await killer.ExecuteAsync($"KILL QUERY {client.Server.ConnectionId}", default);
        Assert.Equal(1317, (await Assert.ThrowsAsync<ServerErrorException>(() => held)).Code);
        await harness.AbandonAsync(gate);
        Assert.Equal("0", (await client.QueryAsync("SELECT COUNT(*) FROM held", default)).GetString(0, 0));
    }

    [Theory]
    [InlineData("mysql-9.7")]
    [InlineData("mariadb-10.11")]
    public async Task A_clients_connection_attributes_are_on_its_leg_beside_the_proxys(string name)
    {
        await using var server = await LabServer.StartAsync(name, "--performance-schema=ON");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var attributes = new Dictionary<string, string> { ["program_name"] = "shop", ["version"] = "ä1", ["_switchyard_proxy"] = "made-up" };
        await using var client = await BackendConnection.OpenAsync(harness.Client with { Attributes = attributes }, default);
        var rows = await client.QueryAsync("SELECT attr_name, attr_value FROM performance_schema.session_account_connect_attrs WHERE processlist_id = CONNECTION_ID() ORDER BY 1", default);
        var seen = Enumerable.Range(0, rows.RowCount).ToDictionary(row => rows.GetString(row, 0), row => rows.GetString(row, 1));
        Assert.Equal("shop", seen["program_name"]);
        Assert.Equal("ä1", seen["version"]);
        Assert.Equal("p1", seen["_switchyard_proxy"]);
        Assert.Equal(harness.Proxy.ListSessions()[0].Id.ToString(), seen["_switchyard_session"]);
        Assert.Equal("127.0.0.1", seen["_switchyard_client"]);
    }

    private static async Task KillQueryAsync(BackendConnection victim, ProxyHarness harness, string id, Func<Task> kill)
    {
        var slept = victim.QueryAsync($"{Sleep} /* {harness.Schema} */", default);
        await using var watcher = await BackendConnection.OpenAsync(harness.Client, default);
        Assert.Equal(id, await ListedAsync(watcher, harness.Schema));
        await kill();
        var ended = await Record.ExceptionAsync(() => slept);
        Assert.True(ended is null or ServerErrorException { Code: 1317 }, ended?.Message);
        if (ended is null)
        {
            // Servers that give no error for it say so: whoever has slept to the end gets 0.
            Assert.Equal("1", (await slept).GetString(0, 0));
        }
    }

    private static async Task<uint> NextIdAsync(LabServer server)
    {
        await using var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        return connection.Server.ConnectionId;
    }

    /// <summary>The id of the connection that sleeps for this test, once it does.</summary>
    private static async Task<string> ListedAsync(BackendConnection connection, string mark)
    {
        while (true)
        {
            var list = await connection.QueryAsync(
                $"SELECT id FROM information_schema.processlist WHERE info LIKE '{Sleep} /* {mark} %' AND id <> CONNECTION_ID()", default);
            if (list.RowCount > 0)
            {
                return list.GetString(0, 0);
            }

            await Task.Delay(20);
        }
    }
}
