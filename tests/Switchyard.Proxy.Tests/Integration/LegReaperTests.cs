using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A connection that a client left running is ended, and no other: a server that begins anew gives the same ids to others.</summary>
[Trait("Category", "Integration")]
public sealed class LegReaperTests
{
    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_connection_of_another_that_has_got_the_id_of_one_left_running_lives_on(string name)
    {
        await using var server = await LabServer.StartAsync(name);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, "CREATE TABLE t (id INT PRIMARY KEY)");
        var restarted = new TaskCompletionSource();
        using var point = FaultPoints.Arm("proxy.reap.before", async cancellationToken => await restarted.Task.WaitAsync(cancellationToken));
        await using var client = await harness.ConnectAsync();
        var id = (ulong)(await client.QueryAsync("SELECT CONNECTION_ID()", default)).GetInt64(0, 0);
        var running = client.QueryAsync("SELECT SLEEP(1000)", default);
        await ProxyHarness.UntilAsync(() => harness.Proxy.ListSessions().Any(session => session.State == "running"));
        await server.KillAsync();
        await Assert.ThrowsAsync<BackendUnavailableException>(() => running);
        await server.RestartAsync();
        var others = new List<BackendConnection>();
        do
        {
            others.Add(await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default));
        }
        while (others[^1].Server.ConnectionId < id);

        Assert.Contains(others, other => other.Server.ConnectionId == id);
        var gate = await harness.HoldAsync("s", "s");
        await harness.WaitAckAsync(gate, ack => !ack.Drained && ack.Blockers.Any(blocker => blocker.Reason.Contains($"connection {id} ", StringComparison.Ordinal)));
        restarted.SetResult();
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        foreach (var other in others)
        {
            Assert.Equal(1, (await other.QueryAsync("SELECT 1", default)).GetInt64(0, 0));
            await other.DisposeAsync();
        }
    }

    [Fact]
    public async Task What_a_client_left_running_is_ended()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, "CREATE TABLE t (id INT PRIMARY KEY)");
        await using (var client = await harness.ConnectAsync())
        {
            _ = client.QueryAsync("INSERT INTO t SELECT SLEEP(1000)", default);
            await ProxyHarness.UntilAsync(() => harness.Proxy.ListSessions().Any(session => session.State == "running"));
        }

        var gate = await harness.HoldAsync("s", "s");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        await using var other = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        Assert.DoesNotContain(await ServerProcess.ListAsync(other, default), process => process.Schema == harness.Schema && process.Command != "Sleep");
    }
}
