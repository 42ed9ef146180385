using System.Reflection;
using Switchyard.Api;
using Switchyard.Configuration;
using Switchyard.Migration;

namespace Switchyard.Hosting;

/// <summary>The proxy and the migrations, started and stopped together.</summary>
internal sealed class Engines
{
    public static void AddTo(IServiceCollection services, ServeSettings settings)
    {
        _ = settings;
        services.AddSingleton<Engines>().AddSingleton<Readiness>();
        services.AddSingleton(_ => DispatchProxy.Create<IMigrationService, Pending>());
        services.AddSingleton<ISessionDirectory, NoSessions>();
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync() => Task.CompletedTask;
}

internal class Pending : DispatchProxy
{
    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        targetMethod?.Name == nameof(IMigrationService.ListAsync)
            ? Task.FromResult<IReadOnlyList<MigrationSummary>>([])
            : throw new MigrationException("not_available", "Migrations are not available in this build.", "", 1);
}

internal sealed class NoSessions : ISessionDirectory
{
    public string ProxyId => "";

    public int Count => 0;

    public IReadOnlyList<SessionInfo> List() => [];

    public SessionInfo? Find(long id) => null;

    public Task<bool> KillAsync(long id, CancellationToken cancellationToken) => Task.FromResult(false);
}
