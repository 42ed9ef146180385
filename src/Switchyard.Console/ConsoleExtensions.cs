using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Switchyard.Migration;
using Switchyard.WebConsole.Live;
using Switchyard.WebConsole.Models;

namespace Switchyard.WebConsole;

/// <summary>Adds the web console to a host.</summary>
public static class ConsoleExtensions
{
    /// <summary>The page a browser without the host's token is sent to. It and the files it needs must be reachable without one.</summary>
    public const string SignInPath = "/console/sign-in";

    /// <summary>The cookie the token is kept in by <see cref="SignInPath"/>; whether it is right is for the host to say.</summary>
    public const string TokenCookie = "switchyard_token";

    /// <summary>True for what must be reachable without the host's token.</summary>
    public static bool IsOpen(PathString path) =>
        path == SignInPath || (path.StartsWithSegments("/console", out var rest) && rest.Value is { Length: > 1 } name && EmbeddedAssets.Find(name[1..]) is not null);

    /// <summary>Registers what the console needs. Register an <see cref="IConsoleSessions"/> as well to have sessions shown.</summary>
    /// <param name="services">Where to; it has a <see cref="Topology.TopologyView"/>.</param>
    /// <param name="migrations">Finds the migrations, which the console does not own; by default the registered service. May throw <see cref="MigrationException"/>.</param>
    public static IServiceCollection AddSwitchyardConsole(this IServiceCollection services, Func<IServiceProvider, IMigrationService>? migrations = null)
    {
        services.AddSingleton(provider => new MigrationAccess(provider, migrations ?? (p => p.GetRequiredService<IMigrationService>())));
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<EventLog>().AddHostedService(provider => provider.GetRequiredService<EventLog>());
        services.AddSingleton<LivePages>().AddSingleton<PageReader>().AddSingleton<PageRenderer>();
        return services;
    }

    /// <summary>Maps the pages at <c>/</c>, <c>/migrations/NAME</c>, <c>/routing</c>, <c>/proxies</c> and <c>/events</c>, and what they use under <c>/console</c>.</summary>
    public static IEndpointRouteBuilder MapSwitchyardConsole(this IEndpointRouteBuilder endpoints)
    {
        ConsoleEndpoints.Map(endpoints);
        return endpoints;
    }
}
