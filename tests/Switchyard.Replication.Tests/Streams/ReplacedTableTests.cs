using Microsoft.Extensions.Logging.Abstractions;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>The source comes to have another table under a name, with rows that were never streamed.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class ReplacedTableTests
{
    // As gh-ost and pt-online-schema-change leave them, without what happens in between: for the stream it is another table.
    private static readonly string[] s_swap =
    [
        "CREATE TABLE _items_new LIKE items",
        "ALTER TABLE _items_new ADD extra INT NOT NULL DEFAULT 7, DROP COLUMN weight",
        "INSERT INTO _items_new (id, sku, price, note, bin, changed) SELECT id, sku, price, note, bin, changed FROM items",
        "RENAME TABLE items TO _items_old, _items_new TO items",
    ];

    private static readonly string[] s_swapAgain =
    [
        "DROP TABLE _items_old", "CREATE TABLE _items_new LIKE items", "INSERT INTO _items_new SELECT * FROM items", "RENAME TABLE items TO _items_old, _items_new TO items",
    ];

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task A_table_swapped_while_it_is_copied_and_again_while_it_is_followed_is_copied_again_under_writes(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 1500);
        await scenario.RecordAsync();
        var again = new List<TableName>();
        await using (var writers = await Writers.StartAsync(scenario, 3, CopyUnderWritesTests.Write))
        {
            await using var application = await scenario.ConnectSourceAsync();
            var hits = 0;
            // Behind the chunk's transaction, which a RENAME of the very table it has read would wait for.
            using (FaultPoints.Arm("copy.end.after", async token =>
            {
                if (Interlocked.Increment(ref hits) == 6)
                {
                    await RunAsync(application, s_swap);
                }
            }))
            {
                await using var copied = await CopyAsync(scenario, again);
            }

            Assert.Equal(["items"], again.Select(t => t.Name));
            await using var stream = await scenario.OpenAsync();
            await RunAsync(application, ["CREATE TABLE words_new LIKE words", "INSERT INTO words_new SELECT * FROM words", "RENAME TABLE words TO words_old, words_new TO words"]);
            await using var last = await CopyAgainAsync(scenario, stream, again);
            Assert.Equal(["items", "words"], again.Select(t => t.Name));
            var enough = writers.Transactions + 100;
            while (writers.Transactions < enough)
            {
                await Scenario.CatchUpAsync(last);
            }
        }

        await using var end = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(end);
        Assert.Null(end.Progress.Error);
        await scenario.AssertSameAsync();
        Assert.Equal(await ColumnsAsync(scenario.Source, scenario.Schema), await ColumnsAsync(scenario.Target, scenario.Schema));
    }

    /// <summary>Every statement of the table up to where it is made anew is in the definition already, and every one behind that follows.</summary>
    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task Definitions_changed_before_and_after_a_table_is_made_anew_are_each_met_once(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, "CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB", "CREATE TABLE other (id INT PRIMARY KEY) ENGINE=InnoDB");
        await scenario.RecordAsync();
        await using (await CopyAsync(scenario, []))
        {
        }

        await using var application = await scenario.ConnectSourceAsync();
        await RunAsync(application, [
            "INSERT INTO t VALUES (1, 1)", "CREATE TABLE n (id INT PRIMARY KEY, w VARCHAR(9), KEY (w)) ENGINE=InnoDB", "INSERT INTO n VALUES (1, 'a'), (2, 'b')", "RENAME TABLE t TO o, n TO t",
            "INSERT INTO t VALUES (3, 'c')", "ALTER TABLE t ADD x INT DEFAULT 5", "INSERT INTO other VALUES (1)", "UPDATE t SET x=6 WHERE id=1", "ALTER TABLE t DROP COLUMN w, ADD y INT FIRST", "INSERT INTO t VALUES (1, 4, 1)"]);
        using (FaultPoints.Arm("copy.again.mark.before", token => new ValueTask(RunAsync(application, ["UPDATE t SET x=7 WHERE id=2", "ALTER TABLE t ADD z INT DEFAULT 9", "INSERT INTO t VALUES (1, 5, 1, 1)"]))))
        {
            await BeginAgainAsync(scenario, await scenario.OpenAsync(), []);
        }

        await RunAsync(application, ["ALTER TABLE t ADD zz INT DEFAULT 10", "DELETE FROM t WHERE id=1"]);
        await using var last = await CopyAsync(scenario, []);
        await RunAsync(application, ["ALTER TABLE t DROP COLUMN zz", "INSERT INTO t VALUES (1, 6, 1, 1)", "INSERT INTO other VALUES (2)"]);
        await Scenario.CatchUpAsync(last);
        Assert.Null(last.Progress.Error);
        await scenario.AssertSameAsync();
        Assert.Equal(5, await scenario.CountAsync(scenario.Tables.Single(t => t.Name == "t")));
        Assert.Equal(await ColumnsAsync(scenario.Source, scenario.Schema), await ColumnsAsync(scenario.Target, scenario.Schema));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task A_definition_that_changes_while_a_table_is_made_anew_waits_and_follows(string server)
    {
        await using var scenario = await Scenario.CreateAsync(server, server, "CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB");
        await scenario.RecordAsync();
        var stream = await CopyAsync(scenario, []);
        await RunAsync(scenario.Source, ["CREATE TABLE n LIKE t", "INSERT INTO n VALUES (1, 1)", "RENAME TABLE t TO o, n TO t"]);
        await using var application = await scenario.ConnectSourceAsync();
        var altering = Task.CompletedTask;
        using (FaultPoints.Arm("copy.again.held", async token =>
        {
            altering = application.ExecuteAsync("ALTER TABLE t ADD w INT NOT NULL DEFAULT 3", CancellationToken.None);
            while (!altering.IsCompleted && !(await scenario.Source.QueryAsync("SHOW PROCESSLIST", token)).Rows.Any(r => r.GetStringOrNull(6) == "Waiting for table metadata lock"))
            {
                await Task.Delay(5, token);
            }
        }))
        {
            await BeginAgainAsync(scenario, stream, []);
        }

        await altering;
        await using var last = await CopyAsync(scenario, []);
        await Scenario.CatchUpAsync(last);
        Assert.Null(last.Progress.Error);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task No_range_is_begun_before_the_stream_is_where_the_table_was_made_anew(string server)
    {
        await using var scenario = await Scenario.CreateAsync(server, server, "CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB");
        await scenario.RecordAsync();
        var first = await CopyAsync(scenario, []);
        await RunAsync(scenario.Source, ["CREATE TABLE n LIKE t", "INSERT INTO n VALUES (1, 1), (2, 2)", "RENAME TABLE t TO o, n TO t", "UPDATE t SET v=v+1", "INSERT INTO t VALUES (3, 3)"]);
        await BeginAgainAsync(scenario, first, []);
        var (made, goOn) = (Assert.Single(await CopyStore.ReadMadeAnewAsync(scenario.Target, scenario.Definition.Id, default)), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var stream = await scenario.OpenAsync(start: false);
        var begun = new List<BinlogPosition>();
        using (FaultPoints.Arm("stream.event.delivered", async token => await goOn.Task.WaitAsync(token)))
        using (FaultPoints.Arm("copy.snapshot.before", _ =>
        {
            begun.Add(stream.Progress.Applied);
            return ValueTask.CompletedTask;
        }))
        {
            stream.Start();
            var copying = new TableCopier(stream, new CopyOptions { Threads = 1 }).RunAsync(default);
            while ((await scenario.Target.QueryAsync($"SELECT 1 FROM _switchyard.copy_range WHERE stream_id='{scenario.Definition.Id}'", default)).RowCount == 0)
            {
                await Task.Delay(20);
            }

            goOn.SetResult();
            await copying.WaitAsync(TimeSpan.FromMinutes(5));
        }

        Assert.True(Assert.Single(begun) >= made.At, $"{begun[0]} is before {made.At}.");
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    /// <summary>MySQL's copy waits for it, since it keeps a table's first range from being read under its lock.</summary>
    [Theory]
    [InlineData("mariadb-10.11", true)]
    [InlineData("mysql-9.7", false)]
    public async Task What_was_prepared_before_the_table_was_made_anew_counts_when_it_is_committed_after(string server, bool afterCopy)
    {
        await using var scenario = await Scenario.CreateAsync(server, server, "CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB");
        await scenario.RecordAsync();
        var stream = await CopyAsync(scenario, []);
        await using var application = await scenario.ConnectSourceAsync();
        await RunAsync(application, ["CREATE TABLE n LIKE t", "INSERT INTO n VALUES (1, 1), (2, 2)", "RENAME TABLE t TO o, n TO t"]);
        await RunAsync(application, ["XA START 'x'", "UPDATE t SET v=12 WHERE id=2", "INSERT INTO t VALUES (9, 9)", "XA END 'x'", "XA PREPARE 'x'"]);
        await BeginAgainAsync(scenario, stream, []);
        await RunAsync(application, afterCopy ? [] : ["XA COMMIT 'x'"]);
        await using var last = await CopyAsync(scenario, []);
        await RunAsync(application, afterCopy ? ["XA COMMIT 'x'"] : []);
        await Scenario.CatchUpAsync(last);

        Assert.Null(last.Progress.Error);
        await scenario.AssertSameAsync();
        Assert.Equal(3, await scenario.CountAsync(scenario.Tables[0]));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task Where_a_table_was_made_anew_is_not_looked_for_in_the_log_of_another_server(string name)
    {
        await using var first = await LabServer.StartAsync(name);
        await using var replica = await LabServer.StartAsync(name);
        await NativeReplication.BeginAsync(first, replica);
        await using var scenario = await Scenario.CreateAsync(first, await LabServer.SharedAsync(name, "target"), "CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB");
        await scenario.RecordAsync();
        var stream = await CopyAsync(scenario, []);
        await RunAsync(scenario.Source, ["INSERT INTO t VALUES (7, 7)", "CREATE TABLE n LIKE t", "INSERT INTO n VALUES (1, 1), (2, 2)", "RENAME TABLE t TO o, n TO t"]);
        await BeginAgainAsync(scenario, stream, []);
        await NativeReplication.CatchUpAsync(first, replica);
        var moved = scenario.MovedTo(replica);
        Assert.Contains("a place the stream had not reached", (await Assert.ThrowsAsync<ReplicationException>(() => moved.OpenAsync())).Message, StringComparison.Ordinal);

        await using (var there = await CopyAsync(scenario, []))
        {
            await there.StopAsync();
        }

        await NativeReplication.EndAsync(replica);
        await using var last = await CopyAsync(moved, []);
        await RunAsync(await moved.ConnectSourceAsync(), ["INSERT INTO t VALUES (3, 3)"]);
        await Scenario.CatchUpAsync(last);
        await moved.AssertSameAsync();
        Assert.Empty(await CopyStore.ReadMadeAnewAsync(scenario.Target, scenario.Definition.Id, default));
        await last.StopAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task Rows_that_come_or_go_with_a_partition_or_a_name_are_on_both_sides_in_the_end(string from, string to)
    {
        const string Partitioned = "(id INT PRIMARY KEY, v INT) ENGINE=InnoDB PARTITION BY RANGE (id) (PARTITION low VALUES LESS THAN (100), PARTITION high VALUES LESS THAN MAXVALUE)";
        await using var scenario = await Scenario.CreateAsync(
            from, to, $"CREATE TABLE p {Partitioned}", "CREATE TABLE a (id INT PRIMARY KEY, v INT) ENGINE=InnoDB", "CREATE TABLE b (id INT PRIMARY KEY, v INT) ENGINE=InnoDB",
            "INSERT INTO p VALUES (1, 1), (200, 2)", "INSERT INTO a VALUES (1, 10)", "INSERT INTO b VALUES (2, 20), (3, 30)");
        await scenario.RecordAsync();
        var again = new List<TableName>();
        await using var application = await scenario.ConnectSourceAsync();
        await RunAsync(application, ["CREATE TABLE loose (id INT PRIMARY KEY, v INT) ENGINE=InnoDB", "INSERT INTO loose VALUES (5, 50), (6, 60)"]);
        foreach (var (statements, tables) in new (string[], string[])[]
        {
            (["ALTER TABLE p EXCHANGE PARTITION low WITH TABLE loose", "INSERT INTO p VALUES (7, 70)"], ["p"]),
            (["RENAME TABLE a TO x, b TO a, x TO b", "INSERT INTO a VALUES (9, 90)"], ["a", "b"]),
            (["ALTER TABLE b RENAME TO c", "ALTER TABLE loose RENAME b", "UPDATE b SET v=v+1"], ["b"]),
            // Followed as it came, since every row of the new table is in the log.
            (["DROP TABLE b", "CREATE TABLE b (id INT PRIMARY KEY, w INT) ENGINE=InnoDB", "INSERT INTO b VALUES (1, 2)"], []),
        })
        {
            again.Clear();
            await using var stream = await CopyAsync(scenario, again);
            await RunAsync(application, statements);
            await using var last = tables.Length > 0 ? await CopyAgainAsync(scenario, stream, again) : stream;
            await Scenario.CatchUpAsync(last);
            Assert.Null(last.Progress.Error);
            Assert.Equal(tables, again.Select(t => t.Name).Order());
            await scenario.AssertSameAsync();
        }
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_table_dropped_and_made_anew_or_given_another_key_while_it_is_copied_is_copied_again(string from, string to)
    {
        foreach (var (statements, verb) in new (string[], string)[]
        {
            (["DROP TABLE t", "CREATE TABLE t (id INT PRIMARY KEY, w INT) ENGINE=InnoDB", "INSERT INTO t VALUES (1, 2)"], "DROP TABLE"),
            (["ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (v, id)", "INSERT INTO t VALUES (9999, 2)"], "ALTER TABLE"),
        })
        {
            await using var scenario = await Scenario.CreateAsync(from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB");
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES {string.Join(',', Enumerable.Range(1, 300).Select(i => $"({i},{1000 - i})"))}", default);
            await scenario.RecordAsync();
            await using var application = await scenario.ConnectSourceAsync();
            var again = new List<TableName>();
            var hits = 0;
            using (FaultPoints.Arm("copy.end.after", token => Interlocked.Increment(ref hits) == 3 ? new ValueTask(RunAsync(application, statements)) : ValueTask.CompletedTask))
            {
                await using var stream = await CopyAsync(scenario, again, verb);
                await Scenario.CatchUpAsync(stream);
                Assert.Null(stream.Progress.Error);
            }

            Assert.Single(again);
            await scenario.AssertSameAsync();
        }
    }

    /// <summary>Cascaded changes are in no log, so children begin again with their parent.</summary>
    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task A_parent_swapped_under_its_children_takes_those_it_cascades_to_with_it(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(
            from, to, "CREATE TABLE owner (id INT NOT NULL PRIMARY KEY, n INT) ENGINE=InnoDB",
            "CREATE TABLE part (id INT NOT NULL PRIMARY KEY, owner_id INT, CONSTRAINT part_owner FOREIGN KEY (owner_id) REFERENCES owner (id) ON DELETE CASCADE) ENGINE=InnoDB",
            "CREATE TABLE note (id INT NOT NULL PRIMARY KEY, owner_id INT, CONSTRAINT note_owner FOREIGN KEY (owner_id) REFERENCES owner (id)) ENGINE=InnoDB",
            "INSERT INTO owner VALUES (1, 1), (2, 2), (3, 3), (4, 4)", "INSERT INTO part VALUES (1, 1), (2, 2), (3, 3)", "INSERT INTO note VALUES (1, 4)");
        await scenario.RecordAsync();
        var stream = await CopyAsync(scenario, []);
        await using var application = await scenario.ConnectSourceAsync();
        await RunAsync(application, [
            "CREATE TABLE _owner_new LIKE owner", "INSERT INTO _owner_new SELECT * FROM owner", "RENAME TABLE owner TO _owner_old, _owner_new TO owner",
            "ALTER TABLE part DROP FOREIGN KEY part_owner, ADD CONSTRAINT _part_owner FOREIGN KEY (owner_id) REFERENCES owner (id) ON DELETE CASCADE",
            "ALTER TABLE note DROP FOREIGN KEY note_owner, ADD CONSTRAINT _note_owner FOREIGN KEY (owner_id) REFERENCES owner (id)",
            "DELETE FROM owner WHERE id=1"]);
        await using var last = await CopyAgainAsync(scenario, stream, []);
        await RunAsync(application, ["DELETE FROM owner WHERE id=2", "INSERT INTO part VALUES (9, 3)", "INSERT INTO note VALUES (2, 3)"]);
        await Scenario.CatchUpAsync(last);

        Assert.Null(last.Progress.Error);
        await scenario.AssertSameAsync();
        Assert.Equal(2, await scenario.CountAsync(scenario.Tables.Single(t => t.Name == "part")));
        var keys = await scenario.Target.QueryAsync($"SELECT constraint_name FROM information_schema.referential_constraints WHERE constraint_schema='{scenario.Schema}' ORDER BY 1", default);
        Assert.Equal(["_note_owner", "_part_owner"], keys.Rows.Select(r => r.GetString(0)));
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task A_table_being_made_anew_survives_an_end_at_every_step(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 600);
        await scenario.RecordAsync();
        await using (await CopyAsync(scenario, []))
        {
        }

        await using (await Writers.StartAsync(scenario, 2, CopyUnderWritesTests.Write))
        {
            await using var application = await scenario.ConnectSourceAsync();
            await RunAsync(application, s_swap);
            foreach (var point in (string[])["copy.again.drop.before", "copy.again.create.before", "copy.again.mark.before", "copy.again.mark.after"])
            {
                var stream = await scenario.OpenAsync();
                await stream.Completion.WaitAsync(TimeSpan.FromMinutes(5));
                var replaced = stream.Replaced!;
                await stream.DisposeAsync();
                using var killed = new CancellationTokenSource();
                using (FaultPoints.Arm(point, async token =>
                {
                    await killed.CancelAsync();
                    await Task.Delay(Timeout.Infinite, token);
                }))
                {
                    await Assert.ThrowsAnyAsync<OperationCanceledException>(
                        () => ReplicationStream.CopyAgainAsync(scenario.Definition, replaced.Tables, deferIndexes: true, TimeProvider.System, NullLogger.Instance, killed.Token));
                }

                await ReplicationStream.CopyAgainAsync(scenario.Definition, replaced.Tables, deferIndexes: true, TimeProvider.System, NullLogger.Instance, default);
                await RunAsync(application, s_swapAgain);
            }

            await BeginAgainAsync(scenario, await scenario.OpenAsync(), []);
            foreach (var (crash, hit) in new[] { ("copy.snapshot.before", 2), ("copy.insert.before", 2), ("copy.insert.after", 3), ("apply.commit.after", 5) })
            {
                await using var stream = await CopyAsync(scenario, []);
                await RunAsync(application, s_swapAgain);
                await BeginAgainAsync(scenario, stream, []);
                Assert.True(await CrashTests.RunUntilCrashAsync(scenario, crash, hit), $"{crash} was not reached {hit} times.");
            }
        }

        await using var last = await CopyAsync(scenario, []);
        await Scenario.CatchUpAsync(last);
        Assert.Null(last.Progress.Error);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", "mariadb-11.8")]
    [InlineData("mysql-9.7", "mysql-9.7")]
    public async Task A_table_that_cannot_be_moved_as_it_is_now_is_refused_and_the_target_keeps_what_it_has(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, "CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB", "INSERT INTO t VALUES (1, 1)");
        await scenario.RecordAsync();
        var stream = await CopyAsync(scenario, []);
        await using var application = await scenario.ConnectSourceAsync();
        await RunAsync(application, ["CREATE TABLE n (id INT, v INT) ENGINE=InnoDB", "INSERT INTO n VALUES (1, 1), (1, 1)", "RENAME TABLE t TO o, n TO t"]);
        await stream.Completion.WaitAsync(TimeSpan.FromMinutes(5));
        var replaced = stream.Replaced!;
        await stream.DisposeAsync();

        Assert.Contains("has no primary key", (await Assert.ThrowsAsync<ReplicationException>(BeginAsync)).Message, StringComparison.Ordinal);
        await RunAsync(application, ["DROP TABLE t"]);
        Assert.Contains("is not on the source any more", (await Assert.ThrowsAsync<ReplicationException>(BeginAsync)).Message, StringComparison.Ordinal);
        Assert.Equal(1, await scenario.CountAsync(scenario.Tables[0]));

        await RunAsync(application, ["RENAME TABLE o TO t", "INSERT INTO t VALUES (2, 2)"]);
        await BeginAsync();
        await using var last = await CopyAsync(scenario, []);
        await Scenario.CatchUpAsync(last);
        await scenario.AssertSameAsync();

        Task BeginAsync() => ReplicationStream.CopyAgainAsync(scenario.Definition, replaced.Tables, deferIndexes: true, TimeProvider.System, NullLogger.Instance, default);
    }

    /// <summary>As after a switch there and back, when both servers held the same where the stream begins.</summary>
    [Fact]
    public async Task Of_a_stream_that_was_recorded_without_a_copy_only_the_replaced_table_is_copied()
    {
        await using var scenario = await Scenario.CreateAsync("mariadb-10.11", "mysql-9.7", "CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB", "CREATE TABLE other (id INT PRIMARY KEY) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false);
        var stream = await scenario.OpenAsync();
        await RunAsync(scenario.Source, ["INSERT INTO other VALUES (1)", "INSERT INTO t VALUES (1)", "CREATE TABLE n LIKE t", "INSERT INTO n VALUES (1), (2)", "RENAME TABLE t TO o, n TO t", "INSERT INTO other VALUES (2)"]);
        scenario.Definition = scenario.Definition with { CopiesTables = true };
        var again = new List<TableName>();
        await using var last = await CopyAgainAsync(scenario, stream, again);
        await Scenario.CatchUpAsync(last);

        Assert.Equal(["t"], again.Select(t => t.Name));
        Assert.Null(last.Progress.Error);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData(OnDdl.Stop)]
    [InlineData(OnDdl.Ignore)]
    public async Task A_stream_told_not_to_follow_definitions_stops_at_a_swap_and_says_what_would_copy_it(OnDdl onDdl)
    {
        await using var scenario = await Scenario.CreateAsync("mariadb-10.11", "mariadb-10.11", "CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB");
        await scenario.RecordAsync(change: d => d with { OnDdl = onDdl });
        var stream = await CopyAsync(scenario, []);
        await RunAsync(scenario.Source, ["CREATE TABLE n LIKE t", "RENAME TABLE t TO o, n TO t"]);
        await stream.Completion.WaitAsync(TimeSpan.FromMinutes(5));

        Assert.Null(stream.Replaced);
        Assert.Contains("`migration start --on-ddl exec` copies it again", stream.Progress.Error, StringComparison.Ordinal);
    }

    /// <summary>Runs copy and stream, and begins again with every table that turns out to be another one.</summary>
    /// <returns>The stream, which runs with everything copied.</returns>
    private static async Task<ReplicationStream> CopyAsync(Scenario scenario, List<TableName> again, string? verb = null)
    {
        while (true)
        {
            var stream = await scenario.OpenAsync();
            try
            {
                await new TableCopier(stream, new CopyOptions { Threads = 2, FirstChunkRows = 60, MaxChunkRows = 60 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
                return stream;
            }
            catch (ReplicationException) when (stream.Replaced is not null)
            {
            }

            await BeginAgainAsync(scenario, stream, again);
            Assert.Contains(verb ?? "", stream.Replaced!.What, StringComparison.Ordinal);
        }
    }

    /// <summary>The same of a stream that is to meet a table that is another one.</summary>
    private static async Task<ReplicationStream> CopyAgainAsync(Scenario scenario, ReplicationStream stream, List<TableName> again)
    {
        await BeginAgainAsync(scenario, stream, again);
        return await CopyAsync(scenario, again);
    }

    private static async Task BeginAgainAsync(Scenario scenario, ReplicationStream stream, List<TableName> again)
    {
        await stream.Completion.WaitAsync(TimeSpan.FromMinutes(5));
        await stream.DisposeAsync();
        Assert.True(stream.Replaced is not null, stream.Progress.Error);
        again.AddRange(stream.Replaced.Tables);
        await ReplicationStream.CopyAgainAsync(scenario.Definition, stream.Replaced.Tables, deferIndexes: true, TimeProvider.System, NullLogger.Instance, default);
    }

    private static async Task RunAsync(BackendConnection connection, string[] statements)
    {
        foreach (var statement in statements)
        {
            await connection.ExecuteAsync(statement, default);
        }
    }

    private static async Task<string[]> ColumnsAsync(BackendConnection server, string schema)
    {
        var rows = await server.QueryAsync(
            $"SELECT CONCAT(table_name, '.', column_name) FROM information_schema.columns WHERE table_schema='{schema}' AND table_name NOT REGEXP '_old$|^o$' ORDER BY table_name, ordinal_position", default);
        return [.. rows.Rows.Select(r => r.GetString(0))];
    }
}
