using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Tests.Streams;

namespace Switchyard.Replication.Tests.Regressions;

/// <summary>Bugs that other movers of data had and whose tests are nowhere else; <c>docs/internals/known-bugs.md</c> has all of them with theirs.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class KnownBugTests
{
    [Theory]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    public async Task Keys_that_end_in_zero_bytes_find_their_rows(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(
            from, to, "CREATE TABLE t (k BINARY(6) NOT NULL PRIMARY KEY, u BINARY(4) NOT NULL UNIQUE, v VARBINARY(8), n INT NOT NULL) ENGINE=InnoDB");
        string[] keys = ["000000000000", "610000000000", "610061000000", "616161616100", "616161616161", "ff0000000000"];
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES " + string.Join(',', keys.Select((key, i) => $"(x'{key}', x'0{i}000000', x'0{i}0000', {i})")), default);
        await RunAsync(
            scenario,
            "UPDATE t SET n=n+10 WHERE k=x'610000000000'", "UPDATE t SET k=x'620000000000' WHERE n=0", "UPDATE t SET u=x'1f000000', v=x'00' WHERE n=2", "DELETE FROM t WHERE k=x'616161616100'",
            "INSERT INTO t VALUES (x'000000000000', x'0a000000', x'', 7), ('c', 'b', 'c', 8)", "DELETE FROM t WHERE k=x'ff0000000000'", "UPDATE t SET n=n+1");
        Assert.Equal(6, await scenario.CountAsync(scenario.Tables[0]));
    }

    [Theory]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    public async Task Keys_that_are_equal_in_their_collation_change_hands_in_order(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(
            from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, word VARCHAR(30) COLLATE utf8mb4_general_ci NOT NULL, UNIQUE KEY (word)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4");
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (0, 'apfel'), (1, 'birne')", default);
        await scenario.RecordAsync(copies: false, change: d => d with { ApplyThreads = 4, GroupBytes = 1 });
        await scenario.Target.ExecuteAsync($"INSERT INTO {scenario.Schema}.t VALUES (0, 'apfel'), (1, 'birne')", default);
        await using (var application = await scenario.ConnectSourceAsync())
        {
            // One row gives the word up, in a transaction of its own, and another takes it in another spelling.
            string[] spellings = ["Äpfel", "APFEL", "äPFEL ", "Apfel"];
            for (var i = 0; i < 40; i++)
            {
                await application.ExecuteAsync($"UPDATE t SET word='frei {i}' WHERE id={i % 2}", default);
                await application.ExecuteAsync($"UPDATE t SET word='{spellings[i % 4]}' WHERE id={(i + 1) % 2}", default);
                await application.ExecuteAsync($"DELETE FROM t WHERE id={(i + 1) % 2}", default);
                await application.ExecuteAsync($"INSERT INTO t VALUES ({(i + 1) % 2}, '{spellings[(i + 1) % 4]}')", default);
            }
        }

        await using var stream = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }

    [Theory]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    public async Task A_unique_key_that_is_taken_on_the_target_stops_the_stream_and_costs_no_row(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, email VARCHAR(40) NOT NULL UNIQUE) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false);
        await scenario.Target.ExecuteAsync($"INSERT INTO {scenario.Schema}.t VALUES (999, 'taken')", default);
        await using var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'free')", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (2, 'taken')", default);
        await stream.Completion.WaitAsync(TimeSpan.FromMinutes(4));
        Assert.Equal(StreamState.Failed, stream.Progress.State);
        Assert.Contains($"{scenario.Schema}.t", stream.Progress.Error, StringComparison.Ordinal);
        Assert.Equal("1,999", await IdsAsync(scenario));
    }

    [Theory]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    public async Task A_unique_key_that_is_taken_on_the_target_stops_the_copy_and_costs_no_row(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, email VARCHAR(40) NOT NULL UNIQUE) ENGINE=InnoDB");
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'free'), (2, 'taken')", default);
        await scenario.RecordAsync();
        await scenario.Target.ExecuteAsync($"INSERT INTO {scenario.Schema}.t VALUES (999, 'taken')", default);
        await using var stream = await scenario.OpenAsync();
        var failure = await Assert.ThrowsAsync<ReplicationException>(() => new TableCopier(stream, new CopyOptions()).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4)));
        Assert.Contains($"{scenario.Schema}.t", failure.Message, StringComparison.Ordinal);
        Assert.Equal("999", await IdsAsync(scenario));
    }

    [Theory]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task Values_that_servers_and_sessions_read_differently_arrive_as_they_are(string from, string to)
    {
        // A server in another time zone, whose own mode refuses the dates.
        await using var target = await LabServer.StartAsync(to, "--default-time-zone=-07:30", "--sql-mode=STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE");
        await using var scenario = await Scenario.CreateAsync(
            await LabServer.SharedAsync(from, "source"), target,
            """
            CREATE TABLE t (id INT NOT NULL PRIMARY KEY, at TIMESTAMP(6) NULL, wall DATETIME(3), day DATE, span TIME(6), tiny TINYINT UNSIGNED, small SMALLINT UNSIGNED,
              middle MEDIUMINT UNSIGNED, whole INT UNSIGNED, big BIGINT UNSIGNED) ENGINE=InnoDB
            """);
        await using (var elsewhere = await scenario.ConnectSourceAsync())
        {
            await elsewhere.ExecuteAsync("SET time_zone='+09:00', sql_mode=''", default);
            await elsewhere.ExecuteAsync(Row(1), default);
        }

        await RunAsync(scenario, "SET time_zone='+05:45', sql_mode=''", Row(2), "UPDATE t SET id=id+10, small=small-1 WHERE tiny=255", "SET time_zone='-03:00'", Row(3));

        static string Row(int id) =>
            $"INSERT INTO t VALUES ({id}, '2024-03-31 02:30:00.000001', '2024-03-31 02:30:00.999', '0000-00-00', '-838:59:58.999999', 255, 65535, 16777215, 4294967295, 18446744073709551615),"
            + $" ({id + 100}, '1970-01-02 00:00:00', '0000-00-00 00:00:00.000', '2024-00-10', '00:00:00.000001', 128, 32768, 8388608, 2147483648, 9223372036854775808)";
    }

    [Fact]
    public async Task Transactions_with_tagged_gtids_are_copied_and_streamed()
    {
        await using var scenario = await Scenario.CreateAsync("mysql-9.7", "mariadb-10.11", "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB");
        await scenario.Source.ExecuteAsync("SET gtid_next='AUTOMATIC:before'", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)", default);
        await RunAsync(
            scenario, "SET gtid_next='AUTOMATIC:blue'", "UPDATE t SET v=v+1 WHERE id=1", "INSERT INTO t VALUES (4, 4)", "SET gtid_next='AUTOMATIC'", "DELETE FROM t WHERE id=2",
            "SET gtid_next='AUTOMATIC:green'", "UPDATE t SET id=20 WHERE id=3", "SET gtid_next='AUTOMATIC'");
        await scenario.Source.ExecuteAsync("SET gtid_next='AUTOMATIC'", default);
    }

    [Theory]
    [InlineData("mysql-9.7")]
    [InlineData("mariadb-10.11")]
    public async Task A_log_purged_before_it_was_read_is_named_with_the_remedy(string name)
    {
        // Its own: purging takes the log from everybody.
        await using var source = await LabServer.StartAsync(name);
        await using var scenario = await Scenario.CreateAsync(source, await LabServer.SharedAsync("mariadb-10.11", "target"), "CREATE TABLE t (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false);
        string needed;
        await using (var stream = await scenario.OpenAsync())
        {
            await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1)", default);
            await Scenario.CatchUpAsync(stream);
            await stream.StopAsync();
            needed = stream.Progress.Applied.File;
        }

        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (2)", default);
        await scenario.Source.ExecuteAsync("FLUSH BINARY LOGS", default);
        await scenario.PurgeLogsAsync();

        var failure = await Assert.ThrowsAsync<ReplicationException>(async () =>
        {
            await using var stream = await scenario.OpenAsync();
            await Scenario.CatchUpAsync(stream);
        });
        Assert.Contains(needed, failure.Message, StringComparison.Ordinal);
        Assert.Contains("binlog_expire_logs_seconds", failure.Message, StringComparison.Ordinal);
        Assert.Equal(1, await scenario.CountAsync(scenario.Tables[0]));
    }

    /// <summary>Copies what is there, streams the statements of one session, and compares.</summary>
    private static async Task RunAsync(Scenario scenario, params string[] statements)
    {
        await scenario.RecordAsync();
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions { Threads = 1, FirstChunkRows = 2, MaxChunkRows = 2 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        await using (var application = await scenario.ConnectSourceAsync())
        {
            foreach (var statement in statements)
            {
                await application.ExecuteAsync(statement, default);
            }
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }

    private static async Task<string> IdsAsync(Scenario scenario) =>
        (await scenario.Target.QueryAsync($"SELECT GROUP_CONCAT(id ORDER BY id) FROM {scenario.Schema}.t", default)).GetString(0, 0);
}
