using System.Text;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Commands that servers never answer are not answered by the proxy either, whatever becomes of them: a client would take the answer for the next command's.</summary>
[Trait("Category", "Integration")]
public sealed class UnansweredCommandTests
{
    [Fact]
    public async Task A_value_that_finds_no_membership_is_told_of_at_its_execution()
    {
        await using var harness = await StartAsync(new ProxyOptions { Id = "p1", LeaseTimeToLive = TimeSpan.FromSeconds(5), HoldLimit = TimeSpan.FromSeconds(3) });
        await using var client = await WireClient.OpenAsync(harness.Client, Capabilities.None);
        var id = await PrepareAsync(client);
        harness.Store.IsDown = true;
        do
        {
            await client.QueryAsync("SELECT COUNT(*) FROM t");
        }
        while (client.ErrorCode == 0);

        Assert.Equal(1105, client.ErrorCode);
        await SendPartAsync(client, id);
        await client.CommandAsync(CommandKind.Ping, default);
        Assert.Equal(0, client.ErrorCode);
        harness.Store.IsDown = false;
        await ExpectRefusedUntilResetAsync(harness, client, id, 1105);
    }

    [Fact]
    public async Task A_value_whose_wait_at_a_gate_is_interrupted_is_told_of_at_its_execution()
    {
        await using var harness = await StartAsync(new ProxyOptions { Id = "p1" });
        await using var client = await WireClient.OpenAsync(harness.Client, Capabilities.None);
        await using var killer = await BackendConnection.OpenAsync(harness.Client with { Schema = null }, default);
        var id = await PrepareAsync(client);
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        await SendPartAsync(client, id);
        await harness.HeldAsync(1);
        await killer.ExecuteAsync($"KILL QUERY {harness.Proxy.ListSessions().Single(session => session.State == "held").ConnectionId}", default);
        await client.CommandAsync(CommandKind.Ping, default);
        Assert.Equal(0, client.ErrorCode);
        await harness.AbandonAsync(gate);
        await ExpectRefusedUntilResetAsync(harness, client, id, 1317);
    }

    private static async Task ExpectRefusedUntilResetAsync(ProxyHarness harness, WireClient client, uint id, ushort code)
    {
        // One parameter, sent ahead: its type, and no value in the packet.
        var execution = WireScript.Id(id, [0, 1, 0, 0, 0, 0, 1, (byte)ColumnType.Blob, 0]);
        for (var i = 0; i < 2; i++)
        {
            await client.CommandAsync(CommandKind.StatementExecute, execution);
            Assert.Equal(code, client.ErrorCode);
        }

        await client.CommandAsync(CommandKind.StatementReset, WireScript.Id(id, []));
        Assert.Equal(0, client.ErrorCode);
        do
        {
            // The proxy may not be a member again yet.
            await client.QueryAsync("SELECT COUNT(*) FROM t");
        }
        while (client.ErrorCode != 0);

        await SendPartAsync(client, id);
        await client.CommandAsync(CommandKind.StatementExecute, execution);
        Assert.Equal(0, client.ErrorCode);
        await client.SendAsync(CommandKind.StatementClose, WireScript.Id(id, []));
        await client.CommandAsync(CommandKind.Ping, default);
        Assert.Equal(0, client.ErrorCode);
        await using var reader = await harness.ConnectAsync();
        Assert.Equal("part", (await reader.QueryAsync("SELECT GROUP_CONCAT(b) FROM t", default)).GetString(0, 0));
    }

    private static async Task<ProxyHarness> StartAsync(ProxyOptions options)
    {
        var s = await LabServer.SharedAsync("mariadb-10.11", "source");
        var t = await LabServer.SharedAsync("mariadb-10.11", "target");
        var harness = await ProxyHarness.StartAsync(options, ("s", s), ("t", t));
        await harness.DirectAsync(s, "CREATE TABLE t (b BLOB)");
        await harness.RouteAsync("s", "s");
        return harness;
    }

    private static async Task<uint> PrepareAsync(WireClient client)
    {
        await client.CommandAsync(CommandKind.StatementPrepare, "INSERT INTO t VALUES (?)"u8.ToArray(), ResponseShape.Prepared);
        return client.Prepared[^1];
    }

    private static Task SendPartAsync(WireClient client, uint id) =>
        client.SendAsync(CommandKind.StatementSendLongData, WireScript.Id(id, [0, 0, .. Encoding.ASCII.GetBytes("part")]));
}
