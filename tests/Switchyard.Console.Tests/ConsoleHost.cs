using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.WebConsole.Tests;

/// <summary>The console on a loopback port over a real topology store and made-up migrations.</summary>
internal sealed class ConsoleHost : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-console-").FullName;
    private WebApplication _app = null!;
    private SqliteTopologyStore _store = null!;
    private SecretProtector _secrets = null!;
    private TopologyView _view = null!;

    public FakeMigrations Migrations { get; } = new();

    public FakeSessions Sessions { get; } = new();

    public TopologyRepository Topology { get; private set; } = null!;

    public HttpClient Client { get; private set; } = null!;

    public Uri Address { get; private set; } = null!;

    public static async Task<ConsoleHost> StartAsync(int port = 0)
    {
        var host = new ConsoleHost();
        var store = Path.Combine(host._directory, "switchyard.db");
        host._store = await SqliteTopologyStore.OpenAsync(store, TimeProvider.System, CancellationToken.None);
        host._secrets = SecretProtector.Load(Path.ChangeExtension(store, ".key"), null);
        host.Topology = new TopologyRepository(host._store, host._secrets, TimeProvider.System);
        host._view = await TopologyView.OpenAsync(host._store, host._secrets, CancellationToken.None);

        // As bare as the product's own host, so that nothing is taken for granted that is missing there.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton<IMigrationService>(host.Migrations).AddSingleton(host._view).AddSingleton<IConsoleSessions>(host.Sessions);
        builder.Services.AddSwitchyardConsole();
        host._app = builder.Build();
        host._app.MapSwitchyardConsole();
        await host._app.StartAsync();
        host.Address = new Uri(host._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
        host.Client = new HttpClient { BaseAddress = host.Address, Timeout = TimeSpan.FromMinutes(4) };
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
        await _view.DisposeAsync();
        await _store.DisposeAsync();
        _secrets.Dispose();
        Directory.Delete(_directory, recursive: true);
    }
}

internal sealed class FakeSessions : IConsoleSessions
{
    public string ProxyId => "proxy-1";

    public List<ConsoleSession> All { get; } = [];

    public List<long> Killed { get; } = [];

    public IReadOnlyList<ConsoleSession> List() => All;

    public Task<bool> KillAsync(long id, CancellationToken cancellationToken)
    {
        Killed.Add(id);
        return Task.FromResult(All.RemoveAll(s => s.Id == id) > 0);
    }
}
