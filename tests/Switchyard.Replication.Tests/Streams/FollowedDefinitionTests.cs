using Switchyard.Client;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>The words of a change of definition mean what the source's session took them for, whatever the target's own settings are.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class FollowedDefinitionTests
{
    private const string Table = "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(100) DEFAULT 'x', at TIMESTAMP NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

    [Theory]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mariadb-10.5", "mariadb-11.8")]
    [InlineData("mariadb-11.8", "mariadb-11.8")]
    public async Task What_a_statement_leaves_to_its_session_is_the_sources(string from, string to)
    {
        await using var scenario = await CreateAsync(from, to);
        var stream = await scenario.OpenAsync();
        foreach (var statement in (string[])[
            "INSERT INTO t VALUES (1, 'a', '2024-06-01 12:00:00'), (2, 'b', '2024-12-01 12:00:00')",
            "SET timestamp=1600000000.25, time_zone='+05:30'",
            "ALTER TABLE t ADD made DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), ADD stamp TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP",
            "ALTER TABLE t MODIFY at DATETIME",
            "SET timestamp=DEFAULT, time_zone='+00:00'",
            "ALTER TABLE t ADD unsaid TIMESTAMP, ADD unsaid2 TIMESTAMP",
            "ALTER TABLE t ADD wide VARCHAR(20) CHARACTER SET utf8mb4, ADD narrow VARCHAR(20) CHARSET utf8",
            "SET sql_mode='NO_BACKSLASH_ESCAPES'",
            @"ALTER TABLE t ADD path VARCHAR(20) NOT NULL DEFAULT 'C:\n' COMMENT 'C:\'",
            "SET sql_mode='ALLOW_INVALID_DATES', auto_increment_increment=10, auto_increment_offset=3",
            "ALTER TABLE t ADD number INT NOT NULL AUTO_INCREMENT UNIQUE",
            "INSERT INTO t (id) VALUES (3)"])
        {
            await scenario.Source.ExecuteAsync(statement, default);
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
        Assert.Equal(await ColumnsAsync(scenario.Source, scenario.Schema), await ColumnsAsync(scenario.Target, scenario.Schema));
    }

    [Theory]
    [InlineData("mariadb-10.5", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_table_created_if_it_is_not_there_stops_no_stream_when_it_is_there(string from, string to)
    {
        await using var scenario = await CreateAsync(from, to);
        var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, j JSON) DEFAULT CHARSET=utf8mb4", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'a', NULL)", default);

        await Scenario.CatchUpAsync(stream);

        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
    }

    [Fact]
    public async Task A_statement_with_settings_of_its_own_is_followed()
    {
        await using var scenario = await CreateAsync("mariadb-10.11", "mariadb-11.8");
        var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'a', NULL)", default);
        await scenario.Source.ExecuteAsync("SET STATEMENT max_statement_time=100 FOR TRUNCATE TABLE t", default);
        await scenario.Source.ExecuteAsync("SET STATEMENT max_statement_time=100, lock_wait_timeout=50 FOR ALTER TABLE t ADD KEY (v)", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (2, 'b', NULL)", default);

        await Scenario.CatchUpAsync(stream);

        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
        Assert.Equal(1, (await scenario.Target.QueryAsync($"SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema='{scenario.Schema}' AND index_name='v'", default)).GetInt64(0, 0));
    }

    [Theory]
    [InlineData("mariadb-10.11", "ALTER TABLE t ENGINE=MyISAM", "ENGINE=InnoDB on the source")]
    [InlineData("mariadb-10.11", "ALTER TABLE t ENGINE='MyISAM'", "ENGINE=InnoDB on the source")]
    [InlineData("mysql-9.7", "ALTER TABLE t ENGINE = \"MyISAM\"", "ENGINE=InnoDB on the source")]
    [InlineData("mariadb-10.11", "ALTER TABLE t ADD SYSTEM VERSIONING", "history of its rows")]
    [InlineData("mariadb-10.11", "ALTER TABLE t ADD u CHAR(36) NOT NULL DEFAULT uuid()", "by UUID, which gives other values")]
    [InlineData("mariadb-10.11", "ALTER TABLE t ADD r DOUBLE DEFAULT (rand() * 5)", "by RAND, which gives other values")]
    [InlineData("mariadb-11.8", "ALTER TABLE t ADD s VARCHAR(9) CHARACTER SET utf8mb4", "without a collation")]
    [InlineData("mysql-9.7", "ALTER TABLE t /*!50000 ADD x INT */ /*!80000 , ADD y INT */", "/*!80000")]
    [InlineData("mysql-9.7", "ALTER TABLE t MODIFY v VARCHAR(100) NOT NULL", "error 1265")]
    public async Task What_would_become_another_table_stops_with_the_remedy_before_the_target_is_changed(string from, string change, string expected)
    {
        await using var scenario = await CreateAsync(from, "mariadb-10.11");
        var before = await ColumnsAsync(scenario.Target, scenario.Schema);
        var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t (id, v) VALUES (1, NULL)", default);
        await scenario.Source.ExecuteAsync(change, default);

        await Scenario.UntilAsync(stream, StreamState.Failed);

        Assert.Contains($"{scenario.Schema}.t", stream.Progress.Error, StringComparison.Ordinal);
        Assert.Contains(expected, stream.Progress.Error, StringComparison.Ordinal);
        Assert.Equal(before, await ColumnsAsync(scenario.Target, scenario.Schema));
        Assert.Equal(1, await scenario.CountAsync(Assert.Single(scenario.Tables)));
    }

    [Fact]
    public async Task A_list_of_members_that_has_grown_twice_before_the_stream_came_to_it_is_followed()
    {
        await using var scenario = await CreateAsync("mariadb-10.11", "mysql-9.7");
        await scenario.Source.ExecuteAsync("ALTER TABLE t ADD e ENUM('a', 'b') DEFAULT 'b'", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t (id, e) VALUES (1, 'a'), (2, 'b')", default);
        await scenario.Source.ExecuteAsync("ALTER TABLE t MODIFY e ENUM('b', 'c', 'a')", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t (id, e) VALUES (3, 'a'), (4, 'b'), (5, 'c')", default);
        var stream = await scenario.OpenAsync();

        await Scenario.CatchUpAsync(stream);

        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task Rows_from_before_their_columns_changed_places_and_names_go_to_the_columns_they_were_written_to(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, c INT) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false);
        foreach (var statement in (string[])[
            "INSERT INTO t VALUES (1, 10, 20, 30)",
            "ALTER TABLE t MODIFY b INT FIRST",
            "INSERT INTO t (id, a, b, c) VALUES (2, 11, 21, 31)",
            "UPDATE t SET c=32 WHERE id=1",
            "ALTER TABLE t CHANGE a c INT, CHANGE c a INT",
            "INSERT INTO t (id, a, b, c) VALUES (3, 12, 22, 33)",
            "UPDATE t SET a=a+1"])
        {
            await scenario.Source.ExecuteAsync(statement, default);
        }

        var stream = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(stream);

        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_key_dropped_by_itself_stops_with_what_to_do_and_the_stream_goes_on_once_there_is_another(string server)
    {
        await using var scenario = await Scenario.CreateAsync(server, server, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, other INT NOT NULL) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false);
        var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 10), (2, 20)", default);
        await scenario.Source.ExecuteAsync("ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (id, other)", default);
        await scenario.Source.ExecuteAsync("UPDATE t SET other=11 WHERE id=1", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();

        await scenario.Source.ExecuteAsync("ALTER TABLE t DROP PRIMARY KEY", default);
        var failed = await Scenario.UntilAsync(stream, StreamState.Failed);
        Assert.Contains($"{scenario.Schema}.t lost its primary key", failed.Error, StringComparison.Ordinal);
        Assert.Contains("`migration start`", failed.Error, StringComparison.Ordinal);
        Assert.Contains("DROP PRIMARY KEY, ADD PRIMARY KEY", failed.Error, StringComparison.Ordinal);

        await scenario.Source.ExecuteAsync("ALTER TABLE t ADD PRIMARY KEY (other)", default);
        await scenario.Source.ExecuteAsync("UPDATE t SET id=3 WHERE other=20", default);
        stream = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        Assert.Equal("other", (await scenario.Target.QueryAsync($"SELECT column_name FROM information_schema.key_column_usage WHERE table_schema='{scenario.Schema}' AND constraint_name='PRIMARY'", default)).GetString(0, 0));
    }

    [Theory]
    [InlineData("mariadb-10.11", "ADD PRIMARY KEY (other), ADD extra INT NOT NULL DEFAULT 5", false)]
    [InlineData("mysql-9.7", "ADD PRIMARY KEY (other), ADD extra INT NOT NULL DEFAULT 5", false)]
    [InlineData("mariadb-10.11", "ADD COLUMN row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY", true)]
    [InlineData("mysql-9.7", "ADD COLUMN row_id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY", true)]
    public async Task A_key_dropped_by_itself_is_got_over_by_whatever_key_comes_next(string server, string change, bool isCopiedAgain)
    {
        await using var scenario = await Scenario.CreateAsync(server, server, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, other INT NOT NULL) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false);
        var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 10), (2, 20)", default);
        await scenario.Source.ExecuteAsync("ALTER TABLE t DROP PRIMARY KEY", default);
        await Scenario.UntilAsync(stream, StreamState.Failed);

        await scenario.Source.ExecuteAsync($"ALTER TABLE t {change}", default);
        await scenario.Source.ExecuteAsync("UPDATE t SET id=3 WHERE other=20", default);
        stream = await scenario.OpenAsync();
        if (isCopiedAgain)
        {
            await Scenario.UntilAsync(stream, StreamState.Failed);
            Assert.Equal("t", Assert.Single(stream.Replaced!.Tables).Name);
            return;
        }

        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    public async Task An_alter_logged_in_two_phases_is_followed_where_it_is_done_and_one_that_failed_is_not(string server)
    {
        await using var scenario = await CreateAsync(server, server);
        var stream = await scenario.OpenAsync();
        await using var altering = await scenario.ConnectSourceAsync();
        await altering.ExecuteAsync("SET SESSION binlog_alter_two_phase=1", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'a', NULL), (2, 'a', NULL)", default);
        using var ending = new CancellationTokenSource();
        var writing = WriteAsync(await scenario.ConnectSourceAsync(), ending.Token);

        await altering.ExecuteAsync("ALTER TABLE t ADD n INT NOT NULL DEFAULT 7", default);
        Assert.Equal(1062, (await Assert.ThrowsAsync<ServerErrorException>(() => altering.ExecuteAsync("ALTER TABLE t ADD UNIQUE KEY once (v)", default))).Code);
        await altering.ExecuteAsync("CREATE INDEX by_v ON t (v)", default);
        await altering.ExecuteAsync("ALTER TABLE t MODIFY v VARCHAR(300), FORCE", default);
        await altering.ExecuteAsync("ALTER TABLE t ADD m INT FIRST, DROP n", default);
        await ending.CancelAsync();
        await writing;

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
        Assert.Equal(await ColumnsAsync(scenario.Source, scenario.Schema), await ColumnsAsync(scenario.Target, scenario.Schema));
        Assert.Equal("by_v", (await scenario.Target.QueryAsync($"SELECT index_name FROM information_schema.statistics WHERE table_schema='{scenario.Schema}' AND index_name<>'PRIMARY'", default)).GetString(0, 0));

        static async Task WriteAsync(BackendConnection client, CancellationToken ending)
        {
            for (var id = 100; !ending.IsCancellationRequested; id++)
            {
                await client.ExecuteAsync($"INSERT INTO t (id, v) VALUES ({id}, 'meanwhile')", default);
            }
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_change_logged_as_text_stops_the_stream_only_where_it_can_be_of_a_migrated_table(string server)
    {
        await using var scenario = await CreateAsync(server, server);
        var stream = await scenario.OpenAsync();
        var other = $"{scenario.Schema}_other";
        foreach (var statement in (string[])[
            "INSERT INTO t (id) VALUES (1)", $"CREATE DATABASE {other}", $"USE {other}", "CREATE TABLE t (id INT PRIMARY KEY)", "SET SESSION binlog_format=STATEMENT", "INSERT INTO t VALUES (1), (2)", $"DROP DATABASE {other}"])
        {
            await scenario.Source.ExecuteAsync(statement, default);
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);

        await scenario.Source.ExecuteAsync($"INSERT INTO {scenario.Schema}.t (id) VALUES (2)", default);
        await Scenario.UntilAsync(stream, StreamState.Failed);
        Assert.Contains("logged as text", stream.Progress.Error, StringComparison.Ordinal);
    }

    private static async Task<Scenario> CreateAsync(string from, string to)
    {
        var scenario = await Scenario.CreateAsync(from, to, Table);
        await scenario.RecordAsync(copies: false);
        return scenario;
    }

    private static async Task<string[]> ColumnsAsync(BackendConnection server, string schema)
    {
        var rows = await server.QueryAsync(
            "SELECT CONCAT_WS(' ', column_name, REPLACE(collation_name, 'utf8mb3', 'utf8'), is_nullable, column_default, REPLACE(extra, 'DEFAULT_GENERATED ', ''), column_comment) "
            + $"FROM information_schema.columns WHERE table_schema='{schema}' ORDER BY ordinal_position", default);
        return [.. rows.Rows.Select(r => r.GetString(0).Replace("DEFAULT_GENERATED", "").TrimEnd())];
    }
}
