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
        var held = await HeldAsync(client);
        await using var other = await BackendConnection.OpenAsync(harness.Client with { Schema = "mysql" }, default);
        Assert.Equal("1", (await other.QueryAsync("SELECT 1", default)).GetString(0, 0));
        harness.Store.IsDown = false;
        Assert.Equal("1", await held);
    }

    [Fact]
    public async Task Past_the_deadline_without_the_store_statements_stay_held_until_it_says_abandoned()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        var gate = await harness.HoldAsync("s", "t", deadline: TimeSpan.FromSeconds(1));
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        harness.Store.IsDown = true;
        var held = ReadAsync(client);
        await Assert.ThrowsAsync<TimeoutException>(() => held.WaitAsync(TimeSpan.FromSeconds(2)));
        Assert.Equal(GateState.Held, harness.View.Current.Gates[gate.Id].Value.State);
        harness.Store.IsDown = false;
        Assert.Equal("1", await held);
        Assert.Equal(GateState.Abandoned, harness.View.Current.Gates[gate.Id].Value.State);
    }

    /// <summary>Reads until a read does not come back: then the membership has been found lost.</summary>
    private static async Task<Task<string>> HeldAsync(BackendConnection client)
    {
        while (true)
        {
            var read = ReadAsync(client);
            if (await Task.WhenAny(read, Task.Delay(TimeSpan.FromMilliseconds(500))) != read)
            {
                return read;
            }

            await read;
        }
    }

    private static async Task<string> ReadAsync(BackendConnection client) => (await client.QueryAsync("SELECT a FROM t", default)).GetString(0, 0);

    private static async Task<ProxyHarness> StartAsync()
    {
        var s = await LabServer.SharedAsync("mariadb-10.11", "source");
        var t = await LabServer.SharedAsync("mariadb-10.11", "target");
        var harness = await ProxyHarness.StartAsync(s_shortLease, ("s", s), ("t", t));
        await harness.DirectAsync(s, "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1)");
        await harness.RouteAsync("s", "s");
        return harness;
    }
}
