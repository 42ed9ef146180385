using System.Net;
using Microsoft.Extensions.Logging;
using Switchyard.Cli;
using Switchyard.Configuration;
using Switchyard.Hosting;

namespace Switchyard.Tests;

/// <summary><c>serve</c> in this process, on free ports, with a data directory of its own.</summary>
internal sealed class RunningServe : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _run;

    private RunningServe(ServeSettings settings)
    {
        Settings = settings;
        _run = ServeHost.RunAsync(settings, _stop.Token);
        Http = new HttpClient { BaseAddress = Uri };
    }

    public ServeSettings Settings { get; }

    public Uri Uri => new($"http://{Settings.ApiListen}");

    public HttpClient Http { get; }

    public static async Task<RunningServe> StartAsync(string directory, Func<ServeSettings, ServeSettings>? change = null)
    {
        var settings = new ServeSettings
        {
            DataDirectory = directory,
            ApiListen = new IPEndPoint(IPAddress.Loopback, Lab.FreePort.Next()),
            ProxyListen = new IPEndPoint(IPAddress.Loopback, Lab.FreePort.Next()),
            LogLevel = LogLevel.Error,
        };
        var serve = new RunningServe(change?.Invoke(settings) ?? settings);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (!await serve.IsReadyAsync(limit.Token))
        {
            await Task.WhenAny(serve._run, Task.Delay(20, limit.Token));
            if (serve._run.IsCompleted)
            {
                await serve._run;
            }
        }

        return serve;
    }

    /// <summary>Calls the API as the command line does.</summary>
    public ApiClient Client(string? token = null) => new(Uri, token);

    /// <summary>Whether it ends by itself.</summary>
    public async Task<bool> EndsWithinAsync(TimeSpan limit) => await Task.WhenAny(_run, Task.Delay(limit)) == _run;

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _stop.CancelAsync();
        await _run;
    }

    private async Task<bool> IsReadyAsync(CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await Http.GetAsync("/readyz", cancellationToken);
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
