using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Switchyard.Lab;

/// <summary>
/// <c>switchyard serve</c> as a process of its own, for what only a process can show: being killed, being asked to end, what it costs. Keeps
/// its ports and data directory over restarts. One caller at a time.
/// </summary>
public sealed class ServeProcess : IAsyncDisposable
{
    private const int Hangup = 1;
    private const int Terminate = 15;
    private static readonly TimeSpan s_startLimit = TimeSpan.FromMinutes(5);

    private readonly string _executable;
    private readonly IReadOnlyDictionary<string, string> _backends;
    private readonly string _defaultBackend;
    private readonly string[] _arguments;
    private readonly StringBuilder _log = new();
    private Process? _process;

    private ServeProcess(string executable, string directory, IReadOnlyDictionary<string, string> backends, string defaultBackend, string[] arguments)
    {
        _executable = executable;
        Directory = directory;
        _backends = backends;
        _defaultBackend = defaultBackend;
        _arguments = arguments;
        (ProxyPort, ApiPort) = (FreePort.Next(), FreePort.Next());
        Http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{ApiPort}") };
    }

    /// <summary>The executable beside the running tests: of a test project that refers to it, and of the same configuration.</summary>
    public static string BesideTests => Path.Combine(AppContext.BaseDirectory, "switchyard");

    /// <summary>The release build, as users run it (<c>build.sh</c>; test.sh makes it).</summary>
    public static string Release
    {
        get
        {
            for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
            {
                if (File.Exists(Path.Combine(directory.FullName, "Switchyard.slnx")))
                {
                    return Path.Combine(directory.FullName, "out", "switchyard");
                }
            }

            throw new LabException("run the tests from a checkout");
        }
    }

    public string Directory { get; }

    public int ProxyPort { get; }

    public int ApiPort { get; }

    /// <summary>Speaks to its API; lasts over restarts.</summary>
    public HttpClient Http { get; }

    public int ProcessId => _process?.Id ?? throw new InvalidOperationException("It does not run.");

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>What it has written to standard output and error, of all its lives.</summary>
    public string Log
    {
        get
        {
            lock (_log)
            {
                return _log.ToString();
            }
        }
    }

    /// <summary>Starts it and waits until it is ready.</summary>
    /// <param name="executable"><see cref="BesideTests"/> or <see cref="Release"/>.</param>
    /// <param name="directory">Data directory, which must exist.</param>
    /// <param name="backends">DSN by name; given in the environment, as a careful user would.</param>
    /// <param name="defaultBackend">One of these.</param>
    /// <param name="faults">Value of SWITCHYARD_FAULTS for the first life; null for none.</param>
    /// <param name="arguments">More arguments of <c>serve</c>.</param>
    /// <exception cref="LabException">It ended, or was not ready in time; the message holds its log.</exception>
    public static async Task<ServeProcess> StartAsync(
        string executable, string directory, IReadOnlyDictionary<string, string> backends, string defaultBackend, string? faults = null, params string[] arguments)
    {
        var serve = new ServeProcess(executable, directory, backends, defaultBackend, arguments);
        try
        {
            await serve.StartAgainAsync(faults);
            return serve;
        }
        catch
        {
            await serve.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it anew on the same data and ports, after its end.</summary>
    public async Task StartAgainAsync(string? faults = null, bool waitUntilReady = true)
    {
        if (IsRunning)
        {
            throw new InvalidOperationException("It still runs.");
        }

        _process?.Dispose();
        // Tests may run under nohup, which would have it ignore SIGHUP as well; env becomes the process itself.
        var start = new ProcessStartInfo("env")
        {
            WorkingDirectory = Directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] words = ["--default-signal=HUP", _executable, "serve", "--proxy-listen", $"127.0.0.1:{ProxyPort}", "--api-listen", $"127.0.0.1:{ApiPort}", "--default-backend", _defaultBackend, .. _arguments];
        foreach (var word in words)
        {
            start.ArgumentList.Add(word);
        }

        foreach (var (name, dsn) in _backends)
        {
            start.Environment[$"TEST_DSN_{name.ToUpperInvariant()}"] = dsn;
            start.ArgumentList.Add("--backend");
            start.ArgumentList.Add($"{name}=${{TEST_DSN_{name.ToUpperInvariant()}}}");
        }

        start.Environment["SWITCHYARD_FAULTS"] = faults ?? "";
        _process = Process.Start(start) ?? throw new LabException($"{_executable} could not be run; ./build.sh makes the release build");
        _process.OutputDataReceived += (_, line) => Note(line.Data);
        _process.ErrorDataReceived += (_, line) => Note(line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        if (waitUntilReady)
        {
            await WaitUntilReadyAsync();
        }
    }

    /// <summary>As <c>kill -9</c>; returns when it is gone.</summary>
    public async Task KillAsync()
    {
        if (IsRunning)
        {
            _process!.Kill();
        }

        await WaitForExitAsync();
    }

    /// <summary>SIGTERM; the caller waits for the exit.</summary>
    public void AskToEnd() => _ = SendSignal(ProcessId, Terminate);

    /// <summary>SIGHUP: reads its certificate again.</summary>
    public void AskToReload() => _ = SendSignal(ProcessId, Hangup);

    /// <summary>Waits until it has ended by itself, or by a fault point; returns its exit code (128 + signal when killed).</summary>
    public async Task<int> WaitForExitAsync()
    {
        if (_process is null)
        {
            return 0;
        }

        using var limit = new CancellationTokenSource(s_startLimit);
        try
        {
            await _process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            throw new LabException($"switchyard serve did not end within {s_startLimit.TotalMinutes} minutes: {Log}");
        }

        return _process.ExitCode;
    }

    /// <summary>Runs another verb of the executable against this server; standard output and error together.</summary>
    public async Task<(int ExitCode, string Output)> RunAsync(params string[] words)
    {
        var start = new ProcessStartInfo(_executable) { WorkingDirectory = Directory, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var word in words)
        {
            start.ArgumentList.Add(word);
        }

        start.Environment["SWITCHYARD_FAULTS"] = "";
        start.ArgumentList.Add("--server");
        start.ArgumentList.Add($"http://127.0.0.1:{ApiPort}");
        using var process = Process.Start(start) ?? throw new LabException($"{_executable} could not be run");
        var output = process.StandardOutput.ReadToEndAsync();
        var messages = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await messages);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process?.Dispose();
        Http.Dispose();
    }

    private async Task WaitUntilReadyAsync()
    {
        using var limit = new CancellationTokenSource(s_startLimit);
        while (true)
        {
            if (_process!.HasExited)
            {
                throw new LabException($"switchyard serve ended with exit code {_process.ExitCode}: {Log}");
            }

            try
            {
                using var answer = await Http.GetAsync(new Uri("/readyz", UriKind.Relative), limit.Token);
                if (answer.IsSuccessStatusCode)
                {
                    return;
                }
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }
            catch (OperationCanceledException)
            {
                throw new LabException($"switchyard serve was not ready within {s_startLimit.TotalMinutes} minutes: {Log}");
            }

            await Task.Delay(20, CancellationToken.None);
        }
    }

    private void Note(string? line)
    {
        if (line is not null)
        {
            lock (_log)
            {
                _log.AppendLine(line);
            }
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int SendSignal(int processId, int signal);
}
