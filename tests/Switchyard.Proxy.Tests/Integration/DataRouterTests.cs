using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using static Switchyard.Proxy.Tests.Harness.ReadServers;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>
/// Reads on the target never show less than was acknowledged, whoever wrote it. The test plays the applier, on servers nobody else writes to.
/// </summary>
[Collection(Servers)]
[Trait("Category", "Integration")]
public sealed class DataRouterTests
{
    /// <summary>Classes that write to these servers run one after another: a position told as applied is the end of a log that grows by nobody else's writes.</summary>
    public const string Servers = "read-source and read-target";

    [Fact]
    public async Task A_read_after_a_write_waits_for_the_applier_or_goes_to_the_source()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var reader = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await ValueAsync(reader) == "t0");

        // The applier is paused: what was written is on the source only, and every session reads it there.
        await writer.ExecuteAsync("UPDATE v SET v = 's1'", default);
        Assert.Equal("s1", await ValueAsync(reader));
        Assert.Equal("s1", await ValueAsync(writer));

        // It goes on: a read that waits for it is answered by the target. The server is shared, so that its log may have grown past the position told.
        await harness.DirectAsync(await TargetAsync(), "UPDATE v SET v = 't1'");
        await Eventually(async () =>
        {
            await CaughtUpAsync(harness);
            return await ValueAsync(reader) == "t1" && await ValueAsync(writer) == "t1";
        });
    }

    [Fact]
    public async Task A_transactions_writes_count_from_its_commit()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var reader = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await ValueAsync(reader) == "t0");
        await writer.ExecuteAsync("BEGIN", default);
        await writer.ExecuteAsync("UPDATE v SET v = 's1'", default);
        Assert.Equal("s1", await ValueAsync(writer));
        Assert.Equal("t0", await ValueAsync(reader));
        await writer.ExecuteAsync("COMMIT", default);
        Assert.Equal("s1", await ValueAsync(reader));
    }

    [Fact]
    public async Task Writes_before_the_mode_began_are_seen()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var reader = await harness.ConnectAsync();
        await writer.ExecuteAsync("BEGIN", default);
        await writer.ExecuteAsync("UPDATE v SET v = 's1'", default);
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await ValueAsync(reader) == "t0");
        await writer.ExecuteAsync("COMMIT", default);
        Assert.Equal("s1", await ValueAsync(reader));
    }

    [Fact]
    public async Task Quiet_tables_do_not_wait_for_busy_ones()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var reader = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await UntilTablesAreKnownAsync(harness, writer, reader, "UPDATE v SET v = CONCAT('s', FLOOR(RAND() * 1000))");
        Assert.StartsWith("s", await ValueAsync(reader), StringComparison.Ordinal);
        Assert.Equal("target", await PlaceAsync(reader));
    }

    [Fact]
    public async Task A_write_marks_what_its_foreign_keys_cascade_to()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var reader = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await PlaceAsync(reader) == "target" && await CountAsync(reader) == "1");
        await writer.ExecuteAsync("DELETE FROM parent", default);
        Assert.Equal("0", await CountAsync(reader));
    }

    [Fact]
    public async Task Locking_reads_effects_and_transactions_stay_on_the_source()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await PlaceAsync(client) == "target");
        Assert.Equal("source", (await client.QueryAsync("SELECT name FROM place FOR UPDATE", default)).GetString(0, 0));
        Assert.Equal("source", (await client.QueryAsync("SELECT name, GET_LOCK('a', 0), RELEASE_LOCK('a') FROM place", default)).GetString(0, 0));
        Assert.Equal("source", (await client.QueryAsync("SELECT name, @a := 1 FROM place", default)).GetString(0, 0));
        await client.ExecuteAsync("BEGIN", default);
        Assert.Equal("source", await PlaceAsync(client));
        await client.ExecuteAsync("ROLLBACK", default);
    }

    [Fact]
    public async Task An_error_of_the_target_is_repeated_on_the_source()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.DirectAsync(await SourceAsync(), "CREATE TABLE only_here (a INT)", "INSERT INTO only_here VALUES (7)");
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await PlaceAsync(client) == "target");
        Assert.Equal("7", (await client.QueryAsync("SELECT a FROM only_here", default)).GetString(0, 0));
        Assert.Equal("target", await PlaceAsync(client));
    }

    [Fact]
    public async Task Who_only_reads_on_the_target_is_not_idle_for_the_source()
    {
        const int WaitSeconds = 10;
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await client.ExecuteAsync($"SET SESSION wait_timeout = {WaitSeconds}", default);
        await Eventually(async () => await PlaceAsync(client) == "target");
        await using var source = await BackendConnection.OpenAsync(ProxyHarness.Admin(await SourceAsync()), default);
        for (var end = await UptimeAsync(source) + (WaitSeconds * 3 / 2); await UptimeAsync(source) < end;)
        {
            Assert.Equal("target", await PlaceAsync(client));
        }

        Assert.Equal($"{client.Server.ConnectionId} {WaitSeconds}", (await client.QueryAsync("SELECT CONCAT(CONNECTION_ID(), ' ', @@wait_timeout)", default)).GetString(0, 0));
    }

    private static async Task<long> UptimeAsync(BackendConnection server) => (await server.QueryAsync("SHOW GLOBAL STATUS LIKE 'Uptime'", default)).GetInt64(0, 1);

    [Fact]
    public async Task A_read_that_is_killed_on_the_target_is_not_begun_again_on_the_source()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await using var killer = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await PlaceAsync(client) == "target");
        var read = client.QueryAsync("SELECT name FROM place WHERE SLEEP(900) = 0", default);
        await using var onTarget = await BackendConnection.OpenAsync(ProxyHarness.Admin(await TargetAsync()), default);
        await Eventually(async () =>
        {
            var list = await onTarget.QueryAsync("SHOW FULL PROCESSLIST", default);
            return Enumerable.Range(0, list.Rows.Count).Any(row => list.GetStringOrNull(row, 7)?.Contains("SLEEP(900)", StringComparison.Ordinal) == true);
        });
        await killer.ExecuteAsync($"KILL QUERY {client.Server.ConnectionId}", default);
        var error = await Assert.ThrowsAsync<ServerErrorException>(() => read.WaitAsync(TimeSpan.FromMinutes(3)));
        Assert.Equal(1317, error.Code);
        Assert.Equal("target", await PlaceAsync(client));
    }

    [Fact]
    public async Task Prepared_reads_go_to_the_target_too()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await using var statement = await client.PrepareAsync("SELECT name FROM place WHERE name <> ?", default);
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => (await statement.QueryAsync(["x"], default)).GetString(0, 0) == "target");
        await harness.RouteAsync("s", "s");
        Assert.Equal("source", (await statement.QueryAsync(["x"], default)).GetString(0, 0));
    }

    [Fact]
    public async Task A_read_only_transaction_is_on_the_target_from_its_first_read_to_its_end()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await BeginsOnTargetAsync(harness, client, "START TRANSACTION READ ONLY");

        // The source goes on without the applier; the snapshot stays what it is.
        await writer.ExecuteAsync("UPDATE v SET v = 's1'", default);
        Assert.Equal("t0", await ValueAsync(client));
        Assert.Equal("target", await PlaceAsync(client));
        Assert.True((client.Status & Wire.ServerStatus.InTransaction) != 0);

        // What is no plain read is the writer's affair, also what it refuses.
        Assert.Equal("source", (await client.QueryAsync("SELECT name FROM place LOCK IN SHARE MODE", default)).GetString(0, 0));
        Assert.Equal(1792, (await Assert.ThrowsAsync<ServerErrorException>(() => client.ExecuteAsync("UPDATE v SET v = 'x'", default))).Code);
        Assert.Equal("t0", await ValueAsync(client));
        await client.ExecuteAsync("COMMIT", default);
        Assert.Equal("s1", await ValueAsync(client));
        await client.ExecuteAsync("UPDATE v SET v = 's2'", default);
        Assert.Equal("s2", await ValueAsync(writer));
    }

    [Fact]
    public async Task A_read_only_transaction_waits_for_every_table_and_for_its_sessions_own_writes()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await BeginsOnTargetAsync(harness, client, "START TRANSACTION READ ONLY");
        await client.ExecuteAsync("COMMIT", default);

        // Another table of the migration was written: the whole transaction is the source's.
        await writer.ExecuteAsync("UPDATE v SET v = 's1'", default);
        await client.ExecuteAsync("START TRANSACTION READ ONLY", default);
        Assert.Equal("source", await PlaceAsync(client));
        Assert.Equal("s1", await ValueAsync(client));
        await client.ExecuteAsync("ROLLBACK", default);

        // With session consistency only its own writes count.
        await harness.RouteAsync("s", "t", ReadConsistency.Session);
        await BeginsOnTargetAsync(harness, client, "START TRANSACTION READ ONLY");
        await client.ExecuteAsync("COMMIT", default);
        await writer.ExecuteAsync("UPDATE v SET v = 's1b'", default);
        await client.ExecuteAsync("START TRANSACTION READ ONLY", default);
        Assert.Equal("t0", await ValueAsync(client));
        await client.ExecuteAsync("COMMIT", default);
        await client.ExecuteAsync("UPDATE v SET v = 's2'", default);
        await client.ExecuteAsync("START TRANSACTION READ ONLY", default);
        Assert.Equal("s2", await ValueAsync(client));
        await client.ExecuteAsync("COMMIT", default);

        await harness.RouteAsync("s", "t", ReadConsistency.Eventual);
        await BeginsOnTargetAsync(harness, client, "START TRANSACTION READ ONLY", catchUp: false);
        Assert.Equal("t0", await ValueAsync(client));
    }

    [Fact]
    public async Task Under_READ_COMMITTED_every_read_of_a_read_only_transaction_sees_what_was_acknowledged_before_it()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", default);
        await harness.RouteAsync("s", "t");
        await BeginsOnTargetAsync(harness, client, "START TRANSACTION READ ONLY");
        Assert.Equal("t0", await ValueAsync(client));
        await writer.ExecuteAsync("UPDATE v SET v = 's1'", default);
        Assert.Equal("s1", await ValueAsync(client));
        await client.ExecuteAsync("COMMIT", default);
    }

    [Fact]
    public async Task Preparing_a_COMMIT_ends_nothing()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await BeginsOnTargetAsync(harness, client, "START TRANSACTION READ ONLY");
        await using (await client.PrepareAsync("COMMIT", default))
        {
            await harness.DirectAsync(await TargetAsync(), "UPDATE v SET v = 't9'");
            Assert.Equal("t0", await ValueAsync(client));
        }

        await client.ExecuteAsync("COMMIT", default);
        Assert.Equal("t9", await ValueAsync(client));
    }

    [Fact]
    public async Task A_trigger_made_meanwhile_marks_what_it_writes()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var reader = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await PlaceAsync(reader) == "target");
        await writer.ExecuteAsync("CREATE TRIGGER also AFTER UPDATE ON v FOR EACH ROW UPDATE place SET name = 'triggered'", default);

        // The definition is known to the applier's side, and the write to v is not.
        await Eventually(async () =>
        {
            await CaughtUpAsync(harness);
            return await PlaceAsync(reader) == "target";
        });
        await writer.ExecuteAsync("UPDATE v SET v = 's1'", default);
        Assert.Equal("triggered", await PlaceAsync(reader));
    }

    [Fact]
    public async Task What_a_failed_call_wrote_counts_when_its_transaction_commits()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var reader = await harness.ConnectAsync();
        await harness.DirectAsync(await SourceAsync(), "CREATE PROCEDURE fails() BEGIN UPDATE v SET v = 's1'; SIGNAL SQLSTATE '45000'; END");
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await ValueAsync(reader) == "t0");
        await writer.ExecuteAsync("BEGIN", default);
        await Assert.ThrowsAsync<ServerErrorException>(() => writer.QueryMultiAsync("CALL fails()"u8.ToArray(), default));
        await CaughtUpAsync(harness);
        Assert.Equal("t0", await ValueAsync(reader));
        await writer.ExecuteAsync("COMMIT", default);
        Assert.Equal("s1", await ValueAsync(reader));
    }

    [Fact]
    public async Task A_consistent_snapshot_is_taken_on_the_target_when_the_transaction_begins()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await BeginsOnTargetAsync(harness, client, "START TRANSACTION READ ONLY");
        await client.ExecuteAsync("COMMIT", default);
        await CaughtUpAsync(harness);
        await client.ExecuteAsync("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", default);
        await harness.DirectAsync(await TargetAsync(), "UPDATE v SET v = 't9'");
        Assert.Equal("t0", await ValueAsync(client));
        await client.ExecuteAsync("BEGIN", default);
        Assert.Equal("source", await PlaceAsync(client));
        await client.ExecuteAsync("ROLLBACK", default);
        Assert.Equal("t9", await ValueAsync(client));
    }

    [Fact]
    public async Task A_switch_waits_for_a_read_only_transaction_on_the_target()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await BeginsOnTargetAsync(harness, client, "START TRANSACTION READ ONLY");
        var gate = await harness.HoldAsync("s", "t", TimeSpan.FromMinutes(2));
        await harness.WaitAckAsync(gate, ack => ack.Blockers.Any(blocker => blocker.Reason == "its read-only transaction is open"));
        Assert.Equal("target", await PlaceAsync(client));
        await client.ExecuteAsync("COMMIT", default);
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        await harness.AbandonAsync(gate);
        Assert.Equal("target", await PlaceAsync(client));
    }

    [Fact]
    public async Task A_switch_waits_for_a_read_only_transaction_of_a_session_whose_schema_is_another()
    {
        await using var harness = await StartAsync();
        var (schema, beside) = (harness.Schema, $"{harness.Schema}_beside");
        foreach (var server in new[] { await SourceAsync(), await TargetAsync() })
        {
            await harness.DirectAsync(server, $"CREATE DATABASE {beside}", $"CREATE TABLE {beside}.t (a INT)");
        }

        var routing = harness.View.Current.Routing;
        await harness.CommitAsync(harness.Repository.Begin().Put(routing with
        {
            Epoch = routing.Epoch + 1,
            Rules = [new RoutingRule(schema, null, "s", "t", "m"), new RoutingRule(beside, null, "s", "t", "m")],
        }));

        // The leg to the target is opened for reads of the other schema: nothing of the gated one ever runs on the source.
        await using var client = await BackendConnection.OpenAsync(harness.Client with { Schema = beside }, default);
        await Eventually(async () =>
        {
            await CaughtUpAsync(harness);
            await client.QueryAsync("SELECT COUNT(*) FROM t", default);
            return harness.Proxy.ListSessions().Any(session => session.Legs.Length == 2);
        });
        await CaughtUpAsync(harness);
        await client.ExecuteAsync("START TRANSACTION READ ONLY", default);
        Assert.Equal("target", (await client.QueryAsync($"SELECT name FROM {schema}.place", default)).GetString(0, 0));
        var gate = await harness.HoldAsync("s", "t", TimeSpan.FromMinutes(2));
        await harness.WaitAckAsync(gate, ack => ack.Blockers.Any(blocker => blocker.Reason == "its read-only transaction is open"));
        await client.ExecuteAsync("COMMIT", default);
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        await harness.AbandonAsync(gate);
    }

    [Fact]
    public async Task A_proxy_that_stops_lets_a_read_only_transaction_on_the_target_and_one_that_has_only_begun_come_to_their_ends()
    {
        await using var harness = await StartAsync(new ProxyOptions { Id = "p1", LoginTimeout = TimeSpan.FromMinutes(1), DrainLimit = TimeSpan.FromMinutes(4) });
        await using var idle = await harness.ConnectAsync();
        await using var reader = await harness.ConnectAsync();
        await using var writer = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await BeginsOnTargetAsync(harness, reader, "START TRANSACTION READ ONLY");
        await writer.ExecuteAsync("START TRANSACTION", default);
        var stopping = harness.Proxy.StopAsync();
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            while (true)
            {
                await idle.PingAsync(default);
            }
        });
        Assert.Equal("target", await PlaceAsync(reader));
        await writer.ExecuteAsync("UPDATE v SET v = 's1'", default);
        await writer.ExecuteAsync("COMMIT", default);
        Assert.False(stopping.IsCompleted);
        await reader.ExecuteAsync("COMMIT", default);
        await stopping;
        await Assert.ThrowsAnyAsync<Exception>(() => reader.PingAsync(default));
        Assert.Equal("s1", await harness.ScalarAsync(await SourceAsync(), "SELECT v FROM v"));
    }

    /// <summary>Begins a transaction until its first read is answered by the target: the leg is opened in the background.</summary>
    private static async Task BeginsOnTargetAsync(ProxyHarness harness, BackendConnection client, string begin, bool catchUp = true)
    {
        await Eventually(async () =>
        {
            if (catchUp)
            {
                await CaughtUpAsync(harness);
            }

            await client.ExecuteAsync("ROLLBACK", default);
            await client.ExecuteAsync(begin, default);
            return await PlaceAsync(client) == "target";
        });
    }
}
