using System.Text;
using Switchyard.Client;

namespace Switchyard.Replication.Tests.Streams;

[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class StreamTests
{
    private const string Plain = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v VARCHAR(100), big LONGTEXT) ENGINE=InnoDB";

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task An_applier_that_was_taken_over_stops_and_nothing_is_applied_twice(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain);
        await scenario.RecordAsync(copies: false);
        var first = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1,'a',NULL)", default);
        await Scenario.CatchUpAsync(first);
        var second = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (2,'b',NULL)", default);
        await Scenario.CatchUpAsync(second);
        await first.Completion.WaitAsync(TimeSpan.FromMinutes(4));
        Assert.Equal(StreamState.Failed, first.Progress.State);
        Assert.Contains("taken over", first.Progress.Error, StringComparison.Ordinal);
        await scenario.AssertSameAsync();
        Assert.Equal(StreamState.Running, second.Progress.State);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    [InlineData("mysql-9.7", "mysql-5.6")]
    public async Task A_transaction_larger_than_any_statement_arrives_whole(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain);
        await scenario.RecordAsync(copies: false, change: d => d with { LargeTransactionBytes = 200_000, QueueBytes = 100_000 });
        var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (0,'small',NULL)", default);
        await scenario.Source.ExecuteAsync("BEGIN", default);
        for (var i = 1; i <= 60; i++)
        {
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({i}, 'v{i}', REPEAT('{(char)('a' + (i % 26))}', {i * 3000}))", default);
        }

        await scenario.Source.ExecuteAsync("UPDATE t SET v=CONCAT(v,'+') WHERE id>0", default);
        await scenario.Source.ExecuteAsync("DELETE FROM t WHERE id%5=0", default);
        await scenario.Source.ExecuteAsync("COMMIT", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1000,'after',NULL)", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task A_row_missing_on_the_target_stops_the_stream_and_names_table_and_key_but_no_value(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain);
        await scenario.RecordAsync(copies: false);
        var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (77,'secret',NULL)", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.Target.ExecuteAsync($"DELETE FROM {scenario.Schema}.t", default);
        await scenario.Source.ExecuteAsync("UPDATE t SET v='secret2' WHERE id=77", default);
        await stream.Completion.WaitAsync(TimeSpan.FromMinutes(4));
        Assert.Equal(StreamState.Failed, stream.Progress.State);
        Assert.Contains($"{scenario.Schema}.t", stream.Progress.Error, StringComparison.Ordinal);
        Assert.Contains("(id)", stream.Progress.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", stream.Progress.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("77", stream.Progress.Error!.Replace(scenario.Schema, "", StringComparison.Ordinal).Replace(stream.Progress.Applied.ToString(), "", StringComparison.Ordinal).Split("up to")[0], StringComparison.Ordinal);
        await Assert.ThrowsAsync<ReplicationException>(() => Scenario.CatchUpAsync(stream));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task Connections_killed_on_either_side_cost_time_and_nothing_else(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain);
        await scenario.RecordAsync(copies: false);
        var stream = await scenario.OpenAsync();
        for (var round = 0; round < 6; round++)
        {
            for (var i = 0; i < 50; i++)
            {
                await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({(round * 100) + i},'{round}',NULL)", default);
            }

            await KillAsync(round % 2 == 0 ? scenario.Source : scenario.Target, round % 2 == 0 ? "Binlog Dump" : null);
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Equal(300, await scenario.CountAsync(scenario.Tables[0]));
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task Definitions_changed_on_the_source_change_on_the_target_at_their_place(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain);
        await scenario.RecordAsync(copies: false);
        var stream = await scenario.OpenAsync();
        foreach (var statement in (string[])
        [
            "INSERT INTO t VALUES (1,'a',NULL)",
            "CREATE TABLE other (id INT)",
            "ALTER TABLE t ADD COLUMN extra INT NOT NULL DEFAULT 7 AFTER id",
            "INSERT INTO t VALUES (2,3,'b','x')",
            "DROP TABLE other",
            $"ALTER TABLE {scenario.Schema}.t MODIFY v VARCHAR(200), ADD KEY (extra)",
            "UPDATE t SET extra=extra+1",
            "CREATE INDEX by_v ON t (v)",
        ])
        {
            await scenario.Source.ExecuteAsync(statement, default);
            // A definition read back later is the current one: statement by statement, as changes of schema come.
            await Scenario.CatchUpAsync(stream);
        }

        await scenario.AssertSameAsync();
        await scenario.Source.ExecuteAsync("TRUNCATE TABLE t", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (9,9,'c',NULL)", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        await scenario.Source.ExecuteAsync("CREATE TABLE t_new LIKE t", default);
        await scenario.Source.ExecuteAsync("RENAME TABLE t TO t_old, t_new TO t", default);
        await stream.Completion.WaitAsync(TimeSpan.FromMinutes(4));
        Assert.Contains("replaced on the source by RENAME TABLE", stream.Progress.Error, StringComparison.Ordinal);
        Assert.Equal([scenario.Tables[0]], stream.Replaced!.Tables);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task What_cannot_be_replicated_stops_with_a_sentence(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain);
        foreach (var (statements, words) in new (string[], string)[]
        {
            (["SET SESSION binlog_format='STATEMENT'", "INSERT INTO t VALUES (1,'statement',NULL)"], "logged as text"),
            (["ALTER TABLE t ADD COLUMN stopped INT"], "--on-ddl stop"),
        })
        {
            await scenario.Target.ExecuteAsync($"DROP DATABASE IF EXISTS {scenario.Schema}", default);
            await scenario.RecordAsync(copies: false, change: d => d with { OnDdl = OnDdl.Stop });
            await using var stream = await scenario.OpenAsync();
            await using (var application = await scenario.ConnectSourceAsync())
            {
                foreach (var statement in statements)
                {
                    await application.ExecuteAsync(statement, default);
                }

                await stream.Completion.WaitAsync(TimeSpan.FromMinutes(4));
                Assert.Equal(StreamState.Failed, stream.Progress.State);
                Assert.Contains(words, stream.Progress.Error, StringComparison.Ordinal);
                Assert.Equal(0, await scenario.CountAsync(scenario.Tables[0]));
            }
        }
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    public async Task The_way_back_carries_the_applications_writes_and_not_the_streams_own(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain);
        await scenario.RecordAsync(copies: false);
        var forward = await scenario.OpenAsync();
        var back = new StreamDefinition { Id = scenario.Schema + ".reverse", OppositeId = scenario.Definition.Id, From = scenario.To, To = scenario.From, Tables = scenario.Tables };
        await ReplicationStream.RecordAsync(back, await ReplicationStream.ReadEndAsync(scenario.To, default), default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1,'forward',NULL)", default);
        await Scenario.CatchUpAsync(forward);
        await forward.StopAsync();
        await scenario.Target.ExecuteAsync($"INSERT INTO {scenario.Schema}.t VALUES (2,'back',NULL)", default);
        await using var reverse = await ReplicationStream.OpenAsync(back, default);
        reverse.Start();
        await Scenario.CatchUpAsync(reverse);
        Assert.Null(reverse.Progress.Error);
        Assert.Equal(1, reverse.Progress.TransactionsApplied);
        await scenario.AssertSameAsync();
        await reverse.StopAsync();
        await scenario.Source.ExecuteAsync("SET @a=1", default);
        await scenario.Source.ExecuteAsync("DELETE FROM _switchyard.stream WHERE id LIKE '%.reverse'", default);
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task Writes_to_other_tables_move_the_position_and_an_idle_stream_has_no_lag(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain, "CREATE TABLE elsewhere (id INT NOT NULL PRIMARY KEY AUTO_INCREMENT)");
        await scenario.RecordAsync(copies: false, change: d => d with { Tables = [.. d.Tables.Where(t => t.Name == "t")] });
        var stream = await scenario.OpenAsync();
        for (var i = 0; i < 20; i++)
        {
            await scenario.Source.ExecuteAsync("INSERT INTO elsewhere VALUES ()", default);
        }

        await Scenario.CatchUpAsync(stream);
        await scenario.Source.ExecuteAsync("FLUSH BINARY LOGS", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Equal(0, stream.Progress.TransactionsApplied);
        Assert.Equal(0, stream.Progress.LagSeconds);
        await stream.StopAsync();
        Assert.Equal(stream.Progress.Applied, await ReplicationStream.ReadRecordedAsync(scenario.To, scenario.Definition.Id, default));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-5.6", "mariadb-11.8")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    public async Task Definitions_changed_several_times_before_the_stream_comes_by_are_followed_one_by_one(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Plain);
        await scenario.RecordAsync(copies: false);
        foreach (var statement in (string[])
        [
            "INSERT INTO t VALUES (1,'a',NULL)", "ALTER TABLE t ADD COLUMN n INT NULL", "INSERT INTO t VALUES (2,'b',NULL,-2)",
            "ALTER TABLE t ADD COLUMN m SMALLINT NULL AFTER id", "INSERT INTO t VALUES (3,3,'c',NULL,3)", "ALTER TABLE t DROP COLUMN big",
            "INSERT INTO t VALUES (4,4,'d',4)", "UPDATE t SET m=id", "ALTER TABLE t DROP COLUMN n", "INSERT INTO t VALUES (5,5,'e')",
        ])
        {
            await scenario.Source.ExecuteAsync(statement, default);
        }

        // Stopped in between too: what is read anew then is ahead of the stream as well.
        for (var round = 0; round < 2; round++)
        {
            await using var stream = await scenario.OpenAsync();
            await Scenario.CatchUpAsync(stream);
            await stream.StopAsync();
            await scenario.AssertSameAsync();
            await scenario.Source.ExecuteAsync("ALTER TABLE t ADD COLUMN x INT NULL", default);
            await scenario.Source.ExecuteAsync("UPDATE t SET x=7", default);
            await scenario.Source.ExecuteAsync("ALTER TABLE t DROP COLUMN x", default);
            await scenario.Source.ExecuteAsync("UPDATE t SET v=CONCAT(v,'+')", default);
        }
    }

    private static async Task KillAsync(BackendConnection server, string? command)
    {
        var list = await server.QueryAsync("SHOW PROCESSLIST", default);
        foreach (var row in list.Rows)
        {
            var id = row.GetUInt64(0);
            var what = row.GetStringOrNull(4) ?? "";
            if (id != server.Server.ConnectionId && (command is null ? what == "Sleep" && (row.GetStringOrNull(3) ?? "").Length == 0 : what.StartsWith(command, StringComparison.Ordinal)))
            {
                await Scenario.KillAsync(server, id, default);
            }
        }
    }
}
