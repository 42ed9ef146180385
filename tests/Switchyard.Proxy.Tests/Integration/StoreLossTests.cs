using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A proxy that cannot reach the topology's store never guesses.</summary>
[Trait("Category", "Integration")]
public sealed class StoreLossTests
{
    private static readonly ProxyOptions s_shortLease = new() { Id = "p1", LeaseTimeToLive = TimeSpan.FromSeconds(1.5) };

    [Fact]
    public async Task Without_its_membership_a_proxy_holds_tables_of_migrations_and_serves_others()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        Assert.Equal("1", await ReadAsync(client));
        harness.Store.IsDown = true;
        var held = await HeldAsync(harness, client);
        await using var other = await BackendConnection.OpenAsync(harness.Client with { Schema = "mysql" }, default);
        Assert.Equal("1", (await other.QueryAsync("SELECT 1", default)).GetString(0, 0));
        harness.Store.IsDown = false;
        Assert.Equal("1", await held);
    }

    [Fact]
    public async Task A_proxy_has_a_trace_in_the_store_until_it_ends_in_good_order()
    {
        await using var harness = await StartAsync(new ProxyOptions { Id = "p1" });
        Assert.Equal("p1", Assert.Single(await harness.Repository.ListProxyTracesAsync()).Value.Id);
        await harness.Proxy.StopAsync();
        Assert.Empty(await harness.Repository.ListProxyTracesAsync());
    }

    [Fact]
    public async Task Traces_of_dead_proxies_age_from_when_they_were_missed_and_those_of_living_ones_do_not()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        var (now, longAgo) = (TimeProvider.System.GetUtcNow(), TimeProvider.System.GetUtcNow().AddDays(-40));
        await harness.Repository.Begin()
            .PutValue(TopologyKeys.ProxyTrace("p1"), new ProxyTrace("p1", longAgo))
            .PutValue(TopologyKeys.ProxyTrace("dead"), new ProxyTrace("dead", longAgo))
            .PutValue(TopologyKeys.ProxyTrace("forgotten"), new ProxyTrace("forgotten", longAgo) { MissedSince = longAgo })
            .CommitAsync();
        harness.Store.IsDown = true;
        var held = await HeldAsync(harness, client);
        harness.Store.IsDown = false;
        Assert.Equal("1", await held);
        var traces = (await harness.Repository.ListProxyTracesAsync()).ToDictionary(trace => trace.Value.Id, trace => trace.Value);
        Assert.Equal(["dead", "p1"], traces.Keys.Order(StringComparer.Ordinal));
        Assert.True(traces["p1"].StartedAt >= now && traces["p1"].MissedSince is null);
        Assert.True(traces["dead"].MissedSince >= now);
    }

    [Fact]
    public async Task Past_the_deadline_without_the_store_statements_stay_held_until_it_says_abandoned()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        var (gate, held) = await CutOffBeforeTheDeadlineAsync(harness, client, TimeSpan.FromSeconds(1));
        var refused = harness.Store.RefusedCommits;
        await ProxyHarness.UntilAsync(() => TimeProvider.System.GetUtcNow() > gate.Deadline && harness.Store.RefusedCommits > refused + 1);
        Assert.Equal(GateState.Held, harness.View.Current.Gates[gate.Id].Value.State);
        Assert.False(held.IsCompleted);
        harness.Store.IsDown = false;
        Assert.Equal("1", await held);
        Assert.Equal(GateState.Abandoned, harness.View.Current.Gates[gate.Id].Value.State);
    }

    [Fact]
    public async Task Long_past_the_deadline_without_the_store_a_held_statement_gets_an_error_and_is_not_run()
    {
        await using var harness = await StartAsync(s_shortLease with { HoldLimit = TimeSpan.FromSeconds(2) });
        await using var client = await harness.ConnectAsync();
        var (gate, held) = await CutOffBeforeTheDeadlineAsync(harness, client, TimeSpan.FromSeconds(1));
        foreach (var read in (Func<Task<string>>[])[() => held, () => ReadAsync(client)])
        {
            var error = await Assert.ThrowsAsync<ServerErrorException>(read);
            Assert.Equal(1105, error.Code);
            Assert.Contains("the statement was not run", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal(GateState.Held, harness.View.Current.Gates[gate.Id].Value.State);
        harness.Store.IsDown = false;
        await harness.View.WaitAsync(state => state.Gates[gate.Id].Value.State == GateState.Abandoned, default);
        Assert.Equal("1", (await client.QueryAsync("SELECT 1", default)).GetString(0, 0));
    }

    /// <summary>A drained gate and a statement it holds, with the store gone before the deadline: on a busy machine that takes a later one.</summary>
    private static async Task<(Gate Gate, Task<string> Held)> CutOffBeforeTheDeadlineAsync(ProxyHarness harness, BackendConnection client, TimeSpan deadline)
    {
        var gate = await harness.HoldAsync("s", "t", deadline);
        await harness.View.WaitAsync(state => state.Gates[gate.Id].Value.State != GateState.Held || (state.GateAcks.TryGetValue((gate.Id, "p1"), out var ack) && ack.Drained), default);
        harness.Store.IsDown = true;
        var read = ReadAsync(client);
        await ProxyHarness.UntilAsync(() => read.IsCompleted || harness.Proxy.ListSessions().Any(session => session.State == "held"));
        if (TimeProvider.System.GetUtcNow() < gate.Deadline && !read.IsCompleted)
        {
            return (gate, read);
        }

        harness.Store.IsDown = false;
        Assert.Equal("1", await read);
        return await CutOffBeforeTheDeadlineAsync(harness, client, deadline * 2);
    }

    /// <summary>Reads until a read is held: then the membership has been found lost.</summary>
    private static async Task<Task<string>> HeldAsync(ProxyHarness harness, BackendConnection client)
    {
        while (true)
        {
            var read = ReadAsync(client);
            await ProxyHarness.UntilAsync(() => read.IsCompleted || harness.Proxy.ListSessions().Any(session => session.State == "held"));
            if (!read.IsCompleted)
            {
                return read;
            }

            await read;
        }
    }

    private static async Task<string> ReadAsync(BackendConnection client) => (await client.QueryAsync("SELECT a FROM t", default)).GetString(0, 0);

    private static async Task<ProxyHarness> StartAsync(ProxyOptions? options = null)
    {
        var s = await LabServer.SharedAsync("mariadb-10.11", "source");
        var t = await LabServer.SharedAsync("mariadb-10.11", "target");
        var harness = await ProxyHarness.StartAsync(options ?? s_shortLease, ("s", s), ("t", t));
        await harness.DirectAsync(s, "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)");
        await harness.RouteAsync("s", "s");
        return harness;
    }
}
