using System.Net;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Sockets;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire;
using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>A leg given up at whatever point of its opening leaves nothing open, on its loop or at the server.</summary>
[Trait("Category", "Integration")]
public sealed class LegLeakTests
{
    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(5)).Token;

    [Theory]
    [InlineData("mariadb-10.11", SslMode.Disabled)]
    [InlineData("mariadb-11.8", SslMode.Required)]
    [InlineData("mysql-9.7", SslMode.Disabled)]
    [InlineData("mysql-9.7", SslMode.Required)]
    public async Task A_leg_cancelled_at_any_point_of_the_servers_answers_leaves_no_socket(string name, SslMode mode)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var wire = new StallingWire(server.Port);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.CommitAsync(harness.Repository.Begin().Put(new Backend("w", Through(wire, server, mode))));
        var profiles = new BackendProfiles(harness.View);
        var profile = await profiles.GetAsync("w", _limit);
        await ProxyHarness.UntilAsync(() => wire.Open == 0);
        using var loop = new EventLoop("test loop");
        foreach (var isGreeted in new[] { false, true })
        {
            var points = 0;
            while (!await OpensBeforeAsync(points))
            {
                Assert.Equal(0, loop.Count);
                await ProxyHarness.UntilAsync(() => wire.Open == 0);
                points++;
            }

            // Its greeting, the answer to its login and its account's name, at least.
            Assert.True(points >= 3, $"The server's answers came in {points} pieces.");
            Assert.Equal(0, loop.Count);

            async Task<bool> OpensBeforeAsync(int letThrough)
            {
                using var cancelling = CancellationTokenSource.CreateLinkedTokenSource(_limit);
                var stall = wire.Arm(letThrough);
                var opening = OpenAsync(new LegOpener(profiles, harness.Repository, "test"), profile, loop, isGreeted, cancelling.Token);
                if (await Task.WhenAny(opening, stall.Reached) == opening)
                {
                    await (await opening).DisposeAsync();
                    return true;
                }

                await cancelling.CancelAsync();
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => opening);
                return false;
            }
        }
    }

    [Fact]
    public async Task A_leg_whose_client_leaves_while_it_is_opened_ahead_is_closed()
    {
        await using var scene = await Scene.StartAsync();
        await using (await scene.ConnectAndStallAsync())
        {
            Assert.Equal(1, scene.Wire.Open);
        }

        await ProxyHarness.UntilAsync(() => scene.Wire.Open == 0 && scene.Harness.Proxy.SessionCount == 0);
    }

    [Fact]
    public async Task A_leg_overtaken_by_one_that_a_statement_needed_is_closed()
    {
        await using var scene = await Scene.StartAsync();
        await using var client = await scene.ConnectAndStallAsync();
        await scene.Harness.RouteAsync("w", "w");
        var id = (await client.QueryAsync("SELECT CONNECTION_ID()", _limit)).GetString(0, 0);
        Assert.Equal(2, scene.Wire.Open);
        scene.Stall.GoOn();
        await ProxyHarness.UntilAsync(() => scene.Wire.Open == 1);
        Assert.Equal(id, (await client.QueryAsync("SELECT CONNECTION_ID()", _limit)).GetString(0, 0));
    }

    [Fact]
    public async Task A_leg_opened_ahead_for_a_user_that_is_another_by_now_is_closed()
    {
        await using var scene = await Scene.StartAsync();
        await using var client = await scene.ConnectAndStallAsync();
        await client.ChangeUserAsync(scene.Harness.Client, _limit);
        Assert.Equal(1, scene.Wire.Open);
        scene.Stall.GoOn();
        await ProxyHarness.UntilAsync(() => scene.Wire.Open == 0);
        await client.PingAsync(_limit);
    }

    private static string Through(StallingWire wire, LabServer server, SslMode mode) =>
        (ProxyHarness.Admin(server) with { Port = wire.Port, SslMode = mode }).ToDsn();

    private static async Task<BackendLeg> OpenAsync(LegOpener opener, BackendProfile profile, EventLoop loop, bool isGreeted, CancellationToken cancellationToken)
    {
        var account = new Account(ProxyHarness.AppUser, "%", [], AccountTls.None);
        var proof = new ClientProof
        {
            User = account.User,
            Account = account,
            Candidates = [account],
            Client = new ClientHost(IPAddress.Loopback, "localhost"),
            Plugin = AuthPlugins.ClearPassword,
            Password = ProxyHarness.AppPassword,
        };
        var terms = new LegTerms(IPAddress.Loopback, Capabilities.DeprecateEof, ConnectionOptions.Utf8Mb4Collation, [], 1) { Loop = loop };
        var greeted = isGreeted ? await GreetedConnection.ConnectAsync(profile.Options with { Dialer = loop }, cancellationToken) : null;
        return await opener.OpenAsync(profile.Name, proof, terms, checkIdentity: true, greeted, cancellationToken);
    }

    /// <summary>A proxy whose sessions write on one server and read on another, to which there is a wire.</summary>
    private sealed class Scene(ProxyHarness harness, StallingWire wire) : IAsyncDisposable
    {
        public ProxyHarness Harness => harness;

        public StallingWire Wire => wire;

        public StallingWire.Stall Stall { get; private set; } = null!;

        public static async Task<Scene> StartAsync()
        {
            var s = await LabServer.SharedAsync("mariadb-10.11", "source");
            var t = await LabServer.SharedAsync("mariadb-10.11", "target");
            var wire = new StallingWire(t.Port);
            var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
            await harness.DirectAsync(s, "CREATE TABLE t (a INT)");
            await harness.CommitAsync(harness.Repository.Begin().Put(new Backend("w", Through(wire, t, SslMode.Disabled))));
            await harness.RouteAsync("s", "w");
            return new Scene(harness, wire);
        }

        /// <summary>A client whose first read has the proxy open a leg to the reading side, which is kept behind the server's greeting.</summary>
        public async Task<BackendConnection> ConnectAndStallAsync()
        {
            // Its login asks the backend behind the wire for its profile.
            var client = await harness.ConnectAsync();
            await ProxyHarness.UntilAsync(() => wire.Open == 0);
            Stall = wire.Arm(letThrough: 1);
            await client.QueryAsync("SELECT a FROM t", default);
            await Stall.Reached;
            return client;
        }

        public async ValueTask DisposeAsync()
        {
            await harness.DisposeAsync();
            await wire.DisposeAsync();
        }
    }
}
