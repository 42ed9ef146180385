using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.Hosting;

/// <summary>
/// The migrations and the proxy. Migrations come first: they roll back or forward what a crash left half done before the first client is let in;
/// and they go last, so that a switch under way can be undone while its proxy still holds statements.
/// </summary>
internal sealed class Engines(
    TopologyRepository repository, TopologyView view, AppliedPositions positions, ReadValidation validation, ObservedStatements observed, TimeProvider time, ILoggerFactory loggers,
    ProxyHost proxy)
{
    // Not in the container: it would dispose the service, and so stop all streams, at the end of the first request that asked for it.
    private MigrationService? _migrations;

    /// <exception cref="MigrationException">They have not been read yet.</exception>
    public IMigrationService Migrations => _migrations ?? throw new MigrationException("starting", "Switchyard is starting.", "Ask again in a moment.", 1);

    public bool IsStarted => _migrations is not null;

    public static void AddTo(IServiceCollection services)
    {
        services.AddSingleton<Engines>().AddSingleton<Readiness>();
        services.AddSingleton<ProxyHost>().AddSingleton<ISessionDirectory>(provider => provider.GetRequiredService<ProxyHost>());
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _migrations = await MigrationService.OpenAsync(repository, view, positions, validation, time, loggers, new MigrationServiceOptions { Observed = observed }, cancellationToken);
        await proxy.StartAsync(cancellationToken);
    }

    /// <summary>See <see cref="MigrationService.IsUndecidedAsync"/>.</summary>
    public async Task<bool> IsUndecidedAsync() => _migrations is not null && await _migrations.IsUndecidedAsync();

    public async Task StopAsync()
    {
        await proxy.StopAsync();
        if (_migrations is not null)
        {
            await _migrations.DisposeAsync();
        }
    }
}
