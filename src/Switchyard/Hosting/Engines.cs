using Switchyard.Api;
using Switchyard.Configuration;
using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.Hosting;

/// <summary>
/// The migrations and the proxy. Migrations come first: they roll back or forward what a crash left half done before the first client is let in;
/// and they go last, so that a switch under way still finds its proxy.
/// </summary>
internal sealed class Engines(TopologyRepository repository, TopologyView view, AppliedPositions positions, TimeProvider time, ILoggerFactory loggers)
{
    private MigrationService? _migrations;

    /// <exception cref="MigrationException">They have not been read yet.</exception>
    public IMigrationService Migrations => _migrations ?? throw new MigrationException("starting", "Switchyard is starting.", "Ask again in a moment.", 1);

    public bool IsStarted => _migrations is not null;

    public static void AddTo(IServiceCollection services)
    {
        services.AddSingleton<Engines>().AddSingleton<Readiness>();
        services.AddTransient(provider => provider.GetRequiredService<Engines>().Migrations);
        services.AddSingleton<ISessionDirectory, NoSessions>();
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _migrations = await MigrationService.OpenAsync(repository, view, positions, time, loggers, null, cancellationToken);
    }

    public async Task StopAsync()
    {
        if (_migrations is not null)
        {
            await _migrations.DisposeAsync();
        }
    }
}

internal sealed class NoSessions : ISessionDirectory
{
    public string ProxyId => "";

    public int Count => 0;

    public IReadOnlyList<SessionInfo> List() => [];

    public SessionInfo? Find(long id) => null;

    public Task<bool> KillAsync(long id, CancellationToken cancellationToken) => Task.FromResult(false);
}
