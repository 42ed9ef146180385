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

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_table_dropped_under_a_chunk_ends_the_copy_with_a_sentence(string server)
    {
        await using var scenario = await CreateAsync(server);
        var stream = await scenario.OpenAsync();
        await using var application = await scenario.ConnectSourceAsync();
        using (FaultPoints.Arm("copy.snapshot.before", token => new ValueTask(application.ExecuteAsync("DROP TABLE IF EXISTS t", token))))
        {
            // The chunk may notice it first, or the stream, which then asks for a copy anew.
            var failure = await Assert.ThrowsAnyAsync<ReplicationException>(() => new TableCopier(stream, new CopyOptions { Threads = 2 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(5)));
            Assert.Contains($"{scenario.Schema}.t", failure.Message, StringComparison.Ordinal);
            Assert.Contains("dropped", failure.Message, StringComparison.Ordinal);
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

    private static async Task<Scenario> CreateAsync(string server, OnDdl onDdl = OnDdl.Exec)
    {
        var scenario = await Scenario.CreateAsync(server, server, Table);
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
