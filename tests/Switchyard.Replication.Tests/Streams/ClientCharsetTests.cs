using System.Text;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>A statement is logged in its client's character set: the tables it names are found in any, or the stream stops.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class ClientCharsetTests
{
    private static readonly string[] s_tables = ["CREATE TABLE größe (id INT NOT NULL PRIMARY KEY, b INT) ENGINE=InnoDB", "CREATE TABLE малый (id INT NOT NULL PRIMARY KEY, b INT) ENGINE=InnoDB"];

    public static TheoryData<string, string, int, string, string> Statements()
    {
        var cases = new TheoryData<string, string, int, string, string>();
        foreach (var server in new[] { "mariadb-10.11", "mysql-9.7", "mysql-5.6" })
        {
            cases.Add(server, "latin1", 1252, "TRUNCATE TABLE größe", "character set other than UTF-8");
            cases.Add(server, "latin1", 1252, "ALTER TABLE größe MODIFY b INT FIRST", "character set other than UTF-8");
            cases.Add(server, "latin1", 1252, "DROP TABLE größe", "");
            cases.Add(server, "latin1", 1252, "RENAME TABLE größe TO weg", "RENAME TABLE");
            cases.Add(server, "cp1251", 1251, "TRUNCATE TABLE малый", "character set other than UTF-8");
            cases.Add(server, "latin1", 1252, "/* Größe */ TRUNCATE TABLE fremdgröße", "passes");
        }

        cases.Add("mariadb-10.11", "gbk", 936, "TRUNCATE TABLE малый", "not read here");
        cases.Add("mysql-9.7", "gbk", 936, "TRUNCATE TABLE малый", "not read here");
        cases.Add("mysql-9.7", "gbk", 936, "/* малый */ FLUSH TABLES", "passes");
        return cases;
    }

    [Theory]
    [MemberData(nameof(Statements))]
    public async Task A_statement_in_any_character_set_is_found_to_change_a_migrated_table(string server, string charset, int codePage, string statement, string expected)
    {
        await using var scenario = await Scenario.CreateAsync(server, server, s_tables);
        await scenario.Source.ExecuteAsync("INSERT INTO größe VALUES (1, 2)", default);
        await scenario.Source.ExecuteAsync("INSERT INTO малый VALUES (1, 2)", default);
        await scenario.RecordAsync();
        await scenario.Source.ExecuteAsync("CREATE TABLE fremdgröße (id INT)", default);
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions()).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        await using var application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync($"SET NAMES {charset}", default);
        await application.ExecuteAsync(CodePagesEncodingProvider.Instance.GetEncoding(codePage)!.GetBytes(statement), default);
        if (expected == "passes")
        {
            await scenario.Source.ExecuteAsync("INSERT INTO größe VALUES (2, 3)", default);
            await Scenario.CatchUpAsync(stream);
            await scenario.AssertSameAsync();
            return;
        }

        await Assert.ThrowsAsync<ReplicationException>(() => Scenario.CatchUpAsync(stream)).WaitAsync(TimeSpan.FromMinutes(5));
        Assert.Contains(expected, stream.Progress.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_change_logged_as_text_is_found_in_any_character_set(string server)
    {
        await using var scenario = await Scenario.CreateAsync(server, server, s_tables);
        await scenario.RecordAsync(copies: false);
        await using var stream = await scenario.OpenAsync();
        await using var application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync("SET NAMES latin1, SESSION binlog_format='STATEMENT'", default);
        await application.ExecuteAsync(Encoding.Latin1.GetBytes("INSERT INTO größe VALUES (5, 6)"), default);
        await Assert.ThrowsAsync<ReplicationException>(() => Scenario.CatchUpAsync(stream)).WaitAsync(TimeSpan.FromMinutes(5));
        Assert.Contains("logged as text", stream.Progress.Error, StringComparison.Ordinal);
    }

    // Servers log it in words of their own, in UTF-8 and the session's quotes; a ROLLBACK TO only where something that is not rolled back stands between.
    [Theory]
    [InlineData("mariadb-10.5", "größe", "", true)]
    [InlineData("mariadb-11.8", "\"größe\"", "ANSI_QUOTES", true)]
    [InlineData("mariadb-10.11", "\"größe\"", "ANSI_QUOTES", false)]
    [InlineData("mysql-9.7", "größe", "", false)]
    [InlineData("mysql-9.7", "\"größe\"", "ANSI_QUOTES", false)]
    [InlineData("mysql-5.6", "größe", "ANSI_QUOTES", false)]
    public async Task A_savepoint_of_any_name_is_followed(string server, string name, string mode, bool isMixed)
    {
        await using var scenario = await Scenario.CreateAsync(server, server, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
        var other = scenario.Schema + "_other";
        await scenario.RecordAsync(copies: false);
        await scenario.Source.ExecuteAsync($"CREATE DATABASE {other}", default);
        try
        {
            await scenario.Source.ExecuteAsync($"CREATE TABLE {other}.kept (id INT) ENGINE=MyISAM", default);
            await using var stream = await scenario.OpenAsync();
            await using var application = await scenario.ConnectSourceAsync();
            await application.ExecuteAsync($"SET NAMES latin1, sql_mode='{mode}'", default);
            foreach (var statement in (string[])["BEGIN", "INSERT INTO t VALUES (1)", $"SAVEPOINT {name}", isMixed ? $"INSERT INTO {other}.kept VALUES (1)" : "DO 0", "INSERT INTO t VALUES (2)", $"ROLLBACK TO SAVEPOINT {name}", "INSERT INTO t VALUES (3)", "COMMIT"])
            {
                await application.ExecuteAsync(Encoding.Latin1.GetBytes(statement), default);
            }

            await Scenario.CatchUpAsync(stream);
            Assert.Null(stream.Progress.Error);
            await scenario.AssertSameAsync();
            Assert.Equal(2, await scenario.CountAsync(scenario.Tables[0]));
        }
        finally
        {
            await scenario.Source.ExecuteAsync($"DROP DATABASE {other}", default);
        }
    }
}
