using System.Net.Sockets;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>MariaDB's orders to kill all of a user's connections, or the query of an id, and what a killer sees behind its order.</summary>
[Trait("Category", "Integration")]
public sealed class KillUserTests
{
    private const string Password = "victims-password";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task All_sessions_of_a_user_are_ended_or_interrupted_held_ones_too_and_no_others(bool queryOnly)
    {
        var s = await LabServer.SharedAsync("mariadb-10.11", "source");
        var t = await LabServer.SharedAsync("mariadb-10.11", "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        var user = harness.Schema;
        await harness.DirectAsync(s, $"CREATE USER {user}@'%' IDENTIFIED BY '{Password}'", $"GRANT ALL ON *.* TO {user}@'%'", "CREATE TABLE held (a INT)");
        await harness.RouteAsync("s", "s");
        var victim = harness.Client with { User = user, Password = Password };
        await using var running = await BackendConnection.OpenAsync(victim with { Schema = null }, default);
        await using var holding = await BackendConnection.OpenAsync(victim, default);
        await using var idle = await BackendConnection.OpenAsync(victim with { Schema = null }, default);
        await using var other = await harness.ConnectAsync();
        await using var killer = await BackendConnection.OpenAsync(harness.Client with { Schema = null }, default);
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        var held = holding.ExecuteAsync("INSERT INTO held VALUES (1)", default);
        var othersHeld = other.ExecuteAsync("INSERT INTO held VALUES (2)", default);
        var slept = running.QueryAsync($"SELECT SLEEP(60) /* {user} */", default);
        await harness.HeldAsync(2);
        await RunningAsync(harness, s);

        var killed = await killer.ExecuteAsync($"KILL {(queryOnly ? "QUERY " : "")}USER {user}", default);
        Assert.Equal(3UL, killed.AffectedRows);
        if (queryOnly)
        {
            Assert.Equal(1317, (await Assert.ThrowsAsync<ServerErrorException>(() => held)).Code);
            var ended = await Record.ExceptionAsync(() => slept);
            Assert.True(ended is null or ServerErrorException { Code: 1317 }, ended?.Message);
            await running.PingAsync(default);
            await holding.PingAsync(default);
        }
        else
        {
            await Assert.ThrowsAnyAsync<Exception>(() => held);
            await Assert.ThrowsAnyAsync<Exception>(() => slept);
            await Assert.ThrowsAnyAsync<Exception>(() => idle.PingAsync(default));
        }

        Assert.False(othersHeld.IsCompleted);
        await harness.AbandonAsync(gate);
        await othersHeld;
        Assert.Equal("2", (await other.QueryAsync("SELECT GROUP_CONCAT(a) FROM held", default)).GetString(0, 0));
        await harness.DirectAsync(s, $"DROP USER {user}@'%'");
    }

    [Fact]
    public async Task Sessions_are_meant_by_the_name_they_have_where_the_order_is_given()
    {
        var s = await LabServer.SharedAsync("mariadb-10.11", "source");
        var t = await LabServer.SharedAsync("mariadb-10.11", "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        var (mine, theirs) = ($"{harness.Schema}_m", $"{harness.Schema}_t");
        await harness.DirectAsync(s, $"CREATE USER {mine}@'%' IDENTIFIED BY '{Password}'");
        await harness.DirectAsync(t, $"CREATE USER {theirs}@'%' IDENTIFIED BY '{Password}'", $"GRANT ALL ON *.* TO {theirs}@'%'");
        await harness.CommitAsync(harness.Repository.Begin()
            .Put(new LegCredential("t", mine, "%", theirs, Password))
            .Put(new LegCredential("t", ProxyHarness.AppUser, "%", ProxyHarness.AppUser, ProxyHarness.AppPassword)));
        await harness.RouteAsync("t", "t");
        await using var killer = await harness.ConnectAsync();
        await using var victim = await BackendConnection.OpenAsync(harness.Client with { User = mine, Password = Password }, default);
        await victim.PingAsync(default);
        Assert.Equal(0UL, (await killer.ExecuteAsync($"KILL USER {mine}", default)).AffectedRows);
        await victim.PingAsync(default);
        Assert.Equal(1UL, (await killer.ExecuteAsync($"KILL USER {theirs}", default)).AffectedRows);
        await ProxyHarness.UntilAsync(() => harness.Proxy.SessionCount == 1);
        await Assert.ThrowsAnyAsync<Exception>(() => victim.PingAsync(default));
        await killer.PingAsync(default);
        await harness.DirectAsync(s, $"DROP USER {mine}@'%'");
        await harness.DirectAsync(t, $"DROP USER {theirs}@'%'");
    }

    [Fact]
    public async Task Whoever_may_not_see_a_users_sessions_ends_none_of_them()
    {
        var s = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", s));
        var user = harness.Schema;
        await harness.DirectAsync(s, $"CREATE USER {user}@'%' IDENTIFIED BY '{Password}'");
        await using var victim = await harness.ConnectAsync();
        await using var killer = await BackendConnection.OpenAsync(harness.Client with { User = user, Password = Password, Schema = null }, default);
        Assert.Equal(0UL, (await killer.ExecuteAsync($"KILL USER {ProxyHarness.AppUser}", default)).AffectedRows);
        await victim.PingAsync(default);
        await harness.DirectAsync(s, $"DROP USER {user}@'%'");
    }

    [Fact]
    public async Task Whoever_kills_its_own_user_hears_what_the_server_says_to_that()
    {
        var s = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", s));
        var user = harness.Schema;
        await harness.DirectAsync(s, $"CREATE USER {user}@'%' IDENTIFIED BY '{Password}'");
        var options = harness.Client with { User = user, Password = Password, Schema = null };
        var direct = await KillOwnAsync(ProxyHarness.Admin(s) with { User = user, Password = Password });
        await using var other = await BackendConnection.OpenAsync(options, default);
        Assert.Equal(direct, await KillOwnAsync(options));
        await ProxyHarness.UntilAsync(() => harness.Proxy.SessionCount == 0);
        await harness.DirectAsync(s, $"DROP USER {user}@'%'");

        async Task<string> KillOwnAsync(ConnectionOptions who)
        {
            await using var killer = await BackendConnection.OpenAsync(who, default);
            var heard = await Record.ExceptionAsync(() => killer.ExecuteAsync($"KILL USER {user}", default));
            await Assert.ThrowsAnyAsync<Exception>(() => killer.PingAsync(default));
            return heard?.Message ?? "killed";
        }
    }

    [Fact]
    public async Task The_query_of_an_id_is_killed_and_nothing_else()
    {
        var s = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", s));
        await using var killer = await harness.ConnectAsync();
        await using var victim = await harness.ConnectAsync();
        await using var other = await harness.ConnectAsync();
        var slept = victim.QueryAsync($"SELECT SLEEP(60) /* {harness.Schema} */", default);
        var id = await RunningAsync(harness, s);
        var unknown = await Assert.ThrowsAsync<ServerErrorException>(() => killer.ExecuteAsync("KILL QUERY ID 999999999", default));
        Assert.Equal(1957, unknown.Code);
        Assert.False(slept.IsCompleted);
        await killer.ExecuteAsync($"KILL QUERY ID {id}", default);
        var ended = await Record.ExceptionAsync(() => slept);
        Assert.True(ended is null or ServerErrorException { Code: 1317 }, ended?.Message);
        await victim.PingAsync(default);
        await other.PingAsync(default);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task Behind_the_answer_to_a_kill_the_victim_goes_and_its_number_with_it(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        Assert.Equal(await KillAsync(ProxyHarness.Admin(server)), await KillAsync(harness.Client));

        static async Task<string> KillAsync(ConnectionOptions options)
        {
            await using var killer = await BackendConnection.OpenAsync(options, default);
            await using var victim = await BackendConnection.OpenAsync(options, default);
            var id = victim.Server.ConnectionId;
            await killer.ExecuteAsync($"KILL {id}", default);

            // Again and again until it is gone; a server that is still at it says OK to each.
            ServerErrorException? last = null;
            while (last is null)
            {
                last = (ServerErrorException?)await Record.ExceptionAsync(() => killer.ExecuteAsync($"KILL {id}", default));
            }

            var left = await killer.QueryAsync($"SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id}", default);
            await Assert.ThrowsAnyAsync<Exception>(() => victim.PingAsync(default));
            return $"{last.Message} {left.GetString(0, 0)}".Replace(id.ToString(), "N", StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("mariadb-10.11", false)]
    [InlineData("mariadb-10.11", true)]
    [InlineData("mysql-9.7", false)]
    [InlineData("mysql-9.7", true)]
    public async Task A_killer_that_has_its_answer_finds_the_victims_connection_closed(string name, bool isPrepared)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        foreach (var port in new[] { server.Port, harness.Client.Port })
        {
            await using var killer = await BackendConnection.OpenAsync(harness.Client with { Port = port }, default);
            for (var i = 0; i < 20; i++)
            {
                var (victim, login) = await LoginClient.LogInAsync(port, AuthPlugins.NativePassword, ProxyHarness.AppUser, ProxyHarness.AppPassword);
                await using (victim)
                {
                    Assert.Equal("in", login);
                    await using var kill = await killer.PrepareAsync($"KILL {victim.ConnectionId}", default);
                    await (isPrepared ? kill.ExecuteAsync([], default) : killer.ExecuteAsync($"KILL {victim.ConnectionId}", default));
                    Assert.True(victim.Socket.Poll(0, SelectMode.SelectRead), $"attempt {i} on port {port}");
                }
            }
        }
    }

    /// <summary>The query id of the statement that sleeps for this test, once it does.</summary>
    private static async Task<string> RunningAsync(ProxyHarness harness, LabServer server)
    {
        await using var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        while (true)
        {
            var list = await connection.QueryAsync(
                $"SELECT query_id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(60) /* {harness.Schema} %' AND id <> CONNECTION_ID()", default);
            if (list.RowCount > 0)
            {
                return list.GetString(0, 0);
            }

            await Task.Delay(20);
        }
    }
}
