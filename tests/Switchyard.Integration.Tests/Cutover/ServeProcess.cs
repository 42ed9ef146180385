using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Switchyard.Cli;
using Switchyard.Client;

namespace Switchyard.Integration.Tests.Cutover;

/// <summary>
/// The real executable with <c>serve</c>, in a process of its own that can be killed at a fault point and started again on the same
/// data directory and ports.
/// </summary>
internal sealed class ServeProcess : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-kill-").FullName;
    private readonly StringBuilder _log = new();
    private readonly int _apiPort = FreePort();
    private readonly Dictionary<string, string> _backends;
    private Process? _process;

    public ServeProcess(Dictionary<string, string> backends)
    {
        _backends = backends;
        Api = new ApiClient(new Uri($"http://127.0.0.1:{_apiPort}"), null);
    }

    public ApiClient Api { get; }

    public int ProxyPort { get; } = FreePort();

    public string Log
    {
        get
        {
            lock (_log)
            {
                return string.Join('\n', _log.ToString().Split('\n').TakeLast(40));
            }
        }
    }

    /// <summary>Starts it, with a fault point armed if one is given, and returns once it serves.</summary>
    /// <param name="faults">As the variable <c>SWITCHYARD_FAULTS</c> has it.</param>
    public async Task StartAsync(string? faults = null)
    {
        var executable = Path.Combine(AppContext.BaseDirectory, "switchyard.dll");
        var start = new ProcessStartInfo(Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet")
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            WorkingDirectory = _directory,
        };
        string[] words = ["exec", executable, "serve", "--proxy-listen", $"127.0.0.1:{ProxyPort}", "--api-listen", $"127.0.0.1:{_apiPort}", "--default-backend", _backends.First().Key];
        Array.ForEach(words, start.ArgumentList.Add);
        foreach (var (name, dsn) in _backends)
        {
            start.ArgumentList.Add("--backend");
            start.ArgumentList.Add($"{name}=${{DSN_{name}}}");
            start.Environment[$"DSN_{name}"] = dsn;
        }

        start.Environment["DOTNET_gcServer"] = "0";
        start.Environment["SWITCHYARD_FAULTS"] = faults ?? "";
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => Note(line.Data);
        _process.OutputDataReceived += (_, line) => Note(line.Data);
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        await UntilReadyAsync();
    }

    /// <summary>Returns once the armed fault point has killed it.</summary>
    public async Task UntilKilledAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await _process!.WaitForExitAsync(limit.Token);
        // 128 + SIGKILL: it ended at the fault point, and not by itself.
        Assert.True(_process.ExitCode == 137, $"It ended with exit code {_process.ExitCode}.\n{Log}");
        _process.Dispose();
        _process = null;
    }

    public async Task KillAsync()
    {
        _process!.Kill();
        await UntilKilledAsync();
    }

    public Task<BackendConnection> OpenAppAsync(string user, string password, string schema, CancellationToken cancellationToken) => BackendConnection.OpenAsync(
        new ConnectionOptions { Host = "127.0.0.1", Port = ProxyPort, User = user, Password = password, Schema = schema }, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        Api.Dispose();
        if (_process is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        Directory.Delete(_directory, recursive: true);
    }

    private async Task UntilReadyAsync()
    {
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_apiPort}") };
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while (true)
        {
            Assert.False(_process!.HasExited, $"It ended at its start.\n{Log}");
            try
            {
                using var answer = await http.GetAsync("/readyz", limit.Token);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
            }

            await Task.Delay(20, limit.Token);
        }
    }

    private void Note(string? line)
    {
        lock (_log)
        {
            _log.Append(line).Append('\n');
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
