using System.Text;
using Switchyard.Lab;
using Switchyard.Wire;
using Xunit;

namespace Switchyard.Client.Tests;

[Trait("Category", Lab.Category)]
public sealed class QueryTests
{
    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task A_result_has_columns_rows_nulls_and_empty_texts(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        var result = await connection.QueryAsync("SELECT 1 AS a, NULL AS b, '' AS c, 'é€😀' AS d, -5 AS e, 18446744073709551615 AS f UNION ALL SELECT 2, 'x', NULL, '', 6, 7", Lab.Limit());
        Assert.Equal(["a", "b", "c", "d", "e", "f"], result.Columns.Select(column => column.Name));
        Assert.Equal(2, result.RowCount);
        Assert.Equal(1, result.GetInt64(0, "a"));
        Assert.True(result.IsNull(0, "b"));
        Assert.Null(result.GetStringOrNull(0, 1));
        Assert.False(result.IsNull(0, "c"));
        Assert.Equal("", result.GetString(0, "c"));
        Assert.Equal("é€😀", result.GetString(0, "d"));
        Assert.Equal(-5, result.GetInt64(0, "e"));
        Assert.Equal(ulong.MaxValue, result.GetUInt64(0, "f"));
        Assert.Equal("x", result.GetString(1, "b"));
        Assert.True(result.IsNull(1, "c"));
        Assert.Throws<InvalidOperationException>(() => result.GetString(0, "b"));
        Assert.Throws<ArgumentException>(() => result.GetString(0, "nope"));
        Assert.Throws<FormatException>(() => result.GetInt64(0, "f"));
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task An_error_says_code_state_and_text_and_leaves_the_connection_usable(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        var e = await Assert.ThrowsAsync<ServerErrorException>(() => connection.QueryAsync("SELECT * FROM mysql.no_such_table", Lab.Limit()));
        Assert.Equal((1146, "42S02"), (e.Code, e.SqlState));
        Assert.Contains("no_such_table", e.ServerMessage, StringComparison.Ordinal);
        Assert.Equal("7", (await connection.QueryAsync("SELECT 7", Lab.Limit())).GetString(0, 0));
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task Several_statements_go_as_one_and_a_failing_one_is_told_by_its_index(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        var schema = LabServer.UniqueSchema();
        await connection.ExecuteMultiAsync($"CREATE DATABASE {schema}; USE {schema}; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, v INT)", Lab.Limit());
        var results = await connection.ExecuteMultiAsync("BEGIN; INSERT INTO t (v) VALUES (1),(2),(3); SELECT * FROM t; UPDATE t SET v = 9 WHERE id > 1; COMMIT", Lab.Limit());
        Assert.Equal([0UL, 3, 0, 2, 0], results.Select(result => result.AffectedRows));
        Assert.Equal(1UL, results[1].LastInsertId);
        Assert.True((results[3].Status & ServerStatus.InTransaction) != 0);
        Assert.True((results[4].Status & ServerStatus.InTransaction) == 0);

        var e = await Assert.ThrowsAsync<ServerErrorException>(() => connection.ExecuteMultiAsync("DELETE FROM t WHERE id = 1; INSERT INTO t (id) VALUES (2); DELETE FROM t", Lab.Limit()));
        Assert.Equal((1062, 1), (e.Code, e.StatementIndex));
        Assert.Equal("2", (await connection.QueryAsync("SELECT COUNT(*) FROM t", Lab.Limit())).GetString(0, 0));
        await connection.ExecuteAsync($"DROP DATABASE {schema}", Lab.Limit());
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task A_big_result_streams_and_an_abandoned_one_leaves_the_connection_usable(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        const string digits = "(SELECT 0 d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)";
        var sql = $"SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d AS n, REPEAT('x', 50) FROM {digits} a, {digits} b, {digits} c, {digits} e, {digits} f";
        long count = 0, sum = 0;
        await using (var reader = await connection.StreamAsync(sql, Lab.Limit()))
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => connection.PingAsync(Lab.Limit()));
            while (await reader.ReadAsync(Lab.Limit()))
            {
                count++;
                sum += reader.GetInt64(0);
                Assert.Equal(50, reader.GetBytes(1).Length);
            }

            Assert.NotNull(reader.Ok);
        }

        Assert.Equal((100_000, 4999950000), (count, sum));
        await using (var abandoned = await connection.StreamAsync(sql, Lab.Limit()))
        {
            Assert.True(await abandoned.ReadAsync(Lab.Limit()));
        }

        await connection.PingAsync(Lab.Limit());
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task Values_over_sixteen_megabytes_go_both_ways(string server)
    {
        await using var admin = await Lab.OpenAsync(server);
        var before = (await admin.QueryAsync("SELECT @@global.max_allowed_packet", Lab.Limit())).GetString(0, 0);
        if (long.Parse(before, null) < 64 << 20)
        {
            await admin.ExecuteAsync($"SET GLOBAL max_allowed_packet={64 << 20}", Lab.Limit());
        }

        await using var connection = await Lab.OpenAsync(server);
        foreach (var length in new[] { (1 << 24) - 1 - 16, 17 << 20, (2 * PacketLimits.MaxPayload) - 20, 40 << 20 })
        {
            var text = new byte[length];
            Array.Fill(text, (byte)'a');
            text[^1] = (byte)'z';
            var result = await connection.QueryAsync((byte[])[.. "SELECT LENGTH('"u8, .. text, .. "') AS n, '"u8, .. text.AsSpan(0, 10), .. "'"u8], Lab.Limit());
            Assert.Equal(length, result.GetInt64(0, 0));
        }

        foreach (var length in new[] { PacketLimits.MaxPayload - 9, PacketLimits.MaxPayload - 8, PacketLimits.MaxPayload - 7, PacketLimits.MaxPayload, 20 << 20 })
        {
            await using var reader = await connection.StreamAsync($"SELECT REPEAT('b', {length}), 'end'", Lab.Limit());
            Assert.True(await reader.ReadAsync(Lab.Limit()));
            Assert.Equal(length, reader.GetBytes(0).Length);
            Assert.Equal(-1, reader.GetBytes(0).IndexOfAnyExcept((byte)'b'));
            Assert.Equal("end", reader.GetString(1));
            Assert.False(await reader.ReadAsync(Lab.Limit()));
        }
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task A_cancelled_command_makes_the_connection_unusable_and_it_says_so(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        using var cancel = new CancellationTokenSource();
        var sleeping = connection.QueryAsync("SELECT SLEEP(60)", cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sleeping);
        Assert.False(connection.IsUsable);
        var e = await Assert.ThrowsAsync<BackendUnavailableException>(() => connection.PingAsync(Lab.Limit()));
        Assert.Equal(UnavailableReason.Abandoned, e.Reason);
        Assert.Contains("cancelled", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_without_answer_ends_at_its_timeout()
    {
        await using var connection = await Lab.OpenAsync("mariadb-10.11", options => options with { CommandTimeout = TimeSpan.FromSeconds(2) });
        var e = await Assert.ThrowsAsync<BackendUnavailableException>(() => connection.QueryAsync("SELECT SLEEP(60)", Lab.Limit()));
        Assert.Equal(UnavailableReason.TimedOut, e.Reason);
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task A_killed_connection_is_an_error_or_a_break_never_a_hang(string server)
    {
        await using var admin = await Lab.OpenAsync(server);
        await using var connection = await Lab.OpenAsync(server);
        var sleeping = connection.QueryAsync("SELECT SLEEP(60)", Lab.Limit());
        await admin.ExecuteAsync($"KILL {connection.Server.ConnectionId}", Lab.Limit());
        var e = await Assert.ThrowsAnyAsync<Exception>(() => sleeping);
        Assert.True(e is BackendUnavailableException { Reason: UnavailableReason.ConnectionLost } or ServerErrorException { Code: 1317 or 1927 or 1053 or 2013 }, e.ToString());
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task Local_infile_is_refused_and_the_connection_stays_usable(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        await connection.ExecuteAsync("CREATE TEMPORARY TABLE mysql.infile_test (a VARCHAR(100))", Lab.Limit());
        var e = await Assert.ThrowsAsync<ServerErrorException>(() => connection.ExecuteAsync("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE mysql.infile_test", Lab.Limit()));
        Assert.NotEqual(0, e.Code);
        Assert.Equal("0", (await connection.QueryAsync("SELECT COUNT(*) FROM mysql.infile_test", Lab.Limit())).GetString(0, 0));
    }

    [Fact]
    public async Task A_file_is_not_given_even_when_the_server_was_told_it_may_ask()
    {
        await using var connection = await Lab.OpenAsync("mariadb-10.11", options => options with { ExtraCapabilities = Capabilities.LocalFiles });
        await connection.ExecuteAsync("CREATE TEMPORARY TABLE mysql.infile_test (a VARCHAR(100))", Lab.Limit());
        var ok = await connection.ExecuteAsync("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE mysql.infile_test", Lab.Limit());
        Assert.Equal(0UL, ok.AffectedRows);
        Assert.Equal("0", (await connection.QueryAsync("SELECT COUNT(*) FROM mysql.infile_test", Lab.Limit())).GetString(0, 0));
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task The_schema_changes_and_a_reset_session_is_as_new(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        await connection.ChangeSchemaAsync("mysql", Lab.Limit());
        Assert.Equal("mysql", (await connection.QueryAsync("SELECT DATABASE()", Lab.Limit())).GetString(0, 0));
        var e = await Assert.ThrowsAsync<ServerErrorException>(() => connection.ChangeSchemaAsync("no_such_schema", Lab.Limit()));
        Assert.Equal(1049, e.Code);
        await connection.ExecuteAsync("SET @x = 5", Lab.Limit());
        if (server == "mysql-5.6")
        {
            await Assert.ThrowsAsync<ServerErrorException>(() => connection.ResetAsync(Lab.Limit()));
            return;
        }

        await connection.ResetAsync(Lab.Limit());
        Assert.True((await connection.QueryAsync("SELECT @x", Lab.Limit())).IsNull(0, 0));
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task Procedures_give_several_results(string server)
    {
        await using var connection = await Lab.OpenAsync(server);
        var schema = LabServer.UniqueSchema();
        await connection.ExecuteAsync($"CREATE DATABASE {schema}", Lab.Limit());
        await connection.ExecuteAsync($"CREATE PROCEDURE {schema}.p() BEGIN SELECT 1; SELECT 2, 3; END", Lab.Limit());
        var results = await connection.QueryMultiAsync(Encoding.UTF8.GetBytes($"CALL {schema}.p()"), Lab.Limit());
        Assert.Equal([1, 2, 0], results.Select(result => result.Columns.Count));
        Assert.Equal("3", results[1].GetString(0, 1));
        await connection.ExecuteAsync($"DROP DATABASE {schema}", Lab.Limit());
    }
}
