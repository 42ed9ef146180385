using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Source;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>A source that goes down while it writes a transaction to its log leaves the beginning of it there, and has taken it back when it is up again; so has whoever reads it.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class BrokenOffTests
{
    private const string Table = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v LONGTEXT NOT NULL) ENGINE=InnoDB";

    [Theory]
    [InlineData("mariadb-10.5", "small", "", 7)]
    [InlineData("mariadb-10.11", "large", "", 0)]
    [InlineData("mariadb-11.8", "small", "--log-bin-compress=ON", 20)]
    [InlineData("mariadb-10.11", "xa", "", 25)]
    [InlineData("mariadb-10.11", "statement", "--binlog-checksum=NONE", 30)]
    [InlineData("mysql-5.6", "small", "--binlog-error-action=ABORT_SERVER", 25)]
    [InlineData("mysql-9.7", "large", "", 0)]
    [InlineData("mysql-9.7", "small", "--binlog-transaction-compression=ON", 40)]
    [InlineData("mysql-9.7", "xa", "", 0)]
    public async Task A_transaction_that_the_log_ends_in_the_middle_of_is_taken_back_and_what_follows_arrives(string name, string kind, string option, int bytesOfLast)
    {
        await using var from = await LabServer.StartAsync(name, option.Length == 0 ? [] : [option]);
        await using var scenario = await Scenario.CreateAsync(from, await LabServer.SharedAsync(name == "mysql-5.6" ? "mysql-9.7" : name, "target"), Table);
        await scenario.RecordAsync(copies: false, d => d with { QueueBytes = 200_000, LargeTransactionBytes = 100_000 });
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'before')", default);
        await BreakOffAsync(from, scenario, kind, bytesOfLast);
        await using var application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync("CREATE TABLE other (id INT)", default);
        await application.ExecuteAsync("INSERT INTO t VALUES (2, 'after')", default);
        await application.ExecuteMultiAsync("BEGIN;UPDATE t SET v=CONCAT(v, '+');INSERT INTO t VALUES (100, 'again');COMMIT"u8.ToArray(), default);

        await using var stream = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
        Assert.Equal(3, await scenario.CountAsync(scenario.Tables[0]));
        Assert.Equal(3, stream.Progress.TransactionsApplied);
        await stream.StopAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", 25)]
    [InlineData("mysql-9.7", 0)]
    public async Task A_gtid_whose_transaction_was_taken_back_is_not_among_those_before_a_place_behind(string name, int bytesOfLast)
    {
        await using var from = await LabServer.StartAsync(name);
        await using var scenario = await Scenario.CreateAsync(from, await LabServer.SharedAsync(name, "target"), Table);
        await scenario.RecordAsync(copies: false);
        var before = await ReplicationStream.ReadEndAsync(scenario.From, default);
        var known = await GtidPositions.ReadAtAsync(scenario.From, scenario.Source, before, (before, ""), default);
        Assert.NotEmpty(known);
        await BreakOffAsync(from, scenario, "small", bytesOfLast);
        await using var application = await scenario.ConnectSourceAsync();
        Assert.Equal(known, await GtidPositions.ReadAtAsync(scenario.From, application, await ReplicationStream.ReadEndAsync(scenario.From, default), (before, known), default));
    }

    [Fact]
    public async Task A_log_that_breaks_off_while_its_server_runs_ends_the_stream()
    {
        await using var from = await LabServer.StartAsync("mariadb-10.11");
        await using var scenario = await Scenario.CreateAsync(from, await LabServer.SharedAsync("mariadb-10.11", "target"), Table);
        await scenario.RecordAsync(copies: false);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'before')", default);
        await BreakOffAsync(from, scenario, "small", 25, rotates: true);
        await using var application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync("INSERT INTO t VALUES (2, 'after')", default);

        await using var stream = await scenario.OpenAsync();
        await Assert.ThrowsAsync<ReplicationException>(() => Scenario.CatchUpAsync(stream)).WaitAsync(TimeSpan.FromMinutes(5));
        Assert.Contains("breaks off at", stream.Progress.Error, StringComparison.Ordinal);
        // Of what came before, what had been committed.
        Assert.InRange(await scenario.CountAsync(scenario.Tables[0]), 0, 1);
    }

    // MySQL cuts off what a crash has left; this is left where it could not write, after which it may go on without its log.
    [Theory]
    [InlineData("mysql-5.6", "", "small", 0)]
    [InlineData("mysql-9.7", "--binlog-error-action=IGNORE_ERROR", "beginning", 25)]
    public async Task A_log_that_breaks_off_where_its_server_may_have_gone_on_without_it_ends_the_stream(string name, string option, string kind, int bytesOfLast)
    {
        await using var from = await LabServer.StartAsync(name, option.Length == 0 ? [] : [option]);
        await using var scenario = await Scenario.CreateAsync(from, await LabServer.SharedAsync("mysql-9.7", "target"), Table);
        await scenario.RecordAsync(copies: false);
        await BreakOffAsync(from, scenario, kind, bytesOfLast);

        await using var stream = await scenario.OpenAsync();
        await Assert.ThrowsAsync<ReplicationException>(() => Scenario.CatchUpAsync(stream)).WaitAsync(TimeSpan.FromMinutes(5));
        Assert.Contains("may have gone on without it", stream.Progress.Error, StringComparison.Ordinal);
        Assert.Equal(0, await scenario.CountAsync(scenario.Tables[0]));
    }

    // Its next file cannot be made, so that it turns its log off and serves on.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_log_that_its_server_goes_on_without_ends_the_stream_at_once_and_when_the_server_has_started_again(bool isNoticedMeanwhile)
    {
        await using var from = await LabServer.StartAsync("mysql-5.6");
        await using var scenario = await Scenario.CreateAsync(from, await LabServer.SharedAsync("mysql-9.7", "target"), Table);
        await scenario.RecordAsync(copies: false, d => d with { SilenceLimit = isNoticedMeanwhile ? TimeSpan.FromSeconds(1) : TimeSpan.FromHours(1) });
        var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'before')", default);
        await Scenario.CatchUpAsync(stream);

        var list = (await scenario.Source.QueryAsync("SELECT @@global.log_bin_basename", default)).GetString(0, 0);
        Directory.CreateDirectory(list + ".~rec~");
        await Assert.ThrowsAsync<ServerErrorException>(() => scenario.Source.ExecuteAsync("FLUSH BINARY LOGS", default));
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (2, 'not logged')", default);
        Directory.Delete(list + ".~rec~");
        if (isNoticedMeanwhile)
        {
            await Scenario.UntilAsync(stream, StreamState.Failed);
            Assert.Contains("does not write its binary log any more", stream.Progress.Error, StringComparison.Ordinal);
            stream = await scenario.OpenAsync();
            await Scenario.UntilAsync(stream, StreamState.Failed);
            Assert.Contains("does not write its binary log any more", stream.Progress.Error, StringComparison.Ordinal);
        }

        await from.RestartAsync();
        await using var application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync("INSERT INTO t VALUES (3, 'after')", default);

        stream = isNoticedMeanwhile ? await scenario.OpenAsync() : stream;
        await Scenario.UntilAsync(stream, StreamState.Failed);
        Assert.Contains("may have gone on without it", stream.Progress.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await scenario.Target.QueryAsync($"SELECT COUNT(*) FROM {scenario.Schema}.t WHERE id=3", default)).GetInt64(0, 0));
    }

    /// <summary>Writes a transaction of rows from 100 on, and lets the server come up as if it had been killed before it wrote the end of it.</summary>
    /// <param name="server">The source.</param>
    /// <param name="scenario">Its schema.</param>
    /// <param name="kind">What it writes.</param>
    /// <param name="bytesOfLast">What there is of the last event.</param>
    /// <param name="rotates">It goes on in another file before it goes down.</param>
    private static async Task BreakOffAsync(LabServer server, Scenario scenario, string kind, int bytesOfLast, bool rotates = false)
    {
        var rows = Enumerable.Range(100, kind == "large" ? 20 : 2).Select(i => $"INSERT INTO t VALUES ({i}, REPEAT('{i}', {(kind == "large" ? 10_000 : 1)}))");
        await scenario.Source.ExecuteMultiAsync(System.Text.Encoding.ASCII.GetBytes(kind switch
        {
            "xa" => $"XA START 'broken';{string.Join(';', rows)};XA END 'broken';XA PREPARE 'broken'",
            "statement" => "TRUNCATE TABLE t",
            _ => $"BEGIN;{string.Join(';', rows)};COMMIT",
        }), default);
        var end = await ReplicationStream.ReadEndAsync(scenario.From, default);
        var events = await scenario.Source.QueryAsync($"SHOW BINLOG EVENTS IN '{end.File}'", default);
        var log = Path.Combine(Path.GetDirectoryName((await scenario.Source.QueryAsync("SELECT @@global.log_bin_basename", default)).GetString(0, 0))!, end.File);
        // What is in a compressed transaction is listed behind it.
        // Of the first event of a transaction nobody knows yet that it is one.
        var last = kind == "beginning" ? events.Rows.Last(e => e.GetString(2) == "Gtid")
            : events.Rows.LastOrDefault(e => e.GetString(2) == "Transaction_payload")
            ?? events.Rows.Last(e => e.GetString(2) is "Xid" or "XA_prepare" || (kind == "statement" && e.GetString(2) == "Query"));

        if (rotates)
        {
            await scenario.Source.ExecuteAsync("FLUSH BINARY LOGS", default);
        }

        // MySQL cuts such an end off by itself when it was killed, and leaves it where writing failed for another reason.
        await (server.Name.StartsWith("mysql", StringComparison.Ordinal) ? server.StopAsync() : server.KillAsync());
        await using (var file = new FileStream(log, FileMode.Open))
        {
            file.SetLength(last.GetInt64(1) + bytesOfLast);
        }

        await server.RestartAsync();
        await using var admin = await scenario.ConnectSourceAsync();
        await admin.ExecuteAsync("SET SESSION sql_log_bin=0", default);
        foreach (var xid in await PreparedXa.ReadAsync(admin, default))
        {
            await admin.ExecuteAsync($"XA ROLLBACK {xid}", default);
        }

        await admin.ExecuteAsync(kind == "statement" ? "INSERT IGNORE INTO t VALUES (1, 'before')" : "DELETE FROM t WHERE id>=100", default);
    }
}
