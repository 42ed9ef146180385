using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A transaction whose BEGIN waits for its first table is open to its client all the same.</summary>
[Trait("Category", "Integration")]
public sealed class PendingBeginTests
{
    [Theory]
    [InlineData("mariadb-10.11", Capabilities.None)]
    [InlineData("mariadb-10.11", Capabilities.DeprecateEof | Capabilities.SessionTrack)]
    [InlineData("mysql-9.7", Capabilities.DeprecateEof)]
    [InlineData("mysql-9.7", Capabilities.None)]
    [InlineData("mysql-5.6", Capabilities.None)]
    public async Task Every_answer_says_that_it_is_open(string name, Capabilities extra)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await StartAsync(server);
        await using var direct = await WireClient.OpenAsync(harness.Client with { Port = server.Port }, extra);
        await using var proxied = await WireClient.OpenAsync(harness.Client, extra);
        Assert.Equal(extra, proxied.Negotiated & (Capabilities.DeprecateEof | Capabilities.SessionTrack));
        await new WireScript()
            .Query("SELECT 1", "BEGIN", "SELECT 1", "DO 0", "SET @a = 7", "SELECT @a, REPEAT('x', 200000)", "SELECT REPEAT('x', 17000000)", "SHOW WARNINGS", "SELECT nonsense")
            .Query("SELECT 1; DO 0; SELECT REPEAT('y', 100000)", "SET NAMES latin1", "SET NAMES utf8", $"USE {harness.Schema}")
            .Command(CommandKind.Ping, [])
            .Command(CommandKind.SetOption, [0, 0])
            .Command(CommandKind.InitDb, System.Text.Encoding.ASCII.GetBytes(harness.Schema))
            .Prepare("SELECT ?, 2")
            .Prepare("DO 1")
            .Command(CommandKind.StatementExecute, WireScript.Execute(1, 0, 0, 1, 8, 0, 5, 0, 0, 0, 0, 0, 0, 0))
            .Command(CommandKind.StatementExecute, WireScript.Execute(2, 0))
            .Command(CommandKind.StatementReset, WireScript.Id(1))
            .Query("INSERT INTO here VALUES (1)", "SELECT 1", "SELECT * FROM here", "ROLLBACK", "SELECT 1", "SELECT * FROM here")
            .Query("START TRANSACTION READ ONLY", "SELECT 1", "SELECT * FROM here", "SELECT 1", "COMMIT", "SELECT 1", "BEGIN", "SELECT 1", "COMMIT", "SELECT 1")
            .CompareAsync(direct, proxied, () => Task.CompletedTask);
        Assert.Empty(harness.Errors);
    }

    [Fact]
    public async Task It_is_open_where_its_first_table_is()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await StartAsync(server);
        await using var client = await WireClient.OpenAsync(harness.Client, Capabilities.DeprecateEof);
        foreach (var (sql, isOpen) in new[] { ("BEGIN", true), ("SELECT 1", true), ("INSERT INTO moved VALUES (1)", true), ("SELECT 1", true), ("ROLLBACK", false), ("SELECT 1", false) })
        {
            await client.QueryAsync(sql);
            Assert.True(isOpen == (((ServerStatus)client.Status & ServerStatus.InTransaction) != 0), sql);
        }

        await using var again = await harness.ConnectAsync();
        Assert.Equal("0", (await again.QueryAsync("SELECT COUNT(*) FROM moved", default)).GetString(0, 0));
    }

    [Fact]
    public async Task A_transaction_that_is_open_is_none_for_XA()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await StartAsync(server);
        await using var direct = await WireClient.OpenAsync(harness.Client with { Port = server.Port }, Capabilities.None);
        await using var proxied = await WireClient.OpenAsync(harness.Client, Capabilities.None);
        foreach (var xa in new[] { "XA START 'n'", "XA END 'n'", "XA PREPARE 'n'", "XA COMMIT 'n'", "XA COMMIT 'n' ONE PHASE", "XA ROLLBACK 'n'", "XA RECOVER" })
        {
            await new WireScript().Query("BEGIN", xa, "SELECT 1", "ROLLBACK", "SELECT 1", xa, "SELECT 1", "XA END 'n'", "XA ROLLBACK 'n'").CompareAsync(direct, proxied, () => Task.CompletedTask);
        }
    }

    /// <summary>Two tables on two servers, so that a BEGIN does not say where it belongs.</summary>
    private static async Task<ProxyHarness> StartAsync(LabServer server)
    {
        var other = await LabServer.SharedAsync("mariadb-10.11", "target");
        var harness = await ProxyHarness.StartAsync(("s", server), ("t", other));
        await harness.DirectAsync(server, "CREATE TABLE here (a INT PRIMARY KEY) ENGINE=InnoDB", "SET GLOBAL max_allowed_packet = 67108864");
        await harness.DirectAsync(other, "CREATE TABLE moved (a INT PRIMARY KEY) ENGINE=InnoDB");
        await harness.CommitAsync(harness.Repository.Begin().Put(new LegCredential("t", ProxyHarness.AppUser, "%", ProxyHarness.AppUser, ProxyHarness.AppPassword)));
        var routing = harness.View.Current.Routing;
        await harness.CommitAsync(harness.Repository.Begin().Put(routing with { Epoch = routing.Epoch + 1, Rules = [new RoutingRule(harness.Schema, "moved", "t", "t", "m")] }));
        return harness;
    }
}
