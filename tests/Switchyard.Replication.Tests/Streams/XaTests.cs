using System.Globalization;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Source;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>XA transactions: in the log at XA PREPARE, real at XA COMMIT, however long that takes and whatever is killed between.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class XaTests
{
    private const string Table = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v LONGTEXT NOT NULL) ENGINE=InnoDB";

    [Theory]
    [InlineData("mariadb-10.5", "mariadb-10.11")]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mariadb-11.8", "mariadb-10.11")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    [InlineData("mysql-5.6", "mysql-9.7")]
    public async Task What_is_committed_arrives_and_what_is_rolled_back_does_not(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Table);
        await scenario.RecordAsync(copies: false, d => d with { QueueBytes = 200_000, LargeTransactionBytes = 100_000 });
        await using var other = await scenario.ConnectSourceAsync();
        await using (var stream = await scenario.OpenAsync())
        {
            await PrepareAsync(scenario.Source, "'one'", "INSERT INTO t VALUES (1, 'one')", "SAVEPOINT s", "INSERT INTO t VALUES (2, 'never')", "ROLLBACK TO s", "INSERT INTO t VALUES (3, 'one')");
            await other.ExecuteAsync("INSERT INTO t VALUES (0, 'ordinary')", default);
            await Scenario.CatchUpAsync(stream);
            Assert.Equal(1, await scenario.CountAsync(scenario.Tables[0]));
            await scenario.Source.ExecuteAsync("XA COMMIT 'one'", default);

            await PrepareAsync(scenario.Source, "'two','b',7", "UPDATE t SET v='two' WHERE id<10");
            await Scenario.CatchUpAsync(stream);
            await scenario.Source.ExecuteAsync("XA ROLLBACK 'two','b',7", default);
            await scenario.Source.ExecuteMultiAsync("XA START 'phase';INSERT INTO t VALUES (4, 'phase');XA END 'phase';XA COMMIT 'phase' ONE PHASE"u8.ToArray(), default);
            await scenario.Source.ExecuteMultiAsync("XA START 'none';SELECT 1;XA END 'none';XA PREPARE 'none'"u8.ToArray(), default);
            await scenario.Source.ExecuteAsync("XA COMMIT 'none'", default);

            // More than is kept: read again when it is committed.
            await PrepareAsync(scenario.Source, "X'00ff27'", [.. Enumerable.Range(100, 10).Select(i => $"INSERT INTO t VALUES ({i}, REPEAT('{i}', 20000))")]);
            await Scenario.CatchUpAsync(stream);
            Assert.Equal(4, await scenario.CountAsync(scenario.Tables[0]));
            await scenario.Source.ExecuteAsync("XA COMMIT X'00ff27'", default);
            await Scenario.CatchUpAsync(stream);
            await scenario.AssertSameAsync();
            Assert.Equal(14, await scenario.CountAsync(scenario.Tables[0]));

            // The stream stops with one open, and applies what comes after it.
            await PrepareAsync(scenario.Source, "'open'", "DELETE FROM t WHERE id=105", "UPDATE t SET v='open' WHERE id=1");
            await other.ExecuteAsync("UPDATE t SET v='later' WHERE id=0", default);
            await Scenario.CatchUpAsync(stream);
            await stream.StopAsync();
        }

        var open = await scenario.Target.QueryAsync($"SELECT COUNT(*) FROM _switchyard.stream_xa WHERE stream_id='{scenario.Definition.Id}'", default);
        Assert.Equal(from == "mysql-5.6" ? 0 : 1, open.GetInt64(0, 0));
        await other.ExecuteAsync("INSERT INTO t VALUES (11, 'between')", default);
        await scenario.Source.ExecuteAsync("XA COMMIT 'open'", default);
        await other.ExecuteAsync("UPDATE t SET v=CONCAT(v, '+') WHERE id=1", default);
        await using var next = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(next);
        await scenario.AssertSameAsync();
        await next.StopAsync();
        Assert.Equal(0, (await scenario.Target.QueryAsync($"SELECT COUNT(*) FROM _switchyard.stream_xa WHERE stream_id='{scenario.Definition.Id}'", default)).GetInt64(0, 0));
    }

    // MariaDB takes no format id from 2^31 on.
    [Theory]
    [InlineData("2147483648")]
    [InlineData("4294967294")]
    public async Task An_identifier_of_any_format_is_one_and_the_same_wherever_the_server_gives_it(string format)
    {
        await using var scenario = await Scenario.CreateAsync("mysql-9.7", "mysql-9.7", Table);
        await scenario.RecordAsync(copies: false);
        await using var stream = await scenario.OpenAsync();
        await PrepareAsync(scenario.Source, $"'{scenario.Schema}','b',{format}", "INSERT INTO t VALUES (2, 'prepared')");
        await Scenario.CatchUpAsync(stream);
        Assert.Contains(await PreparedXa.ReadAsync(scenario.Source, default), stream.Xa.IsKnown);
        await scenario.Source.ExecuteAsync($"XA COMMIT '{scenario.Schema}','b',{format}", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Equal(1, await scenario.CountAsync(scenario.Tables[0]));
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mysql-9.7")]
    [InlineData("mariadb-10.11")]
    public async Task A_transaction_that_is_read_again_after_one_of_the_opposite_stream_arrives(string name)
    {
        await using var scenario = await Scenario.CreateAsync(name, name, Table);
        var reverseId = scenario.Schema + ".reverse";
        await scenario.RecordAsync(copies: false, d => d with { QueueBytes = 4096, OppositeId = reverseId });
        var back = new StreamDefinition { Id = reverseId, OppositeId = scenario.Definition.Id, From = scenario.To, To = scenario.From, Tables = scenario.Tables };
        await ReplicationStream.RecordAsync(back, await ReplicationStream.ReadEndAsync(scenario.To, default), default);
        await using var forward = await scenario.OpenAsync();
        await using var reverse = await ReplicationStream.OpenAsync(back, default);
        reverse.Start();
        // More than is kept.
        await PrepareAsync(scenario.Source, $"'{scenario.Schema}'", "INSERT INTO t VALUES (1, REPEAT('x', 20000))");
        await Scenario.CatchUpAsync(forward);
        await scenario.Target.ExecuteAsync($"INSERT INTO {scenario.Schema}.t VALUES (2, 'back')", default);
        await Scenario.CatchUpAsync(reverse);
        await scenario.Source.ExecuteAsync($"XA COMMIT '{scenario.Schema}'", default);
        await Scenario.CatchUpAsync(forward);
        Assert.Equal(2, await scenario.CountAsync(scenario.Tables[0]));
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_prepared_transaction_outlives_its_session_its_server_and_the_stream(string name)
    {
        await using var from = await LabServer.StartAsync(name);
        await using var scenario = await Scenario.CreateAsync(from, await LabServer.SharedAsync(name, "target"), Table);
        await scenario.RecordAsync(copies: false);
        await using (var stream = await scenario.OpenAsync())
        {
            await PrepareAsync(scenario.Source, "'kept'", "INSERT INTO t VALUES (1, 'kept')");
            await Scenario.CatchUpAsync(stream);
        }

        await from.KillAsync();
        await from.RestartAsync();
        await using var application = await scenario.ConnectSourceAsync();
        await application.ExecuteAsync("INSERT INTO t VALUES (2, 'after')", default);
        await using (var stream = await scenario.OpenAsync())
        {
            await Scenario.CatchUpAsync(stream);
            Assert.Equal(1, await scenario.CountAsync(scenario.Tables[0]));
            await application.ExecuteAsync("XA COMMIT 'kept'", default);

            // The answer to the COMMIT on the target is lost: it counts once.
            await Scenario.CatchUpAsync(stream);
        }

        await scenario.AssertSameAsync();
        Assert.Equal(2, await scenario.CountAsync(scenario.Tables[0]));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_prepared_transaction_whose_log_is_gone_is_named_and_can_be_struck_out(string name)
    {
        await using var from = await LabServer.StartAsync(name);
        await using var scenario = await Scenario.CreateAsync(from, await LabServer.SharedAsync(name, "target"), Table);
        var gone = await ReplicationStream.ReadEndAsync(scenario.From, default);
        await scenario.Source.ExecuteAsync("FLUSH BINARY LOGS", default);
        await scenario.RecordAsync(copies: false);
        await scenario.PurgeLogsAsync();
        // As MySQL before 8.0.30 leaves it: prepared in the log, and lost in a crash.
        await scenario.Target.ExecuteAsync($"INSERT INTO _switchyard.stream_xa (stream_id, xid, file, `offset`) VALUES ('{scenario.Definition.Id}', 'X''6c6f7374'',X'''',1', '{gone.File}', {gone.Offset})", default);
        string message;
        await using (var stream = await scenario.OpenAsync())
        {
            await stream.Completion.WaitAsync(TimeSpan.FromMinutes(2));
            message = stream.Progress.Error!;
        }

        Assert.Contains("The XA transaction X'6c6f7374',X'',1", message, StringComparison.Ordinal);
        Assert.Contains("XA RECOVER", message, StringComparison.Ordinal);
        var remedy = message[message.IndexOf("DELETE FROM", StringComparison.Ordinal)..message.IndexOf(" on the side", StringComparison.Ordinal)];
        await scenario.Target.ExecuteAsync(remedy, default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 'on')", default);
        await using var next = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(next);
        await scenario.AssertSameAsync();
        await next.StopAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    public async Task A_copy_killed_anywhere_under_XA_writers_goes_on_and_ends_exact(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 1200);
        await scenario.RecordAsync(change: d => d with { QueueBytes = 4096 });
        await using (await XaWriters.StartAsync(scenario, 3))
        {
            foreach (var (point, hit) in new[] { ("stream.event.delivered", 30), ("copy.read.after", 3), ("apply.commit.after", 4), ("copy.insert.after", 3), ("apply.commit.before", 4) })
            {
                Assert.True(await CrashTests.RunUntilCrashAsync(scenario, point, hit), $"{point} was not reached {hit} times.");
            }

            await using var last = await scenario.OpenAsync();
            await new TableCopier(last, new CopyOptions { Threads = 2, FirstChunkRows = 40, MaxChunkRows = 40 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
            await last.StopAsync();
        }

        await using var stream = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_copy_waits_for_what_was_prepared_before_its_stream_began_and_at_last_names_it(string name)
    {
        await using var scenario = await Scenario.CreateAsync(name, name, Table);
        await using var application = await scenario.ConnectSourceAsync();
        await PrepareAsync(application, "'early'", "INSERT INTO t VALUES (1, 'early')");
        await scenario.RecordAsync();
        await using (var stream = await ReplicationStream.OpenAsync(scenario.Definition, default, new HurriedClock()))
        {
            stream.Start();
            var refused = await Assert.ThrowsAsync<ReplicationException>(() => new TableCopier(stream, new CopyOptions()).RunAsync(default));
            Assert.Contains("X'6561726c79',X'',1", refused.Message, StringComparison.Ordinal);
        }

        await using var waiting = await scenario.OpenAsync();
        var copy = new TableCopier(waiting, new CopyOptions()).RunAsync(default);
        await application.ExecuteAsync("XA COMMIT 'early'", default);
        await copy.WaitAsync(TimeSpan.FromMinutes(5));
        await Scenario.CatchUpAsync(waiting);
        await scenario.AssertSameAsync();
        Assert.Equal(1, await scenario.CountAsync(scenario.Tables[0]));
    }

    private static async Task PrepareAsync(BackendConnection connection, string xid, params string[] statements)
    {
        await connection.ExecuteAsync($"XA START {xid}", default);
        foreach (var statement in statements)
        {
            await connection.ExecuteAsync(statement, default);
        }

        await connection.ExecuteAsync($"XA END {xid}", default);
        await connection.ExecuteAsync($"XA PREPARE {xid}", default);
    }

    /// <summary>Lets a minute pass in a fraction of a second, for who measures it.</summary>
    private sealed class HurriedClock : TimeProvider
    {
        public override long GetTimestamp() => base.GetTimestamp() * 300;
    }

    /// <summary>Applications that write in XA transactions only, several branches open at once, some ended by another session than their own.</summary>
    private sealed class XaWriters : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly List<Task> _tasks = [];

        public static async Task<XaWriters> StartAsync(Scenario scenario, int count)
        {
            var writers = new XaWriters();
            for (var i = 0; i < count; i++)
            {
                var connections = new[] { await scenario.ConnectSourceAsync(), await scenario.ConnectSourceAsync() };
                var number = i;
                writers._tasks.Add(Task.Run(() => writers.RunAsync(connections, number)));
            }

            return writers;
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await Task.WhenAll(_tasks);
            _stop.Dispose();
        }

        private async Task RunAsync(BackendConnection[] connections, int writer)
        {
            var random = new Random(50 + writer);
            foreach (var connection in connections)
            {
                await connection.ExecuteAsync("SET SESSION innodb_lock_wait_timeout=1", default);
            }

            for (var round = 0; !_stop.IsCancellationRequested; round++)
            {
                var prepared = new List<(BackendConnection, string)>();
                foreach (var connection in connections)
                {
                    var xid = string.Create(CultureInfo.InvariantCulture, $"'{Environment.ProcessId}.{writer}.{round}.{prepared.Count}'");
                    if (await TryPrepareAsync(connection, xid, CopyUnderWritesTests.Write(random, writer)))
                    {
                        prepared.Add((connection, xid));
                    }
                }

                foreach (var (connection, xid) in prepared)
                {
                    await connection.ExecuteAsync(random.Next(4) == 0 ? $"XA ROLLBACK {xid}" : $"XA COMMIT {xid}", default);
                }
            }
        }

        private static async Task<bool> TryPrepareAsync(BackendConnection connection, string xid, string[] statements)
        {
            await connection.ExecuteAsync($"XA START {xid}", default);
            try
            {
                foreach (var statement in statements)
                {
                    await connection.ExecuteAsync(statement, default);
                }

                await connection.ExecuteAsync($"XA END {xid}", default);
                await connection.ExecuteAsync($"XA PREPARE {xid}", default);
                return true;
            }
            catch (ServerErrorException e) when (e.Code is 1213 or 1205 or 1062 or 1020 or 1614 or 1613)
            {
                foreach (var end in new[] { $"XA END {xid}", $"XA ROLLBACK {xid}" })
                {
                    try
                    {
                        await connection.ExecuteAsync(end, default);
                    }
                    catch (ServerErrorException state) when (state.Code is 1399 or 1397 or 1614 or 1402)
                    {
                        // It was ended or rolled back already by the error.
                    }
                }

                return false;
            }
        }
    }
}
