using Microsoft.Extensions.Logging.Abstractions;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

/// <summary>Two make-believe servers, a real store on disk, and the migrations of a process that can be ended and started again.</summary>
internal sealed class World : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-migration-").FullName;
    public FailingStore Store { get; private set; } = null!;

    public FakeServers Servers { get; } = new();

    public FakeServer A { get; } = new("a");

    public FakeServer B { get; } = new("b");

    public FakeEngine Engine { get; private set; } = null!;

    public TopologyRepository Topology { get; private set; } = null!;

    public TopologyView View { get; private set; } = null!;

    public MigrationService Service { get; private set; } = null!;

    public FakeProxy Proxy { get; private set; } = null!;

    public AppliedPositions Applied { get; private set; } = null!;

    public ReadValidation Validation { get; private set; } = null!;

    /// <summary>The engine's limits, from the next start of the process on.</summary>
    public MigrationServiceOptions Limits { get; set; } = new();

    public static async Task<World> StartAsync(bool proxy = true)
    {
        var world = new World();
        world.Servers.ByPort[1001] = world.A;
        world.Servers.ByPort[1002] = world.B;
        await world.OpenAsync(proxy);
        var routing = await world.Topology.GetRoutingAsync();
        var made = await world.Topology.Begin()
            .Put(new Backend("a", "mysql://u:p@127.0.0.1:1001/"))
            .Put(new Backend("b", "mysql://u:p@127.0.0.1:1002/"))
            .Require(routing).Put(routing.Value with { DefaultBackend = "a" }).CommitAsync();
        await world.View.CatchUpAsync(made.Revision);
        return world;
    }

    /// <summary>The process ends without a goodbye, and another begins on the same store.</summary>
    public async Task RestartAsync()
    {
        await CloseAsync();
        // Table locks end with the connection that held them; what a server was told globally stays.
        A.Fences = B.Fences = 0;
        await OpenAsync(proxy: true);
    }

    public Task<MigrationStatus> CreateAsync(string name = "shop") =>
        Service.CreateAsync(new CreateMigrationRequest { Name = name, Source = "a", Target = "b", Schema = "shop" }, CancellationToken.None);

    /// <summary>Creates a migration and waits until it follows.</summary>
    public async Task CreateRunningAsync()
    {
        await CreateAsync();
        await UntilAsync(MigrationState.Running);
    }

    /// <summary>A migration that follows says so in its record before its stream runs, after its copy as after a process's start.</summary>
    public async Task<MigrationStatus> UntilAsync(MigrationState state, string name = "shop")
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (true)
        {
            var status = await Service.StatusAsync(name, limit.Token);
            if (status.State == state && IsFollowed(status))
            {
                return status;
            }

            await Task.Delay(2, limit.Token);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        Directory.Delete(_directory, recursive: true);
    }

    private static bool IsFollowed(MigrationStatus status) => status.State switch
    {
        MigrationState.Running or MigrationState.Validating => status.Stream.State == "running",
        MigrationState.Switched => status.Reverse.State == "running",
        _ => true,
    };

    private async Task OpenAsync(bool proxy)
    {
        Engine = new FakeEngine(Servers);
        Applied = new AppliedPositions();
        Validation = new ReadValidation();
        Store = new FailingStore(await SqliteTopologyStore.OpenAsync(Path.Combine(_directory, "store.db"), TimeProvider.System));
        var secrets = SecretProtector.Load(Path.Combine(_directory, "key"), null);
        Topology = new TopologyRepository(Store, secrets, TimeProvider.System);
        View = await TopologyView.OpenAsync(Store, secrets);
        if (proxy)
        {
            Proxy = await FakeProxy.StartAsync("p1", Topology, View, TimeProvider.System);
        }

        var environment = new MigrationEnvironment(
            Topology, View, Applied, Engine, Servers, TimeProvider.System, NullLogger.Instance, new EventHub(TimeProvider.System), Limits)
        {
            Validation = Validation,
        };
        Service = await MigrationService.OpenAsync(environment, CancellationToken.None);
    }

    private async Task CloseAsync()
    {
        await Service.DisposeAsync();
        if (Proxy is not null)
        {
            await Proxy.DisposeAsync();
        }

        await View.DisposeAsync();
        await Store.DisposeAsync();
    }
}
