using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>A change logged as text stops the stream when it may have changed a migrated table, whatever it names, and only then.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class StatementFormatTests
{
    private static readonly string[] s_schema =
    [
        "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB",
        "CREATE TABLE plain (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB",
        "CREATE TABLE watched (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB",
        "CREATE VIEW shown AS SELECT * FROM t",
        "CREATE TRIGGER onward AFTER INSERT ON watched FOR EACH ROW INSERT INTO t VALUES (NEW.id, 1)",
        "CREATE FUNCTION bring(n INT) RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (n, 2); RETURN n; END",
    ];

    public static TheoryData<string, string, bool> Changes()
    {
        var cases = new TheoryData<string, string, bool>();
        foreach (var server in new[] { "mariadb-10.11", "mysql-9.7" })
        {
            cases.Add(server, "UPDATE shown SET v=7", true);
            cases.Add(server, "INSERT INTO watched VALUES (20)", true);
            cases.Add(server, "INSERT INTO {0}.watched VALUES (21)", true);
            cases.Add(server, "SELECT bring(22)", true);
            cases.Add(server, "USE {1}; SELECT {0}.bring(23)", true);
            cases.Add(server, "USE {1}; INSERT INTO reaching VALUES (24)", true);
            cases.Add(server, "INSERT INTO plain VALUES (1)", false);
            cases.Add(server, "INSERT INTO {1}.far VALUES (1)", false);
            cases.Add(server, "USE {1}; UPDATE far SET id=id+1", false);
            cases.Add(server, "USE {1}; CREATE TEMPORARY TABLE passing (id INT); INSERT INTO passing VALUES (1); INSERT INTO far SELECT id+50 FROM passing", false);
            cases.Add(server, "CREATE TEMPORARY TABLE passing (id INT, v INT); INSERT INTO passing SELECT * FROM t; UPDATE passing SET v=5; DELETE FROM passing WHERE id=1; TRUNCATE TABLE passing; DROP TABLE passing", false);
            cases.Add(server, "CREATE TEMPORARY TABLE passing AS SELECT * FROM t; ALTER TABLE passing RENAME TO passed; INSERT INTO passed SELECT * FROM t", false);
            cases.Add(server, "CREATE TEMPORARY TABLE t (id INT, v INT); INSERT INTO t VALUES (30, 30); UPDATE t SET v=9; ALTER TABLE t ADD c INT; CREATE INDEX i ON t (c); TRUNCATE TABLE t; DROP TABLE t", false);
            cases.Add(server, "CREATE TEMPORARY TABLE t AS SELECT * FROM plain; TRUNCATE TABLE t", false);
            cases.Add(server, "CREATE TEMPORARY TABLE t (id INT, v INT); DROP TEMPORARY TABLE t; UPDATE t SET v=9", true);
            cases.Add(server, "CREATE TEMPORARY TABLE passing (id INT); INSERT INTO passing VALUES (31); INSERT INTO t SELECT id, 1 FROM passing", true);
            cases.Add(server, "CREATE TEMPORARY TABLE passing (id INT); INSERT INTO passing VALUES (1); UPDATE passing JOIN t ON passing.id=t.id SET t.v=3", true);
            cases.Add(server, "CREATE TEMPORARY TABLE passing (id INT); INSERT INTO passing SELECT bring(32)", true);
        }

        // MySQL refuses a function that writes there.
        cases.Add("mariadb-10.11", "CREATE TEMPORARY TABLE passing AS SELECT bring(33) AS n", true);
        cases.Add("mariadb-10.11", "CREATE TABLE {1}.filled AS SELECT {0}.bring(34) AS n", true);

        return cases;
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_change_logged_as_text_stops_the_stream_when_it_may_reach_a_migrated_table(string server, string statements, bool stops)
    {
        await using var scenario = await Scenario.CreateAsync(server, server, s_schema);
        var other = scenario.Schema + "_other";
        await scenario.Source.ExecuteAsync($"CREATE DATABASE {other}", default);
        try
        {
            await scenario.Source.ExecuteAsync($"CREATE TABLE {other}.far (id INT) ENGINE=InnoDB", default);
            await scenario.Source.ExecuteAsync($"CREATE TABLE {other}.reaching (id INT) ENGINE=InnoDB", default);
            await scenario.Source.ExecuteAsync($"CREATE TRIGGER {other}.reach AFTER INSERT ON {other}.reaching FOR EACH ROW INSERT INTO {scenario.Schema}.t VALUES (NEW.id, 1)", default);
            await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
            await scenario.RecordAsync(change: d => d with { Tables = [.. d.Tables.Where(t => t.Name == "t")] });
            await using var stream = await scenario.OpenAsync();
            await new TableCopier(stream, new CopyOptions()).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
            await using var application = await scenario.ConnectSourceAsync();
            await application.ExecuteAsync("SET SESSION binlog_format='STATEMENT'", default);
            foreach (var statement in string.Format(System.Globalization.CultureInfo.InvariantCulture, statements, scenario.Schema, other).Split("; "))
            {
                await (statement.StartsWith("SELECT", StringComparison.Ordinal) ? application.QueryAsync(statement, default) : application.ExecuteAsync(statement, default) as Task);
            }

            if (stops)
            {
                await Assert.ThrowsAsync<ReplicationException>(() => Scenario.CatchUpAsync(stream)).WaitAsync(TimeSpan.FromMinutes(5));
                Assert.Contains("logged as text", stream.Progress.Error, StringComparison.Ordinal);
            }
            else
            {
                await scenario.Source.ExecuteAsync("UPDATE t SET v=8", default);
                await Scenario.CatchUpAsync(stream);
                var rows = await scenario.Target.QueryAsync($"SELECT id, v FROM {scenario.Schema}.t", default);
                Assert.Equal(["1 8"], rows.Rows.Select(r => $"{r.GetString(0)} {r.GetString(1)}"));
            }
        }
        finally
        {
            await scenario.Source.ExecuteAsync($"DROP DATABASE {other}", default);
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_temporary_table_is_known_until_the_source_starts_again(string server)
    {
        await using var from = await LabServer.StartAsync(server);
        await using var scenario = await Scenario.CreateAsync(from, await LabServer.SharedAsync(server, "target"), s_schema);
        await scenario.RecordAsync(copies: false, change: d => d with { Tables = [.. d.Tables.Where(t => t.Name == "t")] });
        await using var stream = await scenario.OpenAsync();
        var application = await scenario.ConnectSourceAsync();
        foreach (var statement in (string[])["SET SESSION binlog_format='STATEMENT'", "CREATE TEMPORARY TABLE t (id INT, v INT)", "INSERT INTO t VALUES (40, 40)"])
        {
            await application.ExecuteAsync(statement, default);
        }

        await Scenario.CatchUpAsync(stream);
        var session = (await application.QueryAsync("SELECT CONNECTION_ID()", default)).GetString(0, 0);
        var dump = (await scenario.Source.QueryAsync("SHOW PROCESSLIST", default)).Rows.Single(p => p.GetString(4).StartsWith("Binlog Dump", StringComparison.Ordinal));
        var again = Scenario.UntilAsync(stream, StreamState.Reconnecting);
        await scenario.Source.ExecuteAsync($"KILL {dump.GetString(0)}", default);
        await again;
        await application.ExecuteAsync("INSERT INTO t VALUES (41, 41)", default);
        await Scenario.CatchUpAsync(stream);

        await from.KillAsync();
        await from.RestartAsync();
        application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Equal(1, await scenario.CountAsync(new(scenario.Schema, "t")));

        // Ids of sessions begin anew with the server.
        await application.ExecuteAsync("SET SESSION binlog_format='STATEMENT'", default);
        await application.ExecuteAsync($"SET SESSION pseudo_thread_id={session}", default);
        await application.ExecuteAsync("CREATE TEMPORARY TABLE passing (id INT)", default);
        await application.ExecuteAsync("INSERT INTO t SELECT id, 1 FROM passing", default);
        await Assert.ThrowsAsync<ReplicationException>(() => Scenario.CatchUpAsync(stream)).WaitAsync(TimeSpan.FromMinutes(5));
        Assert.Contains("logged as text", stream.Progress.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mariadb-10.11", "TRUNCATE TABLE t")]
    [InlineData("mariadb-10.11", "ALTER TABLE t DROP COLUMN v")]
    [InlineData("mariadb-10.5", "TRUNCATE TABLE t")]
    [InlineData("mysql-5.6", "TRUNCATE TABLE t")]
    [InlineData("mysql-9.7", "TRUNCATE TABLE t")]
    [InlineData("mysql-9.7", "CREATE INDEX i ON t (v)")]
    public async Task What_may_be_about_a_temporary_table_from_before_the_stream_is_not_run_on_the_table_of_its_name(string server, string statement)
    {
        await using var scenario = await Scenario.CreateAsync(server, server, s_schema);
        await using var application = await RecordBehindTemporaryAsync(scenario);
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions()).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        var before = (await scenario.Target.QueryAsync($"SHOW CREATE TABLE {scenario.Schema}.t", default)).GetString(0, 1);

        await application.ExecuteAsync(statement, default);
        await Assert.ThrowsAnyAsync<ReplicationException>(() => Scenario.CatchUpAsync(stream)).WaitAsync(TimeSpan.FromMinutes(5));
        Assert.Equal(scenario.Tables.Where(t => t.Name == "t"), stream.Replaced!.Tables);
        Assert.Contains("or a temporary table of that name", stream.Progress.Error, StringComparison.Ordinal);
        Assert.Equal(1, await scenario.CountAsync(new(scenario.Schema, "t")));
        Assert.Equal(before, (await scenario.Target.QueryAsync($"SHOW CREATE TABLE {scenario.Schema}.t", default)).GetString(0, 1));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-10.5")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task A_dropped_temporary_table_from_before_the_stream_is_told_from_the_table_of_its_name(string server)
    {
        await using var scenario = await Scenario.CreateAsync(server, server, s_schema);
        await using var application = await RecordBehindTemporaryAsync(scenario);
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions()).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));

        await application.ExecuteAsync("DROP TABLE t", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (2, 2)", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Equal(2, await scenario.CountAsync(new(scenario.Schema, "t")));
    }

    /// <summary>Records a stream of <c>t</c>, which has one row; the session that is returned has made a temporary table of that name before.</summary>
    private static async Task<BackendConnection> RecordBehindTemporaryAsync(Scenario scenario)
    {
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
        var application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync("SET SESSION binlog_format='STATEMENT'", default);
        await application.ExecuteAsync("CREATE TEMPORARY TABLE t (id INT, v INT, w INT)", default);
        await scenario.RecordAsync(change: d => d with { Tables = [.. d.Tables.Where(t => t.Name == "t")] });
        return application;
    }

    // With the flag of temporary tables: it is the whole procedure's.
    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task What_a_session_that_began_after_the_stream_does_to_a_table_beside_its_temporary_ones_is_followed(string server)
    {
        await using var scenario = await Scenario.CreateAsync(
            server, server, [.. s_schema, "CREATE PROCEDURE refill() BEGIN CREATE TEMPORARY TABLE passing AS SELECT id+10 AS id FROM t; TRUNCATE TABLE t; INSERT INTO t SELECT id, 2 FROM passing; DROP TEMPORARY TABLE passing; END"]);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
        await scenario.RecordAsync(change: d => d with { Tables = [.. d.Tables.Where(t => t.Name == "t")] });
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions()).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        await using var application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync("CALL refill()", default);
        await Scenario.CatchUpAsync(stream);
        var rows = await scenario.Target.QueryAsync($"SELECT id, v FROM {scenario.Schema}.t", default);
        Assert.Equal(["11 2"], rows.Rows.Select(r => $"{r.GetString(0)} {r.GetString(1)}"));
    }

    [Fact]
    public async Task A_rollback_that_is_logged_with_savepoints_of_other_tables_alone_passes()
    {
        // MySQL with GTIDs refuses such a transaction.
        await using var scenario = await Scenario.CreateAsync("mariadb-10.11", "mariadb-10.11", s_schema);
        var other = scenario.Schema + "_other";
        await scenario.Source.ExecuteAsync($"CREATE DATABASE {other}", default);
        try
        {
            await scenario.Source.ExecuteAsync($"CREATE TABLE {other}.far (id INT) ENGINE=InnoDB", default);
            await scenario.Source.ExecuteAsync($"CREATE TABLE {other}.kept (id INT) ENGINE=MyISAM", default);
            await scenario.RecordAsync(copies: false, change: d => d with { Tables = [.. d.Tables.Where(t => t.Name == "t")] });
            await using var stream = await scenario.OpenAsync();
            await using var application = await scenario.ConnectSourceAsync();
            foreach (var statement in (string[])["SET SESSION binlog_format='STATEMENT'", $"USE {other}", "BEGIN", "INSERT INTO far VALUES (1)", "SAVEPOINT a", "INSERT INTO kept VALUES (1)", "ROLLBACK"])
            {
                await application.ExecuteAsync(statement, default);
            }

            await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
            await Scenario.CatchUpAsync(stream);
            Assert.Equal(1, await scenario.CountAsync(new(scenario.Schema, "t")));
            Assert.Equal(1, stream.Progress.TransactionsApplied);
        }
        finally
        {
            await scenario.Source.ExecuteAsync($"DROP DATABASE {other}", default);
        }
    }
}
