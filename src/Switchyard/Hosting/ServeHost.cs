using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;
using Switchyard.Api;
using Switchyard.Backends;
using Switchyard.Configuration;
using Switchyard.Migration;
using Switchyard.Telemetry;
using Switchyard.Topology;

namespace Switchyard.Hosting;

/// <summary>
/// One process with proxy, controller, API and console. Started from the store outward, so that clients are served only once everything
/// under them is true; stopped in the reverse order.
/// </summary>
internal static class ServeHost
{
    /// <summary>Runs until it is told to stop; false when it had to end because the store was lost.</summary>
    /// <exception cref="TopologyStoreException">The store cannot be opened.</exception>
    /// <exception cref="ListenException">An address cannot be listened on.</exception>
    public static async Task<bool> RunAsync(ServeSettings settings, CancellationToken cancellationToken)
    {
        var time = TimeProvider.System;
        var storePath = StorePath(settings);
        await using var store = await SqliteTopologyStore.OpenAsync(storePath, time, cancellationToken);
        using var secrets = SecretProtector.Load(Path.ChangeExtension(storePath, ".key"), Environment.GetEnvironmentVariable(SecretProtector.KeyVariable));
        var repository = new TopologyRepository(store, secrets, time);
        await repository.CheckKeyAsync(cancellationToken);
        await using var view = await TopologyView.OpenAsync(store, secrets, cancellationToken);

        var builder = CreateBuilder(settings);
        builder.Services.AddSingleton(settings).AddSingleton(time).AddSingleton<ITopologyStore>(store).AddSingleton(secrets).AddSingleton(repository)
            .AddSingleton<ILegCredentials>(repository).AddSingleton(view).AddSingleton<AppliedPositions>().AddSingleton<ReadValidation>().AddSingleton<ObservedStatements>().AddSingleton<MetricsCollector>().AddSingleton<MigrationMeters>().AddSingleton<ProxyMeters>()
            .AddSingleton<IBackendProbe, BackendProbe>().AddSingleton<BackendService>();
        Engines.AddTo(builder.Services);
        await using var app = builder.Build();
        HttpApi.Map(app, settings);

        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Switchyard");
        await app.Services.GetRequiredService<BackendService>().ApplyAsync(settings, cancellationToken);
        var engines = app.Services.GetRequiredService<Engines>();
        _ = app.Services.GetRequiredService<MetricsCollector>();
        _ = app.Services.GetRequiredService<MigrationMeters>();
        _ = app.Services.GetRequiredService<ProxyMeters>();
        bool isGood;
        try
        {
            await engines.StartAsync(cancellationToken);
            await StartHttpAsync(app, settings, cancellationToken);
            app.Services.GetRequiredService<Readiness>().IsReady = true;
            ServeLog.Started(logger, settings.ProxyListen.ToString(), $"http://{settings.ApiListen}", Path.GetFullPath(settings.DataDirectory));
            isGood = await WaitForEndAsync(app, view, engines, logger, cancellationToken);
            ServeLog.Stopping(logger);
        }
        finally
        {
            await app.StopAsync(CancellationToken.None);
            await engines.StopAsync();
        }

        ServeLog.Stopped(logger);
        return isGood;
    }

    internal static string StorePath(ServeSettings settings)
    {
        const string Scheme = "sqlite:";
        var given = settings.Store;
        return given is null ? Path.GetFullPath(Path.Combine(settings.DataDirectory, "switchyard.db"))
            : Path.GetFullPath(given.StartsWith(Scheme, StringComparison.Ordinal) ? given[Scheme.Length..] : given);
    }

    private static WebApplicationBuilder CreateBuilder(ServeSettings settings)
    {
        // The working directory is the operator's; nothing of ours is looked for in it.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory, ApplicationName = "switchyard" });
        builder.Services.AddRoutingCore();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(settings.ApiListen);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 1 << 20;
        });
        builder.Logging.SetMinimumLevel(settings.LogLevel).AddFilter("Microsoft", LogLevel.Warning).AddFilter("Microsoft.Extensions.Hosting", LogLevel.None).AddFilter("System", LogLevel.Warning);
        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
            console.ColorBehavior = LoggerColorBehavior.Default;
        });
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(5));
        HttpApi.AddTo(builder.Services);
        return builder;
    }

    private static async Task StartHttpAsync(WebApplication app, ServeSettings settings, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (IOException error)
        {
            throw new ListenException(
                $"The API cannot listen on {settings.ApiListen}: {error.Message.TrimEnd('.')}. Another program may use the port; choose one with --api-listen.", error);
        }
    }

    /// <summary>
    /// Until SIGTERM, SIGINT, the caller's word, or the loss of the store, without which nothing may be decided. A switch that has left open which side is authoritative is no reason
    /// to end: the old side would be open to writers again before somebody has looked.
    /// </summary>
    private static async Task<bool> WaitForEndAsync(WebApplication app, TopologyView view, Engines engines, ILogger logger, CancellationToken cancellationToken)
    {
        var stopping = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var registration = app.Lifetime.ApplicationStopping.Register(() => stopping.TrySetResult());
        using var cancelled = cancellationToken.Register(() => stopping.TrySetResult());
        var first = await Task.WhenAny(stopping.Task, view.Completion);
        if (first == view.Completion && view.Completion.Exception?.InnerException is { } error)
        {
            if (await engines.IsUndecidedAsync())
            {
                ServeLog.Undecided(logger, error);
                await stopping.Task;
            }
            else
            {
                ServeLog.StoreLost(logger, error);
            }

            return false;
        }

        return true;
    }
}
