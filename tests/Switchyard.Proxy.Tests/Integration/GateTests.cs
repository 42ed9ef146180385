using System.Collections.Concurrent;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A gate holds, drains and releases without any client seeing more than a wait.</summary>
[Trait("Category", "Integration")]
public sealed class GateTests
{
    [Fact]
    public async Task A_held_statement_goes_to_the_new_backend_after_the_flip()
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        Assert.Equal("source", await WhereAsync(client));
        var gate = await harness.HoldAsync("s", "t");
        Assert.True((await harness.WaitAckAsync(gate, ack => ack.Drained)).Held);
        var held = WhereAsync(client);
        await harness.HeldAsync(1);
        Assert.False(held.IsCompleted);
        await harness.FlipAsync(gate);
        Assert.Equal("target", await held);
        var released = await harness.WaitAckAsync(gate, ack => ack.Released);
        Assert.Equal(1, released.HeldStatements);
        Assert.True(released.LongestHoldMs > 0);
    }

    [Fact]
    public async Task A_held_statement_goes_to_the_old_backend_after_an_abandon()
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        var held = WhereAsync(client);
        await harness.HeldAsync(1);
        Assert.False(held.IsCompleted);
        await harness.AbandonAsync(gate);
        Assert.Equal("source", await held);
    }

    [Fact]
    public async Task A_drained_proxy_says_which_of_its_connections_run_what_the_gate_does_not_hold()
    {
        await using var harness = await StartPairAsync();
        await using var other = await BackendConnection.OpenAsync(harness.Client with { Schema = "mysql" }, default);
        await using var locker = await BackendConnection.OpenAsync(ProxyHarness.Admin(await SourceAsync()), default);
        await locker.ExecuteAsync($"SELECT GET_LOCK('{harness.Schema}', 0)", default);
        var running = other.QueryAsync($"SELECT GET_LOCK('{harness.Schema}', 300)", default);
        await ProxyHarness.UntilAsync(() => harness.Proxy.ListSessions().Any(session => session.State == "running"));
        var gate = await harness.HoldAsync("s", "t");
        Assert.Equal([other.Server.ConnectionId], (await harness.WaitAckAsync(gate, ack => ack.Drained)).Busy.Select(id => (uint)id));
        await locker.ExecuteAsync("DO RELEASE_ALL_LOCKS()", default);
        await running;
        await harness.AbandonAsync(gate);
    }

    [Fact]
    public async Task While_a_gate_is_held_a_drained_proxy_says_again_and_again_what_its_connections_are_at()
    {
        await using var harness = await StartPairAsync();
        await using var other = await BackendConnection.OpenAsync(harness.Client with { Schema = "mysql" }, default);
        await harness.SettledAsync();
        var gate = await harness.HoldAsync("s", "t");
        Assert.Empty((await harness.WaitAckAsync(gate, ack => ack.Drained)).Busy);
        await using var locker = await BackendConnection.OpenAsync(ProxyHarness.Admin(await SourceAsync()), default);
        await locker.ExecuteAsync($"SELECT GET_LOCK('{harness.Schema}', 0)", default);
        var running = other.QueryAsync($"SELECT GET_LOCK('{harness.Schema}', 300)", default);

        // Begun after the proxy has drained, so that only a later answer can have it; and gone again, only one later still.
        Assert.Equal([other.Server.ConnectionId], (await harness.WaitAckAsync(gate, ack => !ack.Busy.IsEmpty)).Busy.Select(id => (uint)id));
        await locker.ExecuteAsync("DO RELEASE_ALL_LOCKS()", default);
        await running;
        Assert.True((await harness.WaitAckAsync(gate, ack => ack.Busy.IsEmpty)).Drained);
        await harness.AbandonAsync(gate);
    }

    [Fact]
    public async Task A_held_session_whose_resting_connection_ends_is_not_ended_with_it()
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        Assert.Equal("source", await WhereAsync(client));
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        var held = WhereAsync(client);
        await harness.HeldAsync(1);
        await using (var admin = await BackendConnection.OpenAsync(ProxyHarness.Admin(await SourceAsync()), default))
        {
            await admin.ExecuteAsync($"KILL {client.Server.ConnectionId}", default);
            while ((await ServerProcess.ListAsync(admin, default)).Any(p => p.Id == client.Server.ConnectionId))
            {
                await Task.Delay(5);
            }
        }

        // A session at rest would be ended by this look at it.
        await Assert.Single(harness.Proxy.Sessions.All).TidyAsync(default);
        Assert.False(held.IsCompleted);
        await harness.FlipAsync(gate);
        Assert.Equal("target", await held);
    }

    [Fact]
    public async Task A_statement_held_when_the_proxy_stops_is_answered_when_the_gate_ends()
    {
        await using var harness = await StartPairAsync(new ProxyOptions { Id = "p1", DrainLimit = TimeSpan.FromMinutes(4) });
        await using var idle = await harness.ConnectAsync();
        await using var client = await harness.ConnectAsync();
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        var held = WhereAsync(client);
        await harness.HeldAsync(1);
        var stopping = harness.Proxy.StopAsync();
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            while (true)
            {
                await idle.PingAsync(default);
            }
        });
        await harness.FlipAsync(gate);
        Assert.Equal("target", await held);
        await stopping;
    }

    [Fact]
    public async Task A_transaction_begun_before_the_gate_runs_to_its_end_and_blocks_the_drain_until_then()
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("BEGIN", default);
        await client.ExecuteAsync("INSERT INTO w (client, n) VALUES (1, 1)", default);
        var gate = await harness.HoldAsync("s", "t");
        // The first list may still have its last statement, whose answer is on its way.
        var blocked = await harness.WaitAckAsync(gate, ack => ack.Blockers.Any(blocker => blocker.Reason.Contains("transaction", StringComparison.Ordinal)));
        Assert.False(blocked.Drained);
        await client.ExecuteAsync("INSERT INTO w (client, n) VALUES (1, 2)", default);
        await client.ExecuteAsync("COMMIT", default);
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        await harness.FlipAsync(gate);
        await client.ExecuteAsync("INSERT INTO w (client, n) VALUES (1, 3)", default);
        var (source, target) = await CountAsync(harness);
        Assert.Equal(("2", "1"), (source, target));
    }

    [Fact]
    public async Task A_transaction_begun_while_the_gate_is_up_runs_whole_on_the_new_backend()
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        await client.ExecuteAsync("START TRANSACTION", default);
        var held = client.ExecuteAsync("INSERT INTO w (client, n) VALUES (1, 1)", default);
        await harness.HeldAsync(1);
        Assert.False(held.IsCompleted);
        await harness.FlipAsync(gate);
        await held;
        await client.ExecuteAsync("ROLLBACK", default);
        await client.ExecuteAsync("START TRANSACTION", default);
        await client.ExecuteAsync("INSERT INTO w (client, n) VALUES (1, 2)", default);
        await client.ExecuteAsync("COMMIT", default);
        Assert.Equal(("0", "1"), await CountAsync(harness));
    }

    [Fact]
    public async Task Statements_of_other_schemas_pass()
    {
        await using var harness = await StartPairAsync();
        await using var client = await BackendConnection.OpenAsync(harness.Client with { Schema = null }, default);
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        Assert.NotEqual(0, (await client.QueryAsync("SELECT COUNT(*) FROM information_schema.tables", default)).RowCount);
        Assert.Equal("1", (await client.QueryAsync("SELECT 1", default)).GetString(0, 0));
        await harness.AbandonAsync(gate);
    }

    [Fact]
    public async Task A_gate_past_its_deadline_is_abandoned_and_everything_goes_on_where_it_was()
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        var gate = await harness.HoldAsync("s", "t", deadline: TimeSpan.FromMilliseconds(500));
        var held = WhereAsync(client);
        Assert.Equal("source", await held);
        Assert.Equal(GateState.Abandoned, harness.View.Current.Gates[gate.Id].Value.State);
    }

    [Fact]
    public async Task More_held_statements_than_allowed_abandon_the_gate()
    {
        await using var harness = await StartPairAsync();
        await using var first = await harness.ConnectAsync();
        await using var second = await harness.ConnectAsync();
        var gate = await harness.HoldAsync("s", "t", maxStatements: 1);
        var answers = await Task.WhenAll(WhereAsync(first), WhereAsync(second));
        Assert.Equal(["source", "source"], answers);
        Assert.Equal(GateState.Abandoned, harness.View.Current.Gates[gate.Id].Value.State);
    }

    [Fact]
    public async Task Pinned_sessions_block_and_say_why()
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("CREATE TEMPORARY TABLE tmp (a INT)", default);
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Blockers.Any(blocker => blocker.Reason.Contains("temporary tables", StringComparison.Ordinal)));
        await client.ExecuteAsync("DROP TEMPORARY TABLE tmp", default);
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        await harness.AbandonAsync(gate);
    }

    [Fact]
    public async Task A_view_goes_where_its_tables_are()
    {
        await using var harness = await StartPairAsync();
        foreach (var server in new[] { await SourceAsync(), await TargetAsync() })
        {
            await harness.DirectAsync(server, "CREATE VIEW inner_view AS SELECT name FROM place", "CREATE VIEW outer_view AS SELECT name AS n FROM inner_view");
        }

        await using var client = await harness.ConnectAsync();
        var routing = harness.View.Current.Routing;
        await harness.CommitAsync(harness.Repository.Begin().Put(routing with
        {
            Epoch = routing.Epoch + 1,
            Rules = [new RoutingRule(harness.Schema, "place", "t", "t", "m")],
        }));
        Assert.Equal("target", await WhereAsync(client));
        Assert.Equal("target", (await client.QueryAsync("SELECT n FROM outer_view", default)).GetString(0, 0));
        Assert.Equal("0", (await client.QueryAsync("SELECT COUNT(*) FROM w", default)).GetString(0, 0));
        Assert.Equal("s", harness.Proxy.ListSessions()[0].Backend);
        var refused = await Assert.ThrowsAsync<ServerErrorException>(() => client.QueryAsync("SELECT * FROM w, outer_view", default));
        Assert.Contains($"{harness.Schema}.place", refused.ServerMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Writers_under_load_see_no_error_and_no_write_is_on_the_wrong_side()
    {
        const int Clients = 8;
        await using var harness = await StartPairAsync();
        using var stop = new CancellationTokenSource();
        var acknowledged = new ConcurrentDictionary<int, int>();
        var writers = Enumerable.Range(0, Clients).Select(client => WriteAsync(harness, client, acknowledged, stop.Token)).ToArray();
        Task Enough(int each) => ProxyHarness.UntilAsync(() => writers.Any(writer => writer.IsCompleted) || (acknowledged.Count == Clients && acknowledged.Values.Min() >= each));
        await Enough(10);
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        var before = await CountAsync(harness);
        await harness.FlipAsync(gate);
        await harness.WaitAckAsync(gate, ack => ack.Released);
        await Enough(acknowledged.Values.Max() + 10);
        await stop.CancelAsync();
        await Task.WhenAll(writers);
        var (source, target) = await CountAsync(harness);
        Assert.Equal(before.Source, source);
        Assert.Equal("0", before.Target);
        Assert.Equal(acknowledged.Values.Sum(), int.Parse(source!) + int.Parse(target!));
        foreach (var server in new[] { await SourceAsync(), await TargetAsync() })
        {
            Assert.Equal("0", await harness.ScalarAsync(server, "SELECT COUNT(*) - COUNT(DISTINCT client, n) FROM w"));
        }
    }

    private static async Task WriteAsync(ProxyHarness harness, int number, ConcurrentDictionary<int, int> acknowledged, CancellationToken stop)
    {
        await using var client = await harness.ConnectAsync(CancellationToken.None);
        await using var prepared = await client.PrepareAsync("INSERT INTO w (client, n) VALUES (?, ?)", default);
        for (var n = 1; !stop.IsCancellationRequested; n++)
        {
            switch (n % 3)
            {
                case 0:
                    await client.ExecuteAsync("BEGIN", default);
                    await client.ExecuteAsync($"INSERT INTO w (client, n) VALUES ({number}, {n})", default);
                    await client.QueryAsync("SELECT COUNT(*) FROM w", default);
                    await client.ExecuteAsync("COMMIT", default);
                    break;
                case 1:
                    await prepared.ExecuteAsync([number, n], default);
                    break;
                default:
                    await client.ExecuteAsync($"INSERT INTO w (client, n) VALUES ({number}, {n})", default);
                    break;
            }

            acknowledged[number] = n;
        }
    }

    private static Task<LabServer> SourceAsync() => LabServer.SharedAsync("mariadb-10.11", "source");

    private static Task<LabServer> TargetAsync() => LabServer.SharedAsync("mariadb-10.11", "target");

    private static async Task<ProxyHarness> StartPairAsync(ProxyOptions? options = null)
    {
        var harness = await ProxyHarness.StartAsync(options ?? new ProxyOptions { Id = "p1", LoginTimeout = TimeSpan.FromMinutes(1) }, ("s", await SourceAsync()), ("t", await TargetAsync()));
        string[] tables =
        [
            "CREATE TABLE w (id INT PRIMARY KEY AUTO_INCREMENT, client INT, n INT)",
            "CREATE TABLE place (name VARCHAR(10) PRIMARY KEY)",
        ];
        await harness.DirectAsync(await SourceAsync(), [.. tables, "INSERT INTO place VALUES ('source')"]);
        await harness.DirectAsync(await TargetAsync(), [.. tables, "INSERT INTO place VALUES ('target')"]);
        await harness.RouteAsync("s", "s");
        return harness;
    }

    private static async Task<string> WhereAsync(BackendConnection client) => (await client.QueryAsync("SELECT name FROM place", default)).GetString(0, 0);

    private static async Task<(string? Source, string? Target)> CountAsync(ProxyHarness harness) => (
        await harness.ScalarAsync(await SourceAsync(), "SELECT COUNT(*) FROM w"),
        await harness.ScalarAsync(await TargetAsync(), "SELECT COUNT(*) FROM w"));
}
