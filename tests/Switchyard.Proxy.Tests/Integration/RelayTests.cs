using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A client cannot tell the proxy from its server.</summary>
[Trait("Category", "Integration")]
public sealed class RelayTests
{
    public static TheoryData<string> Servers => ["mariadb-10.11", "mysql-9.7"];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Queries_results_and_errors_are_the_servers_own(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(50))", default);
        var inserted = await client.ExecuteAsync("INSERT INTO t (v) VALUES ('a'), ('b'), (NULL)", default);
        Assert.Equal(3UL, inserted.AffectedRows);
        Assert.Equal(1UL, inserted.LastInsertId);
        var rows = await client.QueryAsync("SELECT id, v FROM t ORDER BY id", default);
        Assert.Equal(["a", "b", null], Enumerable.Range(0, rows.RowCount).Select(i => rows.GetStringOrNull(i, 1)));
        var error = await Assert.ThrowsAsync<ServerErrorException>(() => client.QueryAsync("SELECT * FROM nothing_here", default));
        Assert.Equal(1146, error.Code);
        Assert.Equal("42S02", error.SqlState);
        await client.ExecuteAsync("SELECT 1/0", default);
        Assert.Equal(await harness.ScalarAsync(server, "SELECT VERSION()"), client.Server.VersionString.Replace("5.5.5-", "", StringComparison.Ordinal));
    }

    /// <summary>MySQL says so and closes the connection with the rest of the statement unread.</summary>
    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_statement_too_long_for_its_server_is_refused_by_the_servers_own_error(string name)
    {
        const int PacketTooLarge = 1153;
        await using var server = await LabServer.StartAsync(name, "--max-allowed-packet=1M");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        foreach (var megabytes in new[] { 3, 12, 40 })
        {
            await using var client = await harness.ConnectAsync();
            var error = await Assert.ThrowsAsync<ServerErrorException>(() => client.QueryAsync($"SELECT '{new string('x', megabytes << 20)}'", default));
            Assert.Equal((PacketTooLarge, "08S01"), (error.Code, error.SqlState));
        }
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_wrong_password_and_an_unknown_schema_are_refused_in_the_servers_words(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var denied = await Assert.ThrowsAsync<ServerErrorException>(
            () => BackendConnection.OpenAsync(harness.Client with { Password = "wrong" }, default));
        Assert.Equal(1045, denied.Code);
        var unknown = await Assert.ThrowsAsync<ServerErrorException>(
            () => BackendConnection.OpenAsync(harness.Client with { Schema = "no_such_schema" }, default));
        Assert.Equal(1049, unknown.Code);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Prepared_statements_keep_the_clients_ids(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await harness.ConnectAsync();
        await using var first = await client.PrepareAsync("SELECT ? + 1", default);
        await using var second = await client.PrepareAsync("SELECT CONCAT(?, ?)", default);
        Assert.Equal("42", (await first.QueryAsync([41], default)).GetString(0, 0));
        Assert.Equal("xy", (await second.QueryAsync(["x", "y"], default)).GetString(0, 0));
        Assert.Equal("8", (await first.QueryAsync([7], default)).GetString(0, 0));
        await Assert.ThrowsAsync<ServerErrorException>(() => client.PrepareAsync("SELEC 1", default));
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Packets_over_16_MB_pass_both_ways(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await harness.ConnectAsync();
        if (long.Parse((await client.QueryAsync("SELECT @@max_allowed_packet", default)).GetString(0, 0)) < 20_000_000)
        {
            await harness.DirectAsync(server, "SET GLOBAL max_allowed_packet = 67108864");
        }

        await using var wide = await harness.ConnectAsync();
        var text = new string('x', 17_000_000);
        var answer = await wide.QueryAsync($"SELECT LENGTH('{text}'), '{text}'", default);
        Assert.Equal("17000000", answer.GetString(0, 0));
        Assert.Equal(17_000_000, answer.GetBytes(0, 1).Length);
    }

    [Fact]
    public async Task An_error_of_the_proxys_has_the_number_behind_the_commands_packets()
    {
        var server = await WideServers.GetAsync("mariadb-10.11");
        var target = await LabServer.SharedAsync("mariadb-10.11", "target");
        await using var harness = await ProxyHarness.StartAsync(("s", server), ("t", target));
        var routing = harness.View.Current.Routing;
        await harness.CommitAsync(harness.Repository.Begin().Put(routing with { Epoch = routing.Epoch + 1, Rules = [new RoutingRule(harness.Schema, "moved", "t", "t", "m")] }));
        await using var client = await WireClient.OpenAsync(harness.Client, Capabilities.None);
        foreach (var packets in new[] { 1, 2, 3 })
        {
            var refused = await client.QueryAsync($"SELECT '{new string('x', (packets - 1) * PacketLimits.MaxPayload)}' FROM here, moved");
            Assert.Equal((1105, packets), (client.ErrorCode, refused[PacketLimits.HeaderSize - 1]));
        }

        await client.QueryAsync("SELECT 1");
        Assert.Equal(0, client.ErrorCode);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_large_result_arrives_whole(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("CREATE TABLE d (n INT PRIMARY KEY)", default);
        await client.ExecuteAsync("INSERT INTO d VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)", default);
        await using var reader = await client.StreamAsync(
            "SELECT a.n + 10*b.n + 100*c.n + 1000*e.n + 10000*f.n AS n, REPEAT('z', 100) FROM d a, d b, d c, d e, d f", default);
        var rows = 0L;
        var sum = 0L;
        while (await reader.ReadAsync(default))
        {
            rows++;
            sum += long.Parse(System.Text.Encoding.ASCII.GetString(reader.GetBytes(0)));
        }

        Assert.Equal(100_000, rows);
        Assert.Equal(99_999L * 100_000 / 2, sum);
    }

    [Fact]
    public async Task A_backend_that_is_down_is_said_to_be_so()
    {
        var server = await LabServer.StartAsync("mariadb-10.11");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await harness.ConnectAsync();
        await server.DisposeAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => client.QueryAsync("SELECT 1", default));
        var error = await Assert.ThrowsAsync<ServerErrorException>(() => harness.ConnectAsync());
        Assert.Equal(1429, error.Code);
    }
}
