using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>The source dies, and a replica of it takes its place: the stream goes on there by GTIDs.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class FailoverTests
{
    private const string Table = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB";

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_copy_and_its_stream_go_on_at_a_replica(string name)
    {
        await using var first = await LabServer.StartAsync(name);
        await using var replica = await LabServer.StartAsync(name);
        // What the stream meets there lies elsewhere than on the first server.
        await using (var other = await BackendConnection.OpenAsync(ConnectionOptions.Parse(replica.Dsn), default))
        {
            await other.ExecuteMultiAsync("SET sql_log_bin=0;FLUSH BINARY LOGS;FLUSH BINARY LOGS"u8.ToArray(), default);
        }

        await NativeReplication.BeginAsync(first, replica);
        await using var scenario = await Scenario.CreateAsync(first, await LabServer.SharedAsync(name, "target"), CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 600);
        await scenario.RecordAsync();
        await using (await Writers.StartAsync(scenario, 2, CopyUnderWritesTests.Write))
        {
            Assert.True(await CrashTests.RunUntilCrashAsync(scenario, "copy.insert.after", 4));
            Assert.True(await CrashTests.RunUntilCrashAsync(scenario, "apply.commit.after", 6));
        }

        await NativeReplication.CatchUpAsync(first, replica);
        await first.KillAsync();
        await NativeReplication.EndAsync(replica);
        var moved = scenario.MovedTo(replica);
        await using (await Writers.StartAsync(moved, 2, CopyUnderWritesTests.Write))
        {
            await using var stream = await moved.OpenAsync();
            await new TableCopier(stream, new CopyOptions { Threads = 2, FirstChunkRows = 60, MaxChunkRows = 60 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
            await stream.StopAsync();
        }

        await using var last = await moved.OpenAsync();
        await Scenario.CatchUpAsync(last);
        await moved.AssertSameAsync();
        await last.StopAsync();
        await first.RestartAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_server_that_lacks_what_is_applied_is_refused_with_what_it_lacks(string name)
    {
        await using var scenario = await Scenario.CreateAsync(name, name, Table);
        await scenario.RecordAsync(copies: false);
        await using (var stream = await scenario.OpenAsync())
        {
            await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
            await Scenario.CatchUpAsync(stream);
            await stream.StopAsync();
        }

        var applied = (await scenario.Target.QueryAsync($"SELECT gtid FROM _switchyard.stream WHERE id='{scenario.Definition.Id}'", default)).GetString(0, 0);
        await using var stranger = await LabServer.StartAsync(name);
        await using (var source = await BackendConnection.OpenAsync(ConnectionOptions.Parse(stranger.Dsn), default))
        {
            await source.ExecuteMultiAsync(System.Text.Encoding.UTF8.GetBytes($"CREATE DATABASE {scenario.Schema};USE {scenario.Schema};{Table}"), default);
        }

        var moved = scenario.MovedTo(stranger);
        var refused = await Assert.ThrowsAsync<ReplicationException>(() => moved.OpenAsync());

        Assert.Contains("does not have in its binary log", refused.Message, StringComparison.Ordinal);
        Assert.Contains(applied.Split(',')[0].Split(':')[0], refused.Message, StringComparison.Ordinal);

        // Nothing was changed: the old server still serves.
        await using var back = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (2, 2)", default);
        await Scenario.CatchUpAsync(back);
        await scenario.AssertSameAsync();
        await back.StopAsync();
    }

    [Fact]
    public async Task A_replica_with_a_transaction_of_its_own_before_what_is_applied_is_refused_by_its_GTID()
    {
        await using var first = await LabServer.StartAsync("mariadb-10.11");
        await using var replica = await LabServer.StartAsync("mariadb-10.11");
        await NativeReplication.BeginAsync(first, replica);
        await using var scenario = await Scenario.CreateAsync(first, await LabServer.SharedAsync("mariadb-10.11", "target"), Table);
        await scenario.RecordAsync(copies: false);
        await NativeReplication.CatchUpAsync(first, replica);
        string stranger;
        await using (var beside = await BackendConnection.OpenAsync(ConnectionOptions.Parse(replica.Dsn), default))
        {
            await beside.ExecuteAsync($"INSERT INTO {scenario.Schema}.t VALUES (100, 100)", default);
            stranger = (await beside.QueryAsync("SELECT @@last_gtid", default)).GetString(0, 0);
        }

        await using (var stream = await scenario.OpenAsync())
        {
            await scenario.Source.ExecuteMultiAsync("INSERT INTO t VALUES (1, 1);INSERT INTO t VALUES (2, 2)"u8.ToArray(), default);
            await Scenario.CatchUpAsync(stream);
            await stream.StopAsync();
        }

        await NativeReplication.CatchUpAsync(first, replica);
        var moved = scenario.MovedTo(replica);
        var refused = await Assert.ThrowsAsync<ReplicationException>(() => moved.OpenAsync());

        Assert.Contains(stranger, refused.Message, StringComparison.Ordinal);
        Assert.Contains("beside replication", refused.Message, StringComparison.Ordinal);
    }

    // What one server of the domain wrote before another did was not in records once; the replica has it, as it must.
    [Fact]
    public async Task A_record_that_lacks_the_other_servers_of_its_domain_is_completed_from_the_source_it_was_made_of_and_from_no_other()
    {
        await using var first = await LabServer.StartAsync("mariadb-10.11");
        await using var replica = await LabServer.StartAsync("mariadb-10.11");
        await NativeReplication.BeginAsync(first, replica);
        await using var scenario = await Scenario.CreateAsync(first, await LabServer.SharedAsync("mariadb-10.11", "target"), Table);
        await scenario.RecordAsync(copies: false);
        // As a server before this one in its place would have left it in the log.
        await scenario.Source.ExecuteMultiAsync("SET SESSION server_id=77;INSERT INTO t VALUES (1, 1)"u8.ToArray(), default);
        var before = (await scenario.Source.QueryAsync("SELECT @@last_gtid", default)).GetString(0, 0);
        await using (var application = await scenario.ConnectSourceAsync())
        {
            await application.ExecuteAsync("INSERT INTO t VALUES (2, 2)", default);
        }

        await RunAsync(scenario);
        var whole = await RecordedAsync();
        Assert.Contains(before, whole.Split(','));
        await NativeReplication.CatchUpAsync(first, replica);
        var moved = scenario.MovedTo(replica);

        // As records were: the last transaction of the domain alone.
        await WriteRecordAsync(whole.Split(',')[^1]);
        Assert.Contains(before, (await Assert.ThrowsAsync<ReplicationException>(() => moved.OpenAsync())).Message, StringComparison.Ordinal);
        await RunAsync(scenario);
        Assert.Equal(whole, await RecordedAsync());

        // At the place of the record the log says something else: it was not made of it.
        await WriteRecordAsync("0-99-1");
        await RunAsync(scenario);
        Assert.Equal("0-99-1", await RecordedAsync());

        await WriteRecordAsync(whole);
        await using var stream = await moved.OpenAsync();
        await Scenario.CatchUpAsync(stream);
        await stream.StopAsync();

        async Task<string> RecordedAsync() => (await scenario.Target.QueryAsync($"SELECT gtid FROM _switchyard.stream WHERE id='{scenario.Definition.Id}'", default)).GetString(0, 0);

        Task WriteRecordAsync(string gtids) => scenario.Target.ExecuteAsync($"UPDATE _switchyard.stream SET gtid='{gtids}' WHERE id='{scenario.Definition.Id}'", default);

        static async Task RunAsync(Scenario scenario)
        {
            await using var stream = await scenario.OpenAsync();
            await Scenario.UntilAsync(stream, StreamState.Running);
            await Scenario.CatchUpAsync(stream);
            await stream.StopAsync();
        }
    }

    [Theory]
    [InlineData("mariadb-10.11", "SELECT gtid = @@global.gtid_binlog_pos FROM (SELECT '{0}' AS gtid) AS recorded")]
    [InlineData("mysql-9.7", "SELECT GTID_SUBSET(@@global.gtid_executed, '{0}')")]
    public async Task What_was_passed_over_before_a_connection_broke_is_among_the_GTIDs_recorded_after_it(string name, string isWhole)
    {
        await using var server = await LabServer.StartAsync(name);
        await using var scenario = await Scenario.CreateAsync(server, await LabServer.SharedAsync(name, "target"), Table);
        await scenario.Source.ExecuteMultiAsync("CREATE DATABASE aside; CREATE TABLE aside.t (id INT PRIMARY KEY AUTO_INCREMENT)"u8.ToArray(), default);
        await scenario.RecordAsync(copies: false);
        await using var stream = await scenario.OpenAsync();
        for (var round = 1; round <= 3; round++)
        {
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({round}, 1)", default);
            await Scenario.CatchUpAsync(stream);
            await scenario.Source.ExecuteAsync("INSERT INTO aside.t VALUES ()", default);
            await Scenario.CatchUpAsync(stream);
            await Scenario.KillDumpsAsync(scenario.Source, default);
        }

        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (100, 1)", default);
        await Scenario.CatchUpAsync(stream);
        await stream.StopAsync();
        var recorded = (await scenario.Target.QueryAsync($"SELECT gtid FROM _switchyard.stream WHERE id='{scenario.Definition.Id}'", default)).GetString(0, 0);
        Assert.Equal("1", (await scenario.Source.QueryAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, isWhole, recorded), default)).GetString(0, 0));
    }
}
