using Switchyard.Configuration;
using Switchyard.Hosting;
using Switchyard.Migration;
using Switchyard.Telemetry;
using Switchyard.WebConsole;

namespace Switchyard.Api;

/// <summary>Everything answered over HTTP.</summary>
internal static class HttpApi
{
    public static void AddTo(IServiceCollection services)
    {
        services.AddOpenApi(openApi => openApi.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "Switchyard";
            document.Info.Description = "Mirrors the verbs of the command line. Errors are problem documents (RFC 9457) with code, detail, remedy and exit_code.";
            document.Info.Version = "v1";
            return Task.CompletedTask;
        }));
        services.ConfigureHttpJsonOptions(options => MigrationJson.Configure(options.SerializerOptions));
        services.AddSingleton<IConsoleSessions, ConsoleSessions>().AddSwitchyardConsole(provider => provider.GetRequiredService<Engines>().Migrations);
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
    }

    public static void Map(WebApplication app, ServeSettings settings)
    {
        app.UseMiddleware<ProblemMiddleware>();
        app.Use(next => new AccessMiddleware(next, string.IsNullOrEmpty(settings.ApiToken) ? null : settings.ApiToken).InvokeAsync);

        app.MapGet("/healthz", () => Results.Text("ok\n")).ExcludeFromDescription();
        app.MapGet("/readyz", (Readiness readiness) => readiness.IsReady ? Results.Text("ready\n") : Results.Text("starting\n", statusCode: 503)).ExcludeFromDescription();
        app.MapGet("/metrics", (MetricsCollector metrics) => Results.Text(metrics.Write(), PrometheusText.ContentType)).ExcludeFromDescription();
        app.MapOpenApi("/openapi/{documentName}.json");

        var api = app.MapGroup("/api/v1");
        TopologyEndpoints.Map(api);
        MigrationEndpoints.Map(api);
        EventStream.Map(api);
        app.MapSwitchyardConsole();
    }
}
