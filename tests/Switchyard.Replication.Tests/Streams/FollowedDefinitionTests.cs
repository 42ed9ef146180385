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
