using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Rows that MariaDB's own row applier takes as they were logged, and when it must not.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class LoggedRowsTests
{
    private const string Plain = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(100), n INT, UNIQUE KEY (n)) ENGINE=InnoDB";

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mariadb-10.5", "mariadb-11.8")]
    public async Task Rows_of_like_tables_go_as_logged_and_those_of_others_as_SQL(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(
            from,
            to,
            Plain,
            "CREATE TABLE computed (id INT NOT NULL PRIMARY KEY, v INT, twice INT AS (v * 2) STORED) ENGINE=InnoDB",
            "CREATE TABLE keyed (id INT NOT NULL, v VARCHAR(20) NOT NULL, UNIQUE KEY (id)) ENGINE=InnoDB",
            "CREATE TABLE collated (id VARCHAR(20) COLLATE utf8mb4_general_ci NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false);
        await scenario.Target.ExecuteAsync($"ALTER TABLE {scenario.Schema}.collated MODIFY id VARCHAR(20) COLLATE utf8mb4_bin NOT NULL", default);
        await using var stream = await scenario.OpenAsync();
        foreach (var other in (string[])["computed (id, v) VALUES (1, 2), (2, NULL)", "keyed VALUES (1, 'a'), (2, 'é')", "collated VALUES ('a', 1), ('B', 2)"])
        {
            await scenario.Source.ExecuteAsync($"INSERT INTO {other}", default);
        }

        await scenario.Source.ExecuteAsync("UPDATE collated SET v=3 WHERE id='b'", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Equal(0, stream.Applier.EventsAsLogged);
        await scenario.Source.ExecuteAsync("BEGIN", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', NULL), (3, 'c', 3)", default);
        await scenario.Source.ExecuteAsync("UPDATE keyed SET v='ü' WHERE id=1", default);
        await scenario.Source.ExecuteAsync("UPDATE t SET v=CONCAT(v, '+'), n=id+10", default);
        await scenario.Source.ExecuteAsync("DELETE FROM t WHERE id=2", default);
        await scenario.Source.ExecuteAsync("COMMIT", default);
        await scenario.Source.ExecuteAsync("UPDATE t SET id=id+100", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        Assert.Equal(4, stream.Applier.EventsAsLogged);
    }

    [Fact]
    public async Task A_transaction_larger_than_any_statement_goes_as_logged_in_parts()
    {
        await using var scenario = await Scenario.CreateAsync("mariadb-10.11", "mariadb-10.11", "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, big LONGBLOB) ENGINE=InnoDB", "CREATE TABLE other (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false, d => d with { LargeTransactionBytes = 80_000, QueueBytes = 100_000 });
        await using var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("BEGIN", default);
        for (var i = 1; i <= 40; i++)
        {
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({i}, REPEAT(CHAR({i}), {i * 1500}))", default);
            await scenario.Source.ExecuteAsync($"INSERT INTO other VALUES ({i})", default);
        }

        await scenario.Source.ExecuteAsync("DELETE FROM t WHERE id%5=0", default);
        await scenario.Source.ExecuteAsync("COMMIT", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        Assert.True(stream.Applier.EventsAsLogged > 80);
    }

    [Fact]
    public async Task An_account_without_the_right_to_it_gets_the_same_rows_by_SQL()
    {
        await using var scenario = await Scenario.CreateAsync("mariadb-10.11", "mariadb-10.11", Plain);
        await scenario.RecordAsync(copies: false);
        var user = scenario.Schema;
        await scenario.Target.ExecuteAsync($"CREATE USER '{user}'@'%' IDENTIFIED BY 'of a test'", default);
        await scenario.Target.ExecuteAsync($"GRANT ALL ON {scenario.Schema}.* TO '{user}'@'%'", default);
        await scenario.Target.ExecuteAsync($"GRANT ALL ON _switchyard.* TO '{user}'@'%'", default);
        scenario.Definition = scenario.Definition with { To = scenario.To with { User = user, Password = "of a test" } };
        try
        {
            await using var stream = await scenario.OpenAsync();
            await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', NULL)", default);
            await scenario.Source.ExecuteAsync("UPDATE t SET v='c' WHERE id=2", default);
            await Scenario.CatchUpAsync(stream);
            await scenario.AssertSameAsync();
            Assert.Equal(0, stream.Applier.EventsAsLogged);
            await stream.StopAsync();
        }
        finally
        {
            await scenario.Target.ExecuteAsync($"DROP USER '{user}'@'%'", default);
        }
    }

    [Fact]
    public async Task A_missing_row_is_a_divergence_even_when_the_servers_row_applier_is_told_to_pass_over_it()
    {
        // A server of its own: the setting is everybody's.
        await using var target = await LabServer.StartAsync("mariadb-10.11");
        await using var scenario = await Scenario.CreateAsync(await LabServer.SharedAsync("mariadb-10.11", "source"), target, Plain);
        await scenario.RecordAsync(copies: false);
        await using var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'a', 1)", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Equal(1, stream.Applier.EventsAsLogged);
        await scenario.Target.ExecuteAsync("SET GLOBAL slave_exec_mode='IDEMPOTENT'", default);
        await scenario.Target.ExecuteAsync($"DELETE FROM {scenario.Schema}.t", default);
        await scenario.Source.ExecuteAsync("UPDATE t SET v='b' WHERE id=1", default);
        await stream.Completion.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(StreamState.Failed, stream.Progress.State);
        Assert.Contains("diverged", stream.Progress.Error, StringComparison.Ordinal);
    }
}
