using Switchyard.Client;
using Switchyard.Faults;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>The source's definition changes while a chunk stands still between two of its steps.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class ChangedDefinitionTests
{
    private const string Table = "CREATE TABLE t (id INT NOT NULL, other INT NOT NULL, gone INT, v VARCHAR(20), UNIQUE KEY u_id (id), KEY k_v (v)) ENGINE=InnoDB";

    public static TheoryData<string, string, string> Changes()
    {
        var changes = new TheoryData<string, string, string>();
        string[] points = ["copy.snapshot.before", "copy.end.after"];
        foreach (var server in (string[])["mariadb-10.11", "mysql-9.7"])
        {
            for (var i = 0; i < s_changes.Length; i++)
            {
                changes.Add(server, points[i % 2], s_changes[i]);
            }

            changes.Add(server, "copy.snapshot.before", "ALTER TABLE t RENAME INDEX u_id TO u_new");
        }

        return changes;
    }

    private static readonly string[] s_changes =
    [
        "ALTER TABLE t DROP COLUMN gone",
        "ALTER TABLE t DROP COLUMN gone, ADD COLUMN fresh INT NOT NULL DEFAULT 5",
        "DROP INDEX k_v ON t",
        "ALTER TABLE t ADD COLUMN fresh INT NOT NULL DEFAULT 5",
    ];

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_chunk_whose_table_changes_under_it_is_read_again_as_the_table_is_now(string server, string point, string change)
    {
        await using var scenario = await CreateAsync(server);
        var stream = await scenario.OpenAsync();
        await using var application = await scenario.ConnectSourceAsync();
        var copier = new TableCopier(stream, new CopyOptions { Threads = 1, FirstChunkRows = 60, MaxChunkRows = 60 });
        var hits = 0;
        using (FaultPoints.Arm(point, async token =>
        {
            if (Interlocked.Increment(ref hits) == 2)
            {
                await application.ExecuteAsync(change, token);
                await application.ExecuteAsync("UPDATE t SET v='after' WHERE id%7=0", token);
            }
        }))
        {
            await copier.RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        Assert.Equal(CopyPhase.Copied, Assert.Single(copier.Progress).Phase);
        await scenario.AssertSameAsync();
        Assert.Equal(await IndexesAsync(scenario.Source, scenario.Schema), await IndexesAsync(scenario.Target, scenario.Schema));
    }

    public static TheoryData<string, string> Drops()
    {
        var drops = new TheoryData<string, string>();
        foreach (var point in (string[])["copy.plan.before", "copy.open.before", "copy.snapshot.before", "copy.end.after", "copy.turn.after"])
        {
            drops.Add("mariadb-10.11", point);
            drops.Add("mysql-9.7", point);
        }

        return drops;
    }

    [Theory]
    [MemberData(nameof(Drops))]
    public async Task A_table_dropped_under_a_chunk_leaves_and_the_others_are_copied(string server, string point)
    {
        await using var scenario = await CreateAsync(server, others: "CREATE TABLE other (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB");
        await using var application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync("INSERT INTO other VALUES (1, 1), (2, 2)", default);
        var stream = await scenario.OpenAsync();
        var copier = new TableCopier(stream, new CopyOptions { Threads = 1, FirstChunkRows = 60, MaxChunkRows = 60 });
        var hits = 0;
        using (FaultPoints.Arm(point, async token =>
        {
            if (Interlocked.Increment(ref hits) == 2)
            {
                await application.ExecuteAsync("UPDATE t SET v='before'", token);
                await application.ExecuteAsync("DROP TABLE t", token);
                if (point is "copy.plan.before" or "copy.end.after")
                {
                    await Scenario.CatchUpAsync(stream);
                }
            }
        }))
        {
            await copier.RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        Assert.Equal([CopyPhase.Copied, CopyPhase.Dropped], copier.Progress.OrderBy(t => t.Table).Select(t => t.Phase));

        // One of that name that is made later is followed, and no later process takes it for one that is being copied.
        await application.ExecuteAsync("CREATE TABLE t (id INT NOT NULL PRIMARY KEY, w INT) ENGINE=InnoDB", default);
        await application.ExecuteAsync("INSERT INTO t VALUES (1, 1), (400, 2)", default);
        await Scenario.CatchUpAsync(stream);
        await stream.DisposeAsync();
        await application.ExecuteAsync("INSERT INTO t VALUES (500, 3)", default);
        await application.ExecuteAsync("UPDATE other SET v=3", default);
        await using var last = await scenario.OpenAsync();
        await new TableCopier(last, new CopyOptions()).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
        await Scenario.CatchUpAsync(last);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_table_dropped_while_its_copy_was_stopped_leaves_it_too(string server)
    {
        await using var scenario = await CreateAsync(server, others: "CREATE TABLE other (id INT NOT NULL PRIMARY KEY, v INT) ENGINE=InnoDB");
        await using var application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync("INSERT INTO other VALUES (1, 1), (2, 2)", default);
        var stream = await scenario.OpenAsync();
        var hits = 0;
        using (FaultPoints.Arm("copy.open.before", _ => Interlocked.Increment(ref hits) == 4 ? throw new FaultInjectedException("copy.open.before") : ValueTask.CompletedTask))
        {
            await Assert.ThrowsAnyAsync<Exception>(() => new TableCopier(stream, new CopyOptions { Threads = 1, FirstChunkRows = 60, MaxChunkRows = 60 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5)));
        }

        await stream.DisposeAsync();
        await application.ExecuteAsync("UPDATE t SET v='before'", default);
        await application.ExecuteAsync("DROP TABLE t", default);
        foreach (var copied in (int[])[1, 2])
        {
            await using var next = await scenario.OpenAsync();
            var copier = new TableCopier(next, new CopyOptions { Threads = copied });
            await copier.RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5));
            await Scenario.CatchUpAsync(next);
            Assert.Null(next.Progress.Error);
            Assert.Equal([CopyPhase.Copied, CopyPhase.Dropped], copier.Progress.OrderBy(t => t.Table).Select(t => t.Phase));
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_change_the_stream_was_told_to_leave_out_ends_the_copy_with_a_sentence(string server)
    {
        await using var scenario = await CreateAsync(server, OnDdl.Ignore);
        var stream = await scenario.OpenAsync();
        await using var application = await scenario.ConnectSourceAsync();
        var hits = 0;
        using (FaultPoints.Arm("copy.snapshot.before", token => Interlocked.Increment(ref hits) == 1
            ? new ValueTask(application.ExecuteAsync("ALTER TABLE t DROP COLUMN gone", token))
            : ValueTask.CompletedTask))
        {
            var failure = await Assert.ThrowsAsync<ReplicationException>(() => new TableCopier(stream, new CopyOptions { Threads = 2 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5)));
            Assert.Contains("--on-ddl ignore", failure.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task A_change_cut_off_while_the_target_ran_it_has_ended_there_before_it_is_asked_whether_it_was_done(string server)
    {
        await using var scenario = await CreateAsync(server);
        await using var reader = await BackendConnection.OpenAsync(scenario.To with { Schema = scenario.Schema }, default);
        await reader.ExecuteAsync("BEGIN", default);
        await reader.QueryAsync("SELECT * FROM t", default);
        var stream = await scenario.OpenAsync();
        await using var application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync("ALTER TABLE t ADD INDEX (other)", default);
        await UntilAsync(scenario, "ALTER TABLE");
        await stream.StopAsync(new CancellationToken(canceled: true)).WaitAsync(TimeSpan.FromMinutes(1));

        var again = await scenario.OpenAsync();
        await UntilAsync(scenario, "SELECT IS_USED_LOCK");
        await reader.ExecuteAsync("COMMIT", default);
        await Scenario.CatchUpAsync(again);
        Assert.Null(again.Progress.Error);
        Assert.Equal(["other"], (await IndexesAsync(scenario.Target, scenario.Schema)).Where(i => i.StartsWith("other", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task An_index_added_while_the_stream_is_behind_is_left_to_the_stream(string server)
    {
        await using var scenario = await CreateAsync(server);
        await using var application = await scenario.ConnectSourceAsync();
        await using var stream = await scenario.OpenAsync();
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var isHeld = false;
        using var held = FaultPoints.Arm("stream.event.delivered", async token => await (Volatile.Read(ref isHeld) ? goOn.Task.WaitAsync(token) : Task.CompletedTask));
        using var copied = FaultPoints.Arm("copy.turn.after", async token =>
        {
            Volatile.Write(ref isHeld, true);
            await application.ExecuteAsync("ALTER TABLE t ADD INDEX late (other)", token);
        });
        using var found = FaultPoints.Arm("copy.index.found", _ =>
        {
            goOn.TrySetResult();
            return ValueTask.CompletedTask;
        });
        await new TableCopier(stream, new CopyOptions { Threads = 1 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
        goOn.TrySetResult();
        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        Assert.Equal(await IndexesAsync(scenario.Source, scenario.Schema), await IndexesAsync(scenario.Target, scenario.Schema));
    }

    /// <summary>Waits until a statement that begins so runs on the target.</summary>
    private static async Task UntilAsync(Scenario scenario, string statement)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (!(await scenario.Target.QueryAsync("SHOW PROCESSLIST", limit.Token)).Rows.Any(r => r.GetStringOrNull(7)?.StartsWith(statement, StringComparison.Ordinal) == true))
        {
            await Task.Delay(20, limit.Token);
        }
    }

    private static async Task<Scenario> CreateAsync(string server, OnDdl onDdl = OnDdl.Exec, params string[] others)
    {
        var scenario = await Scenario.CreateAsync(server, server, [Table, .. others]);
        await scenario.Source.ExecuteAsync("INSERT INTO t (id, other, gone, v) VALUES " + string.Join(',', Enumerable.Range(1, 300).Select(i => $"({i},{i},{i},'v{i}')")), default);
        await scenario.RecordAsync(change: d => d with { OnDdl = onDdl });
        return scenario;
    }

    private static async Task<string[]> IndexesAsync(BackendConnection server, string schema)
    {
        var rows = await server.QueryAsync($"SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema='{schema}' ORDER BY index_name", default);
        return [.. rows.Rows.Select(r => r.GetString(0))];
    }
}
