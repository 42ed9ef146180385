using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Hostile;

/// <summary>A backend that answers against the protocol: it is named, its client is not blamed, and nobody else is concerned.</summary>
[Trait("Category", "Integration")]
public sealed class LyingBackendTests
{
    private const int Malformed = 1835;
    private const int Refused = 1105;

    /// <summary>Another packet, its head only, one that ends within its numbers, and an ERR packet cut short.</summary>
    public static TheoryData<byte[]> NoAnswers => new()
    {
        new byte[] { 0x05, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 },
        new byte[] { 0x00 },
        new byte[] { 0x00, 1, 0, 0, 0, 1 },
        new byte[] { 0xFF, 0x01 },
    };

    [Theory]
    [MemberData(nameof(NoAnswers))]
    public async Task A_malformed_answer_to_a_prepare_is_the_backends_fault_and_not_its_clients(byte[] answer)
    {
        await using var scene = await Scene.StartAsync();
        scene.Wire.Answer(CommandKind.StatementPrepare, answer);
        await scene.Harness.RouteAsync("w", "w");
        await using var client = await scene.Harness.ConnectAsync();
        Blames(await Assert.ThrowsAsync<ServerErrorException>(() => client.PrepareAsync("SELECT a FROM t", default)));
        await EndsAsync(client);
        await scene.OthersAreServedAsync();
    }

    [Theory]
    [MemberData(nameof(NoAnswers))]
    public async Task A_malformed_answer_to_a_prepare_that_the_client_has_not_asked_for_is_the_backends_fault_too(byte[] answer)
    {
        await using var scene = await Scene.StartAsync();
        await using var client = await scene.Harness.ConnectAsync();
        await using var prepared = await client.PrepareAsync("SELECT a FROM t", default);
        await prepared.ExecuteAsync([], default);
        scene.Wire.Answer(CommandKind.StatementPrepare, answer);
        await scene.Harness.RouteAsync("w", "w");

        // Prepared anew there, behind the client's back.
        Blames(await Assert.ThrowsAsync<ServerErrorException>(() => prepared.ExecuteAsync([], default)));
        await EndsAsync(client);
        await scene.OthersAreServedAsync();
    }

    [Fact]
    public async Task A_malformed_answer_while_a_connection_is_made_ready_ahead_costs_the_session_nothing()
    {
        await using var scene = await Scene.StartAsync();
        await using var client = await scene.Harness.ConnectAsync();
        await using var prepared = await client.PrepareAsync("SELECT a FROM t", default);
        scene.Wire.Answer(CommandKind.StatementPrepare, [0x05, 0, 0]);
        await scene.Harness.CommitAsync(scene.Harness.Repository.Begin().Put(new WarmRequest("w", "m", "w")));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        var warmed = await scene.Harness.View.WaitAsync(state => state.WarmAcks.ContainsKey(("w", "p1")), limit.Token);
        Assert.Contains("Backend 'w' broke the protocol", Assert.Single(warmed.WarmAcks[("w", "p1")].Failures).Reason, StringComparison.Ordinal);
        await prepared.ExecuteAsync([], default);

        scene.Wire.Answer(CommandKind.StatementPrepare, null);
        await scene.Harness.RouteAsync("w", "w");
        await prepared.ExecuteAsync([], default);
        Assert.Empty(scene.Harness.Errors);
    }

    [Theory]
    [InlineData(new byte[] { 0x0A })]
    [InlineData(new byte[] { 0x09, 1, 2, 3 })]
    public async Task A_malformed_greeting_is_said_of_the_backend_and_the_session_goes_on_where_it_was(byte[] greeting)
    {
        await using var scene = await Scene.StartAsync();
        await using var client = await scene.Harness.ConnectAsync();
        scene.Wire.Greet(greeting);
        await scene.Harness.RouteAsync("w", "w");
        var error = await Assert.ThrowsAsync<ServerErrorException>(() => client.QueryAsync("SELECT a FROM t", default));
        Assert.NotEqual(Malformed, error.Code);
        Assert.Contains("backend 'w': it broke the protocol", error.ServerMessage, StringComparison.Ordinal);
        await scene.Harness.RouteAsync("s", "s");
        Assert.Equal(0, (await client.QueryAsync("SELECT a FROM t", default)).RowCount);
        Assert.Empty(scene.Harness.Errors);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_malformed_greeting_of_a_backend_that_nobody_has_met_yet_is_said_of_it_too(bool atLogin)
    {
        await using var scene = await Scene.StartAsync();
        await using var client = await scene.Harness.ConnectAsync();
        scene.Wire.Greet([0x09, 1, 2, 3]);
        var backends = scene.Harness.View.Current.Backends;
        await scene.Harness.CommitAsync(scene.Harness.Repository.Begin().Put(new Backend("unmet", backends["w"].Dsn)));
        ServerErrorException error;
        if (atLogin)
        {
            foreach (var name in new[] { "unmet", "w" })
            {
                var routing = scene.Harness.View.Current.Routing;
                await scene.Harness.CommitAsync(scene.Harness.Repository.Begin().Put(new RoutingTable(routing.Epoch + 1, name, [])));
                error = await Assert.ThrowsAsync<ServerErrorException>(() => scene.Harness.ConnectAsync());
                Assert.Contains($"backend '{name}': it broke the protocol", error.ServerMessage, StringComparison.Ordinal);
            }
        }
        else
        {
            await scene.Harness.RouteAsync("unmet", "unmet");
            error = await Assert.ThrowsAsync<ServerErrorException>(() => client.QueryAsync("SELECT a FROM t", default));
            Assert.NotEqual(Malformed, error.Code);
            Assert.Contains("backend 'unmet': it broke the protocol", error.ServerMessage, StringComparison.Ordinal);
        }

        Assert.Empty(scene.Harness.Errors);
    }

    private static void Blames(ServerErrorException error)
    {
        Assert.Equal(Refused, error.Code);
        Assert.Contains("Backend 'w' broke the protocol", error.ServerMessage, StringComparison.Ordinal);
    }

    /// <summary>What its backend has left of the session cannot be trusted.</summary>
    private static async Task EndsAsync(BackendConnection client) => await Assert.ThrowsAsync<BackendUnavailableException>(() => client.PingAsync(default));

    /// <summary>A proxy before a server, and the same server over a wire that lies.</summary>
    private sealed class Scene(ProxyHarness harness, LyingWire wire) : IAsyncDisposable
    {
        public ProxyHarness Harness => harness;

        public LyingWire Wire => wire;

        public static async Task<Scene> StartAsync()
        {
            var server = await LabServer.SharedAsync("mariadb-10.11", "source");
            var wire = new LyingWire(server.Port);
            var harness = await ProxyHarness.StartAsync(("s", server));
            await harness.DirectAsync(server, "CREATE TABLE t (a INT)");
            await harness.CommitAsync(harness.Repository.Begin().Put(new Backend("w", (ProxyHarness.Admin(server) with { Port = wire.Port, SslMode = SslMode.Disabled }).ToDsn())));
            await harness.RouteAsync("s", "s");
            return new Scene(harness, wire);
        }

        public async Task OthersAreServedAsync()
        {
            wire.Answer(CommandKind.StatementPrepare, null);
            await using var other = await harness.ConnectAsync();
            await using var prepared = await other.PrepareAsync("SELECT a FROM t", default);
            await prepared.ExecuteAsync([], default);
            Assert.Empty(harness.Errors);
        }

        public async ValueTask DisposeAsync()
        {
            await harness.DisposeAsync();
            await wire.DisposeAsync();
        }
    }
}
