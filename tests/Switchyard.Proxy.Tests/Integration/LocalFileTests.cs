using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>LOAD DATA LOCAL: where the client's file ends, and what becomes of one that does not.</summary>
[Trait("Category", "Integration")]
public sealed class LocalFileTests
{
    [Theory]
    [InlineData(Capabilities.None)]
    [InlineData(Capabilities.Compress)]
    public async Task A_file_sent_in_packets_of_full_length_is_loaded_whole(Capabilities extra)
    {
        var server = await WideServers.GetAsync("mariadb-10.11");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, "CREATE TABLE c (a LONGTEXT)");
        await using var client = await WireClient.OpenAsync(harness.Client, extra);
        client.LocalFile = [.. Enumerable.Repeat((byte)'x', PacketLimits.MaxPayload - 1), (byte)'\n'];
        await client.QueryAsync("LOAD DATA LOCAL INFILE 'x' INTO TABLE c");
        Assert.Equal(0, client.ErrorCode);
        Assert.Equal($"{PacketLimits.MaxPayload - 1}", await harness.ScalarAsync(server, "SELECT SUM(LENGTH(a)) FROM c"));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_client_that_stands_still_within_its_file_is_ended_when_the_server_ends_it(string name)
    {
        var server = await WideServers.GetAsync(name);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, "CREATE TABLE c (a TEXT)");
        await using var client = await WireClient.OpenAsync(harness.Client, Capabilities.None);
        await client.QueryAsync("SET net_read_timeout = 1");
        await client.SendAsync(CommandKind.Query, "LOAD DATA LOCAL INFILE 'x' INTO TABLE c"u8.ToArray());
        await ProxyHarness.UntilAsync(() => harness.Proxy.SessionCount == 0);
        Assert.Empty(harness.Errors);
    }
}
