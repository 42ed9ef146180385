using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A backend that stands still with its port open concerns nobody who does not need it.</summary>
[Trait("Category", "Integration")]
public sealed class FrozenBackendTests
{
    [Fact]
    public async Task Clients_of_one_backend_log_in_though_another_that_nobody_has_met_yet_is_frozen()
    {
        await using var frozen = await LabServer.StartAsync("mariadb-10.11");
        await using var harness = await ProxyHarness.StartAsync(
            new ProxyOptions { Id = "p1", LoginTimeout = TimeSpan.FromSeconds(8) }, ("s", await LabServer.SharedAsync("mariadb-10.11", "source")));
        await frozen.FreezeAsync();
        await harness.CommitAsync(harness.Repository.Begin().Put(new Backend("frozen", frozen.Dsn)));

        // Waiting for its greeting takes ten seconds, which a login does not have.
        for (var login = 0; login < 3; login++)
        {
            await using var client = await harness.ConnectAsync();
            Assert.Equal("1", (await client.QueryAsync("SELECT 1", default)).GetString(0, 0));
        }
    }

    [Fact]
    public async Task What_a_backend_that_was_slow_to_answer_lacks_is_not_agreed_on_before_it_has()
    {
        await using var slow = await LabServer.StartAsync("mysql-5.6");
        await using var harness = await ProxyHarness.StartAsync(
            new ProxyOptions { Id = "p1" }, ("s", await LabServer.SharedAsync("mariadb-10.11", "source")), ("slow", slow));
        await harness.DirectAsync(slow, "CREATE TABLE t (id INT PRIMARY KEY)");
        await slow.FreezeAsync();

        // By another name it is unknown, as every backend is to a process that has just begun.
        await harness.CommitAsync(harness.Repository.Begin().Put(new Backend("unmet", slow.Dsn)));
        await using var client = await harness.ConnectAsync();
        await slow.ThawAsync();
        await harness.RouteAsync("unmet", "unmet");
        Assert.Equal(0, (await client.QueryAsync("SELECT COUNT(*) FROM t", default)).GetInt64(0, 0));
    }

    [Fact]
    public async Task Who_reads_on_the_target_goes_on_while_the_source_stands_still()
    {
        const int Seconds = 15;
        await using var source = await LabServer.StartAsync("mariadb-10.11");
        var target = await LabServer.SharedAsync("mariadb-10.11", "target");
        await using var harness = await ProxyHarness.StartAsync(("s", source), ("t", target));
        foreach (var (server, name) in new[] { (source, "source"), (target, "target") })
        {
            await harness.DirectAsync(server, "CREATE TABLE place (name VARCHAR(10) PRIMARY KEY)", $"INSERT INTO place VALUES ('{name}')");
        }

        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        harness.Applied.Publish("m", await ProxyHarness.PositionAsync(source));
        await ReadServers.Eventually(async () => await ReadServers.PlaceAsync(client) == "target");
        await using var clock = await BackendConnection.OpenAsync(ProxyHarness.Admin(target), default);
        await source.FreezeAsync();
        for (var end = await UptimeAsync(clock) + Seconds; await UptimeAsync(clock) < end;)
        {
            Assert.Equal("target", await ReadServers.PlaceAsync(client).WaitAsync(TimeSpan.FromMinutes(1)));
        }

        await source.ThawAsync();
        Assert.Equal($"{client.Server.ConnectionId}", (await client.QueryAsync("SELECT CONNECTION_ID()", default)).GetString(0, 0));
    }

    private static async Task<long> UptimeAsync(BackendConnection server) => (await server.QueryAsync("SHOW GLOBAL STATUS LIKE 'Uptime'", default)).GetInt64(0, 1);
}
