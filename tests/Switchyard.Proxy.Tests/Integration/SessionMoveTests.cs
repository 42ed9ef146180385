using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A session moved between any two statements answers as one that was not.</summary>
[Trait("Category", "Integration")]
public sealed class SessionMoveTests
{
    private static readonly string[] s_script =
    [
        "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
        "SELECT @@character_set_client, @@collation_connection",
        "SET SESSION sql_mode = 'ANSI_QUOTES,STRICT_TRANS_TABLES'",
        "SELECT @@sql_mode, \"v\" FROM t ORDER BY id LIMIT 1",
        "SET @i = 5, @n = -7, @u = CAST(18446744073709551615 AS UNSIGNED), @d = 1.50, @f = 2.5e0, @s = 'ab''c\\\\d', @x = NULL",
        "SELECT @i, @n, @u, @d, @f, @s, @x, @i / 2, @d * 2",
        "SET @b = x'00FF10', @m = _latin1 x'E9'",
        "SELECT HEX(@b), CHARSET(@b), HEX(@m), CHARSET(@m), COLLATION(@m)",
        "SET SESSION time_zone = '+05:30', SESSION group_concat_max_len = 7",
        "SELECT @@time_zone, @@group_concat_max_len, GROUP_CONCAT(v ORDER BY id) FROM t",
        "INSERT INTO t (v) VALUES ('new')",
        "SELECT LAST_INSERT_ID() > 0",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        "SELECT v FROM t ORDER BY id LIMIT 2",
        "SET autocommit = 0",
        "SELECT @@autocommit",
        "SET autocommit = 1",
        "SELECT DATABASE() IS NOT NULL, @@autocommit",
        "SET @i := @i + 1",
        "SELECT @i",
        "SET SESSION sql_mode = DEFAULT",
        "SELECT @@sql_mode = @@global.sql_mode, \"text\"",
    ];

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task Answers_are_the_same_when_the_session_moves_before_every_statement(string source, string target)
    {
        var s = await LabServer.SharedAsync(source, "source");
        var t = await LabServer.SharedAsync(target, "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        await PrepareAsync(harness, s, t);
        await using var still = await harness.ConnectAsync();
        var expected = new List<string>();
        foreach (var statement in s_script)
        {
            expected.Add(await AnswerAsync(still, statement));
        }

        await PrepareAsync(harness, s, t);
        await using var moving = await harness.ConnectAsync();
        for (var i = 0; i < s_script.Length; i++)
        {
            var there = i % 2 == 0 ? "t" : "s";
            await harness.RouteAsync(there, there);
            Assert.Equal((s_script[i], expected[i]), (s_script[i], await AnswerAsync(moving, s_script[i])));
            Assert.Equal(there, harness.Proxy.ListSessions().Last().Backend);
        }
    }

    [Theory]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task State_crosses_vendors_and_versions(string source, string target)
    {
        var s = await LabServer.SharedAsync(source, "source");
        var t = await LabServer.SharedAsync(target, "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        await PrepareAsync(harness, s, t);
        // What the client proves to one vendor's plugin need not open the other's account; a migration keeps a credential for that.
        await harness.CommitAsync(harness.Repository.Begin().Put(
            new LegCredential("t", ProxyHarness.AppUser, "%", ProxyHarness.AppUser, ProxyHarness.AppPassword)));
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("SET NAMES utf8mb4", default);
        await client.ExecuteAsync("SET SESSION sql_mode = 'ANSI_QUOTES', time_zone = '+01:00', @s = 'é', @d = 1.25", default);
        await client.ExecuteAsync("SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE", default);
        await harness.RouteAsync("t", "t");
        var answer = await client.QueryAsync("SELECT @@sql_mode, @@time_zone, @s, @d, \"v\" FROM t ORDER BY id LIMIT 1", default);
        Assert.Equal(
            ["ANSI_QUOTES", "+01:00", "é", "1.25", "a"], Enumerable.Range(0, answer.Columns.Count).Select(i => answer.GetString(0, i)));
    }

    [Fact]
    public async Task A_prepared_statement_is_prepared_anew_where_the_session_goes()
    {
        var s = await LabServer.SharedAsync("mariadb-10.11", "source");
        var t = await LabServer.SharedAsync("mariadb-10.11", "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        await PrepareAsync(harness, s, t);
        await using var client = await harness.ConnectAsync();
        await using var statement = await client.PrepareAsync("SELECT CONCAT(?, v, ?) FROM t WHERE id = ?", default);
        foreach (var there in new[] { "s", "t", "s", "t" })
        {
            await harness.RouteAsync(there, there);
            Assert.Equal("<a7", (await statement.QueryAsync(["<", 7, 1], default)).GetString(0, 0));
            Assert.Equal("<a7", (await statement.QueryAsync(["<", 7, 1], default)).GetString(0, 0));
        }
    }

    private static async Task PrepareAsync(ProxyHarness harness, params LabServer[] servers)
    {
        foreach (var server in servers)
        {
            await harness.DirectAsync(
                server, "DROP TABLE IF EXISTS t", "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(50))", "INSERT INTO t (v) VALUES ('a'), ('b'), ('c')");
        }

        await harness.RouteAsync("s", "s");
    }

    private static async Task<string> AnswerAsync(BackendConnection client, string statement)
    {
        var answer = await client.QueryAsync(statement, default);
        return string.Join(
            "\n", Enumerable.Range(0, answer.RowCount).Select(row => string.Join("|", Enumerable.Range(0, answer.Columns.Count).Select(column => answer.GetStringOrNull(row, column) ?? "NULL"))));
    }
}
