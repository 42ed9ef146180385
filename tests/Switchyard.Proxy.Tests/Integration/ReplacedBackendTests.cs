using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Another server behind a backend's address: updated in its place, or put there instead.</summary>
[Trait("Category", "Integration")]
public sealed class ReplacedBackendTests
{
    [Theory]
    [InlineData("mariadb-10.5", "mariadb-11.8")]
    [InlineData("mariadb-11.8", "mariadb-10.5")]
    public async Task A_client_is_greeted_as_by_the_server_that_answers_now(string before, string after)
    {
        var (old, replacement) = (await LabServer.SharedAsync(before, "source"), await LabServer.SharedAsync(after, "target"));
        await using var wire = new StallingWire(old.Port);
        await using var harness = await ProxyHarness.StartAsync(("s", old), ("unused", replacement));
        await PutBehindAsync(harness, "s", wire, except: "unused");
        foreach (var server in new[] { old, replacement })
        {
            wire.ServerPort = server.Port;
            await using var direct = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
            await using var client = await harness.ConnectAsync();
            Assert.Equal(direct.Server.VersionString, client.Server.VersionString);
            Assert.Equal(direct.Server.Capabilities & OfferedCapabilities.Relayed, client.Server.Capabilities & OfferedCapabilities.Relayed);
            Assert.EndsWith((await client.QueryAsync("SELECT VERSION()", default)).GetString(0, 0), direct.Server.VersionString, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_the_other_side_lacks_since_it_was_replaced_is_not_offered_once_a_session_has_met_it()
    {
        var (source, old) = (await LabServer.SharedAsync("mariadb-11.8", "source"), await LabServer.SharedAsync("mariadb-11.8", "target"));
        var replacement = await LabServer.SharedAsync("mariadb-10.5", "target");
        await using var wire = new StallingWire(old.Port);
        await using var harness = await ProxyHarness.StartAsync(("s", source), ("t", old), ("unused", replacement));
        await harness.DirectAsync(replacement, "CREATE TABLE t (id INT PRIMARY KEY)");
        await PutBehindAsync(harness, "t", wire, except: "unused");
        await using var first = await WireClient.OpenAsync(harness.Client, OfferedCapabilities.Relayed);
        wire.ServerPort = replacement.Port;
        await harness.RouteAsync("t", "t");
        await first.QueryAsync("SELECT COUNT(*) FROM t");
        Assert.Equal(ConnectAgain, first.ErrorCode);
        await using var next = await WireClient.OpenAsync(harness.Client, OfferedCapabilities.Relayed);
        await next.QueryAsync("SELECT COUNT(*) FROM t");
        Assert.Equal(0, next.ErrorCode);
    }

    /// <summary>The backend cannot be reached by this session.</summary>
    private const int ConnectAgain = 1429;

    /// <summary>By the application's account, which is the same on every server.</summary>
    private static Task PutBehindAsync(ProxyHarness harness, string backend, StallingWire wire, string except) => harness.CommitAsync(
        harness.Repository.Begin()
            .Put(new Backend(backend, $"mysql://{ProxyHarness.AppUser}:{ProxyHarness.AppPassword}@127.0.0.1:{wire.Port}/"))
            .Delete(TopologyKeys.Backend(except)));
}
