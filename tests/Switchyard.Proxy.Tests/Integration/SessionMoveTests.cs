using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A session moved between any two statements answers as one that was not.</summary>
[Trait("Category", "Integration")]
public sealed class SessionMoveTests
{
    [Fact]
    public async Task Statements_are_read_as_the_server_reads_them_to_which_the_session_has_moved()
    {
        var (source, target) = (await LabServer.SharedAsync("mariadb-10.11", "source"), await LabServer.SharedAsync("mysql-9.7", "target"));
        await using var harness = await ProxyHarness.StartAsync(("s", source), ("t", target));
        await harness.CommitAsync(harness.Repository.Begin().Put(new LegCredential("t", ProxyHarness.AppUser, "%", ProxyHarness.AppUser, ProxyHarness.AppPassword)));
        await harness.RouteAsync("s", "s");
        await using var client = await harness.ConnectAsync();

        // A comment to MariaDB, which leaves out what MySQL has had since 5.7.
        const string Statement = "/*!50701 CREATE TEMPORARY TABLE mine (a INT) */";
        await client.ExecuteAsync(Statement, default);
        Assert.Empty(Assert.Single(await harness.SettledAsync()).Pins);
        await harness.RouteAsync("t", "t");
        await client.QueryAsync("SELECT 1", default);
        await client.ExecuteAsync(Statement, default);
        Assert.NotEmpty(Assert.Single(await harness.SettledAsync()).Pins);
        Assert.Equal(0, (await client.QueryAsync("SELECT COUNT(*) FROM mine", default)).GetInt64(0, 0));
    }

    /// <summary>The types put in make two packets of one.</summary>
    [Fact]
    public async Task An_execution_that_its_new_side_gets_in_more_packets_is_answered_in_the_clients_numbers()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11", "--max-allowed-packet=64M");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.CommitAsync(harness.Repository.Begin().Put(new Backend("t", server.Dsn)));
        await harness.RouteAsync("s", "s");
        await using var client = await WireClient.OpenAsync(harness.Client, Capabilities.None);
        await client.CommandAsync(CommandKind.StatementPrepare, "SELECT LENGTH(?)"u8.ToArray(), ResponseShape.Prepared);
        byte[] start = [.. BitConverter.GetBytes(client.Prepared[0]), 0, 1, 0, 0, 0, 0];
        var first = await client.CommandAsync(CommandKind.StatementExecute, (byte[])[.. start, 1, (byte)ColumnType.Blob, 0, 1, (byte)'x']);

        // One byte short of a second packet, command byte included.
        const int LengthBytes = 4;
        var length = PacketLimits.MaxPayload - 1 - 1 - start.Length - 1 - LengthBytes;
        byte[] again = [.. start, 0, 0xFD, (byte)length, (byte)(length >> 8), (byte)(length >> 16), .. Enumerable.Repeat((byte)'x', length)];
        var before = await client.CommandAsync(CommandKind.StatementExecute, again);
        await harness.RouteAsync("t", "t");
        Assert.Equal(before, await client.CommandAsync(CommandKind.StatementExecute, again));
        Assert.Equal(first.Length, before.Length);
        Assert.Equal(["t"], harness.Proxy.ListSessions().Select(session => session.Backend));
    }

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

        // What statements say of the one before.
        "SELECT 1 / 0",
        "SHOW WARNINGS",
        "UPDATE t SET v = CONCAT('changed', RAND()) WHERE id > 100",
        "SELECT ROW_COUNT() >= 0",
        "SELECT SQL_CALC_FOUND_ROWS id FROM t WHERE id <= 3 ORDER BY id LIMIT 1",
        "SELECT FOUND_ROWS()",
        "SELECT LAST_INSERT_ID(42)",
        "SELECT LAST_INSERT_ID()",

        // More that is carried.
        "SET NAMES latin1",
        "SELECT @@character_set_client, @@character_set_results, @@collation_connection",
        "SET character_set_results = NULL",
        "SELECT @@character_set_results",
        "SET NAMES utf8mb4",
        "SET sql_select_limit = 2, foreign_key_checks = 0, unique_checks = 0",
        "SELECT id FROM t WHERE id <= 3 ORDER BY id",
        "SELECT @@foreign_key_checks, @@unique_checks",
        "SET sql_select_limit = DEFAULT, foreign_key_checks = 1, unique_checks = DEFAULT",
        "SELECT id, @@unique_checks FROM t WHERE id <= 3 ORDER BY id",
        "SET lc_time_names = 'de_DE', div_precision_increment = 2",
        "SELECT DATE_FORMAT('2024-03-01', '%M'), 1 / 3",
        "SET @empty = '', @`odd``name` = 'o', @bin = 'x' COLLATE utf8mb4_bin",
        "SELECT @empty, @`odd``name`, COLLATION(@bin), CHARSET(@empty)",
        "SELECT @from_select := 'kept', @n := @n + 1",
        "SELECT @from_select, @n",
        "SET @a = 1; SET @b2 = @a + 1; SET time_zone = '-03:00'",
        "SELECT @a, @b2, @@time_zone",
        "SET SESSION TRANSACTION READ ONLY",
        "SELECT v FROM t WHERE id = 1",
        "SET SESSION TRANSACTION READ WRITE",
        "SET SESSION wait_timeout = 1234",
        "SELECT @@wait_timeout",
        "USE information_schema",
        "SELECT DATABASE()",
        "USE {schema}",
        "SELECT COUNT(*) FROM t WHERE id <= 3",

        // What lasts until the transaction's end.
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "START TRANSACTION",
        "INSERT INTO t (id, v) VALUES (1001, 'a'), (1002, 'b')",
        "SAVEPOINT one",
        "DELETE FROM t WHERE id = 1001",
        "SELECT COUNT(*) FROM t WHERE id > 1000",
        "ROLLBACK TO one",
        "SELECT COUNT(*) FROM t WHERE id > 1000",
        "ROLLBACK",
        "SELECT COUNT(*) FROM t WHERE id > 1000",
        "SET autocommit = 0",
        "INSERT INTO t (id, v) VALUES (1001, 'implicit')",
        "SELECT v FROM t WHERE id = 1001",
        "ROLLBACK",
        "SET autocommit = 1",
        "BEGIN; INSERT INTO t (id) VALUES (1001); ROLLBACK",
        "SELECT COUNT(*) FROM t WHERE id > 1000",

        // What ties a session to its backend, until it is over.
        "CREATE TEMPORARY TABLE tmp (a INT)",
        "INSERT INTO tmp VALUES (1), (2)",
        "SELECT * FROM tmp ORDER BY a",
        "DROP TEMPORARY TABLE tmp",
        "SELECT GET_LOCK('l', 1), GET_LOCK('m', 1)",
        "SELECT IS_USED_LOCK('l') = CONNECTION_ID()",
        "SELECT RELEASE_LOCK('l'), RELEASE_LOCK('m')",
        "LOCK TABLES t WRITE",
        "SELECT v FROM t WHERE id = 2",
        "UNLOCK TABLES",
        "HANDLER t OPEN",
        "HANDLER t READ FIRST",
        "HANDLER t CLOSE",
        "PREPARE s FROM 'SELECT ? + @a'",
        "EXECUTE s USING @b2",
        "DEALLOCATE PREPARE s",
        "SET timestamp = 1700000000",
        "SELECT UNIX_TIMESTAMP()",
        "SET timestamp = DEFAULT",
        "XA START 'x'",
        "INSERT INTO t (id) VALUES (1003)",
        "XA END 'x'",
        "XA ROLLBACK 'x'",
        "SELECT COUNT(*), @i, @@time_zone FROM t WHERE id <= 3",
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
        await using var direct = await BackendConnection.OpenAsync(harness.Client with { Port = s.Port }, default);
        var script = s_script.Select(statement => statement.Replace("{schema}", harness.Schema, StringComparison.Ordinal)).ToArray();
        var expected = new List<string>();
        foreach (var statement in script)
        {
            expected.Add(await AnswerAsync(direct, statement));
        }

        await PrepareAsync(harness, s, t);
        await using var moving = await harness.ConnectAsync();
        var moves = 0;
        for (var i = 0; i < script.Length; i++)
        {
            // Wherever the session may move, it does: to the other side before every statement.
            var before = Assert.Single(await harness.SettledAsync());
            var there = before.Backend == "s" ? "t" : "s";
            if (before.Pins.IsEmpty && !before.InTransaction)
            {
                await harness.RouteAsync(there, there);
            }

            Assert.Equal((script[i], expected[i]), (script[i], await AnswerAsync(moving, script[i])));
            moves += Assert.Single(await harness.SettledAsync()).Backend == there ? 1 : 0;
        }

        // All but those within transactions, pinned, about the statement before, or about no table of the schema.
        Assert.True(moves > 50, $"The session moved {moves} times.");
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
