using System.Globalization;
using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Values of many megabytes, which are sent from where they were read.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class LargeValueTests
{
    // Longer than a packet of the protocol, full of what has to be escaped, and with a character that is not ASCII across every border.
    private const string Text = "REPEAT('ü\\'\\\\ä0', 2450000)";
    private const string Bytes = "REPEAT(X'00275C22FF', 3400000)";

    private const string Sums = "SELECT CONCAT_WS(' ', id, n, LENGTH(a), SHA2(a, 256), LENGTH(b), SHA2(b, 256), SHA2(CONVERT(g USING utf8mb4), 256), SHA2(CONVERT(l USING utf8mb4), 256)) FROM {0}.t ORDER BY id";

    [Fact]
    public async Task Values_longer_than_a_packet_arrive_exactly_by_copy_and_stream()
    {
        await using var source = await LabServer.StartAsync("mariadb-10.11", "--max-allowed-packet=128M");
        await using var target = await LabServer.StartAsync("mysql-9.7", "--max-allowed-packet=128M");
        await using var scenario = await Scenario.CreateAsync(source, target, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, a LONGTEXT CHARACTER SET utf8mb4, n INT, b LONGBLOB) ENGINE=InnoDB");
        await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES (1, {Text}, NULL, {Bytes}), (2, 'small', 2, 'small')", default);
        await scenario.RecordAsync();
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions { Threads = 2 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
        await AssertSameAsync(scenario);
        await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES (3, NULL, 3, {Bytes})", default);
        await scenario.Source.ExecuteAsync($"UPDATE t SET a={Text}, n=n+1 WHERE id=2", default);
        await scenario.Source.ExecuteAsync("DELETE FROM t WHERE id=1", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await AssertSameAsync(scenario);
    }

    // A statement of such a row would be longer than the target takes: escaped, each value has twice its bytes.
    [Theory]
    [InlineData("mysql-9.7", "mysql-9.7", "JSON", "JSON_OBJECT('k', REPEAT('\\\\\"', 1250000))")]
    [InlineData("mariadb-10.11", "mariadb-10.11", "LONGTEXT", "REPEAT('\\'\\\\', 2500000)")]
    [InlineData("mariadb-10.11", "mysql-9.7", "LONGTEXT", "REPEAT('\\'\\\\', 2500000)")]
    public async Task Rows_whose_statement_the_target_would_refuse_arrive_exactly_by_copy_and_stream(string from, string to, string type, string value)
    {
        await using var source = await LabServer.StartAsync(from, "--max-allowed-packet=64M", RedoLog(from));
        await using var target = await LabServer.StartAsync(to, "--max-allowed-packet=16M", RedoLog(to));
        await using var scenario = await Scenario.CreateAsync(source, target,
            $"CREATE TABLE t (id INT NOT NULL PRIMARY KEY, a {type}, b LONGBLOB, g LONGTEXT CHARACTER SET gbk, l LONGTEXT CHARACTER SET latin1, n INT) ENGINE=InnoDB");
        const string zeros = "REPEAT(X'0027', 2500000)";
        const string gbk = "REPEAT(CONVERT(_utf8mb4 X'E8AAA0' USING gbk), 2500000)"; // its second byte is a backslash
        const string latin1 = "REPEAT(_latin1 X'E427', 2500000)";
        await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES (1, {value}, {zeros}, {gbk}, {latin1}, 1), (2, NULL, NULL, NULL, NULL, 2)", default);
        // Otherwise the other character sets would be taken for a statement that the stream has not met yet.
        await scenario.RecordAsync(change: d => d with { OnDdl = OnDdl.Stop });
        await scenario.Target.ExecuteAsync($"ALTER TABLE {scenario.Schema}.t MODIFY g LONGTEXT CHARACTER SET utf8mb4, MODIFY l LONGTEXT CHARACTER SET utf8mb4", default);
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions { Threads = 2 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
        await AssertSameAsync(scenario, Sums);
        await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES (3, {value}, {zeros}, {gbk}, {latin1}, 3)", default);
        await scenario.Source.ExecuteAsync($"UPDATE t SET a={value}, b={zeros}, g={gbk}, l={latin1} WHERE id=2", default);
        await scenario.Source.ExecuteAsync("DELETE FROM t WHERE id=1", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await AssertSameAsync(scenario, Sums);
    }

    // Where it pays, values are sent as parameters: some of a row, of some rows of a transaction, beside rows as logged and SQL.
    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8", true)]
    [InlineData("mysql-5.6", "mysql-9.7", true)]
    [InlineData("mysql-9.7", "mariadb-10.5", true)]
    [InlineData("mariadb-10.5", "mysql-5.6", true)]
    [InlineData("mysql-9.7", "mysql-9.7", true)]
    [InlineData("mysql-9.7", "mysql-9.7", false)]
    public async Task Values_sent_as_parameters_arrive_exactly_among_others(string from, string to, bool hasRoom)
    {
        await using var source = await LabServer.StartAsync(from, "--max-allowed-packet=16M");
        await using var target = await LabServer.StartAsync(to, hasRoom ? ["--max-allowed-packet=16M"] : ["--max-allowed-packet=16M", "--max-prepared-stmt-count=0"]);
        await using var scenario = await Scenario.CreateAsync(source, target,
            "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, a LONGTEXT CHARACTER SET utf8mb4, b LONGBLOB, g LONGTEXT CHARACTER SET gbk, l LONGTEXT CHARACTER SET latin1, n INT) ENGINE=InnoDB");
        await scenario.Source.ExecuteAsync("INSERT INTO t SELECT n, 'a', 'b', 'g', 'l', n FROM (SELECT 1 n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) d", default);
        await scenario.RecordAsync(change: d => d with { OnDdl = OnDdl.Stop });
        await scenario.Target.ExecuteAsync($"ALTER TABLE {scenario.Schema}.t MODIFY l LONGTEXT CHARACTER SET utf8mb4", default);
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions { Threads = 2 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
        var before = await PreparedAsync(scenario);
        var id = 10;
        foreach (var bytes in (int[])[65_533, 65_534, 65_535, 65_536, 65_537, 70_000, 600_000])
        {
            var text = $"LEFT(REPEAT(CONVERT(_utf8mb4 X'F09F98805C27220D0A00' USING utf8mb4), 100000), {bytes - 3})";
            var zeros = $"LEFT(REPEAT(X'00275C22FF1A', 200000), {bytes})";
            var gbk = $"REPEAT(CONVERT(_utf8mb4 X'E8AAA0' USING gbk), {bytes / 2})"; // its second byte is a backslash
            var latin1 = $"LEFT(REPEAT(_latin1 X'E4275C00', 200000), {bytes})";
            await scenario.Source.ExecuteAsync("BEGIN", default);
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({id}, {text}, {zeros}, {gbk}, {latin1}, 1), ({id + 1}, 'small', NULL, '', 'small', 2), ({id + 2}, NULL, {zeros}, NULL, NULL, 3)", default);
            await scenario.Source.ExecuteAsync("UPDATE t SET n=n+1 WHERE id<6", default);
            await scenario.Source.ExecuteAsync($"UPDATE t SET b={zeros} WHERE id IN (2,3)", default);
            await scenario.Source.ExecuteAsync($"UPDATE t SET g={gbk}, l={latin1}, a={text} WHERE id=4", default);
            await scenario.Source.ExecuteAsync($"DELETE FROM t WHERE id={id + 2}", default);
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({id + 2}, 'again', {zeros}, NULL, {latin1}, 3)", default);
            await scenario.Source.ExecuteAsync("UPDATE t SET b=NULL, n=n+1 WHERE id=2", default);
            await scenario.Source.ExecuteAsync("COMMIT", default);
            id += 10;
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await AssertSameAsync(scenario, Sums);
        Assert.Equal(hasRoom, await PreparedAsync(scenario) > before);
    }

    // With more tables in use than the server keeps definitions of, it forgets each that is not, and so finds every prepared statement out of date, however often it prepares it again.
    [Fact]
    public async Task Values_go_as_text_to_a_server_that_keeps_losing_its_prepared_statements()
    {
        await using var source = await LabServer.StartAsync("mariadb-10.11");
        await using var target = await LabServer.StartAsync("mysql-9.7", "--table-definition-cache=400", "--table-open-cache=64", "--table-open-cache-instances=1");
        await using var scenario = await Scenario.CreateAsync(source, target, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, a LONGTEXT CHARACTER SET utf8mb4, n INT, b LONGBLOB) ENGINE=InnoDB");
        await scenario.RecordAsync();
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions { Threads = 1 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
        await using var holder = await BackendConnection.OpenAsync(scenario.To, default);
        await holder.ExecuteAsync("CREATE DATABASE held", default);
        string[] held = [.. Enumerable.Range(0, 450).Select(i => $"held.t{i}")];
        foreach (var table in held)
        {
            await holder.ExecuteAsync($"CREATE TABLE {table} (id INT) ENGINE=MEMORY", default);
        }

        await holder.ExecuteAsync($"LOCK TABLES {string.Join(", ", held.Select(t => $"{t} READ"))}", default);
        var before = await CountAsync(scenario, "Com_stmt_reprepare");
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, REPEAT('ü', 70000), 1, REPEAT(X'00275C22', 30000)), (2, 'small', 2, NULL)", default);
        await scenario.Source.ExecuteAsync("UPDATE t SET b=REPEAT(X'00275C23', 30000) WHERE id=2", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await AssertSameAsync(scenario);
        Assert.True(await CountAsync(scenario, "Com_stmt_reprepare") >= before + 6, "The server lost no statement.");
    }

    private static Task<long> PreparedAsync(Scenario scenario) => CountAsync(scenario, "Com_stmt_execute");

    private static async Task<long> CountAsync(Scenario scenario, string status) => (await scenario.Target.QueryAsync($"SHOW GLOBAL STATUS LIKE '{status}'", default)).GetInt64(0, 1);

    private static string RedoLog(string server) => server.StartsWith("mysql", StringComparison.Ordinal) ? "--innodb-redo-log-capacity=2G" : "--innodb-log-file-size=1G";

    private static Task AssertSameAsync(Scenario scenario) =>
        AssertSameAsync(scenario, "SELECT CONCAT_WS(' ', id, LENGTH(a), SHA2(a, 256), n, LENGTH(b), SHA2(b, 256)) FROM {0}.t ORDER BY id");

    private static async Task AssertSameAsync(Scenario scenario, string sum)
    {
        var sums = new List<string>();
        foreach (var server in (ConnectionOptions[])[scenario.From, scenario.To])
        {
            await using var connection = await BackendConnection.OpenAsync(server, default);
            var result = await connection.QueryAsync(string.Format(CultureInfo.InvariantCulture, sum, scenario.Schema), default);
            sums.Add(string.Join('\n', result.Rows.Select(r => r.GetString(0))));
        }

        Assert.Equal(sums[0], sums[1]);
    }
}
