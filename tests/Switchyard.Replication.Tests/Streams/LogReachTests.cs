using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Source;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>What is known of a stream that stands still while the source's log moves on, and is purged behind it.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class LogReachTests
{
    private const string Table = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB";

    [Theory]
    [InlineData("mariadb-10.5", "--expire-logs-days=2", 172_800)]
    [InlineData("mariadb-11.8", "--binlog-expire-logs-seconds=7200", 7_200)]
    [InlineData("mysql-5.6", "--expire-logs-days=3", 259_200)]
    [InlineData("mysql-9.7", "--binlog-expire-logs-seconds=7200", 7_200)]
    public async Task How_long_a_stream_stands_still_and_what_it_has_missed_is_read_from_the_log(string name, string option, int seconds)
    {
        await using var server = await LabServer.StartAsync(name, option);
        await using var scenario = await Scenario.CreateAsync(server, await LabServer.SharedAsync("mysql-9.7", "target"), Table);
        await scenario.RecordAsync(copies: false);
        var begun = await ReachAsync(scenario);
        Assert.Equal(TimeSpan.Zero, begun.Age);
        Assert.Equal(TimeSpan.FromSeconds(seconds), begun.Retention.Age);

        await scenario.Source.ExecuteAsync("SET timestamp=UNIX_TIMESTAMP()-5000", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
        await scenario.Source.ExecuteAsync("SET timestamp=DEFAULT", default);
        await scenario.Source.ExecuteAsync("FLUSH BINARY LOGS", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (2, 2)", default);

        var later = await ReachAsync(scenario);
        Assert.InRange(later.Age, TimeSpan.FromSeconds(4_999), TimeSpan.FromSeconds(6_000));
        Assert.True(later.Bytes > begun.Bytes, $"{begun.Bytes} bytes, then {later.Bytes}.");
        Assert.Equal(begun.From, later.From);

        await scenario.PurgeLogsAsync();
        var purged = await Assert.ThrowsAsync<ReplicationException>(() => ReachAsync(scenario));
        Assert.Contains(begun.From.File, purged.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_purges_nothing_by_itself_keeps_its_log_whatever_the_age()
    {
        await using var server = await LabServer.StartAsync("mysql-9.7", "--binlog-expire-logs-seconds=7200", "--binlog-expire-logs-auto-purge=OFF");
        Assert.Equal(new LogRetention(null, null), await RetentionAsync(server));
    }

    [Fact]
    public async Task A_limit_of_size_is_read_beside_the_age()
    {
        await using var server = await LabServer.StartAsync("mariadb-11.8", "--max-binlog-total-size=1073741824", "--expire-logs-days=0.5");
        Assert.Equal(new LogRetention(TimeSpan.FromHours(12), 1UL << 30), await RetentionAsync(server));
    }

    /// <summary>The position moves on while rows are copied, so that a copy may take longer than the log is kept for.</summary>
    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_copy_needs_no_log_from_before_its_streams_position(string name)
    {
        await using var server = await LabServer.StartAsync(name);
        await using var scenario = await Scenario.CreateAsync(server, await LabServer.SharedAsync(name, "target"), CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 800);
        await scenario.RecordAsync();
        await using (await Writers.StartAsync(scenario, 2, CopyUnderWritesTests.Write))
        {
            for (var crash = 0; crash < 3; crash++)
            {
                Assert.True(await CrashTests.RunUntilCrashAsync(scenario, "copy.insert.after", 3));
                await scenario.Source.ExecuteAsync("FLUSH BINARY LOGS", default);
                var position = await ReplicationStream.ReadRecordedAsync(scenario.To, scenario.Definition.Id, default);
                await scenario.Source.ExecuteAsync($"PURGE BINARY LOGS TO '{position!.Value.File}'", default);
            }

            await using var stream = await scenario.OpenAsync();
            await new TableCopier(stream, new CopyOptions { Threads = 2, FirstChunkRows = 40, MaxChunkRows = 40 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
            await stream.StopAsync();
        }

        await using var last = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(last);
        await scenario.AssertSameAsync();
        await last.StopAsync();
    }

    private static async Task<LogReach> ReachAsync(Scenario scenario) =>
        (await ReplicationStream.ReadLogReachAsync(scenario.From, scenario.To, scenario.Definition.Id, default))!;

    private static async Task<LogRetention> RetentionAsync(LabServer server)
    {
        await using var connection = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), default);
        return await LogRetention.ReadAsync(connection, default);
    }
}
