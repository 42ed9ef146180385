using System.Collections.Immutable;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>A proxy in front of real servers, with the part of a migration that commits to the topology played by the test.</summary>
internal sealed class ProxyHarness : IAsyncDisposable
{
    public const string AppUser = "app";
    public const string AppPassword = "app-password";

    /// <summary>Only what never comes takes this long, however busy the machine is.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("switchyard-proxy-test");
    private readonly ErrorLog _errors = new();
    private readonly ILoggerFactory _loggers;

    private ProxyHarness() => _loggers = LoggerFactory.Create(logging => logging.AddProvider(_errors));

    /// <summary>What the proxy has logged as errors: its own defects, and stores that fail.</summary>
    public IReadOnlyList<string> Errors => _errors.Lines;

    public FlakyStore Store { get; private set; } = null!;

    public TopologyRepository Repository { get; private set; } = null!;

    public TopologyView View { get; private set; } = null!;

    public ProxyServer Proxy { get; private set; } = null!;

    public AppliedPositions Applied { get; } = new();

    public ReadValidation Validation { get; } = new();

    /// <summary>A schema of this test's own, made on every backend.</summary>
    public string Schema { get; } = LabServer.UniqueSchema();

    public static async Task<ProxyHarness> StartAsync(params (string Name, LabServer Server)[] backends) =>
        await StartAsync(new ProxyOptions { Id = "p1", LoginTimeout = TimeSpan.FromMinutes(1) }, backends);

    public static async Task<ProxyHarness> StartAsync(ProxyOptions options, params (string Name, LabServer Server)[] backends)
    {
        var harness = new ProxyHarness();
        foreach (var (_, server) in backends)
        {
            await harness.PrepareAsync(server);
        }

        harness.Store = new FlakyStore(await SqliteTopologyStore.OpenAsync(Path.Combine(harness._directory.FullName, "topology.db"), TimeProvider.System));
        var secrets = SecretProtector.Load(Path.Combine(harness._directory.FullName, "key"), null);
        harness.Repository = new TopologyRepository(harness.Store, secrets, TimeProvider.System);
        var transaction = harness.Repository.Begin().Put(new RoutingTable(1, backends[0].Name, []));
        foreach (var (name, server) in backends)
        {
            transaction.Put(new Backend(name, server.Dsn));
        }

        await transaction.CommitAsync();
        harness.View = await TopologyView.OpenAsync(harness.Store, secrets);
        harness.Proxy = new ProxyServer(
            options with { Listen = new IPEndPoint(IPAddress.Loopback, 0) },
            harness.View,
            harness.Repository,
            harness.Applied,
            harness.Validation,
            TimeProvider.System,
            harness._loggers.CreateLogger<ProxyServer>());
        await harness.Proxy.StartAsync();
        return harness;
    }

    /// <summary>How a client reaches the proxy as the application's account.</summary>
    public ConnectionOptions Client => new()
    {
        Host = "127.0.0.1",
        Port = Proxy.EndPoint.Port,
        User = AppUser,
        Password = AppPassword,
        Schema = Schema,
        ConnectTimeout = s_patience,
    };

    public static ConnectionOptions Admin(LabServer server) => ConnectionOptions.Parse(server.Dsn) with { ConnectTimeout = s_patience };

    public Task<BackendConnection> ConnectAsync(CancellationToken cancellationToken = default) => BackendConnection.OpenAsync(Client, cancellationToken);

    /// <summary>Runs statements on a server itself, in this test's schema.</summary>
    public async Task DirectAsync(LabServer server, params string[] statements)
    {
        await using var connection = await BackendConnection.OpenAsync(Admin(server) with { Schema = Schema }, default);
        foreach (var statement in statements)
        {
            await connection.ExecuteAsync(statement, default);
        }
    }

    public async Task<string?> ScalarAsync(LabServer server, string sql)
    {
        await using var connection = await BackendConnection.OpenAsync(Admin(server) with { Schema = Schema }, default);
        return (await connection.QueryAsync(sql, default)).GetStringOrNull(0, 0);
    }

    /// <summary>The end of a server's binary log.</summary>
    public static async Task<StreamPosition> PositionAsync(LabServer server)
    {
        await using var connection = await BackendConnection.OpenAsync(Admin(server), default);
        var sql = connection.Server.IsAtLeast(ServerVendor.MySql, 8, 2) ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
        var answer = await connection.QueryAsync(sql, default);
        return new StreamPosition(answer.GetString(0, 0), answer.GetUInt64(0, 1));
    }

    /// <summary>Puts one rule for the whole schema.</summary>
    public async Task RouteAsync(string writer, string reader, ReadConsistency consistency = ReadConsistency.Global, int percent = 100, int shadow = 0)
    {
        var routing = View.Current.Routing;
        await CommitAsync(Repository.Begin().Put(routing with
        {
            Epoch = routing.Epoch + 1,
            Rules = [new RoutingRule(Schema, null, writer, reader, "m", percent, consistency) { ShadowPercent = shadow }],
        }));
    }

    public async Task<Gate> HoldAsync(string from, string to, TimeSpan? deadline = null, int maxStatements = 1000)
    {
        var gate = new Gate(
            Guid.NewGuid().ToString("N"), "m", View.Current.Routing.Epoch + 1, GateState.Held,
            TimeProvider.System.GetUtcNow() + (deadline ?? s_patience), [new TableScope(Schema, null)], maxStatements, 1 << 20)
        {
            From = from,
            To = to,
        };
        await CommitAsync(Repository.Begin().Put(gate));
        return gate;
    }

    public async Task<GateAck> WaitAckAsync(Gate gate, Func<GateAck, bool> condition)
    {
        using var limit = new CancellationTokenSource(s_patience);
        var state = await View.WaitAsync(
            state => state.GateAcks.TryGetValue((gate.Id, "p1"), out var ack) && condition(ack), limit.Token);
        return state.GateAcks[(gate.Id, "p1")];
    }

    /// <summary>Returns once so many statements are held.</summary>
    public Task HeldAsync(int statements) => UntilAsync(() => Proxy.ListSessions().Count(session => session.State == "held") == statements);

    /// <summary>The sessions once none is at work: the proxy takes account of a statement after its client has the answer.</summary>
    public async Task<IReadOnlyList<SessionInfo>> SettledAsync()
    {
        IReadOnlyList<SessionInfo> sessions = [];
        await UntilAsync(() => (sessions = [.. Proxy.ListSessions()]).All(session => session.State != "running"));
        return sessions;
    }

    /// <summary>Waits for what is sure to come; says what did not.</summary>
    public static async Task UntilAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        var began = TimeProvider.System.GetTimestamp();
        while (!condition())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(began) < s_patience, $"It never came to be that {what}.");
            await Task.Delay(5);
        }
    }

    /// <summary>Rules and gate in one commit, as a migration flips.</summary>
    public async Task FlipAsync(Gate gate)
    {
        var routing = View.Current.Routing;
        await CommitAsync(Repository.Begin()
            .Put(routing with { Epoch = gate.Epoch, Rules = [new RoutingRule(Schema, null, gate.To!, gate.To!, "m")] })
            .Put(gate with { State = GateState.Flipped }));
    }

    public Task AbandonAsync(Gate gate) => CommitAsync(Repository.Begin().Put(gate with { State = GateState.Abandoned }));

    /// <summary>Commits and waits until the proxy's view has it.</summary>
    public async Task CommitAsync(TopologyTransaction transaction)
    {
        var result = await transaction.CommitAsync();
        Assert.True(result.Succeeded);
        await View.CatchUpAsync(result.Revision);
    }

    public async ValueTask DisposeAsync()
    {
        await Proxy.DisposeAsync();
        await View.DisposeAsync();
        await Store.DisposeAsync();
        _loggers.Dispose();
        _directory.Delete(recursive: true);
    }

    private async Task PrepareAsync(LabServer server)
    {
        await using var connection = await BackendConnection.OpenAsync(Admin(server), default);
        await connection.ExecuteAsync($"CREATE DATABASE {Schema}", default);
        try
        {
            await connection.ExecuteAsync($"CREATE USER {AppUser}@'%' IDENTIFIED BY '{AppPassword}'", default);
        }
        catch (ServerErrorException error) when (error.Code == 1396)
        {
            // Another test of this process has made it on the shared server.
        }

        await connection.ExecuteAsync($"GRANT ALL ON *.* TO {AppUser}@'%'", default);
    }
}
