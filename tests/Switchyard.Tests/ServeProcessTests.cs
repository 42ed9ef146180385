using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Tests;

/// <summary><c>serve</c> as a process of its own, told by signals.</summary>
[Trait("Category", "Integration")]
public sealed class ServeProcessTests : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-serve-").FullName;
    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(2)).Token;
    private readonly int _proxyPort = FreePort();
    private readonly int _apiPort = FreePort();
    private readonly List<string> _log = [];
    private Process? _process;

    [Fact]
    public async Task Told_to_stop_under_load_it_finishes_what_runs_and_ends_with_0()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "serve");
        var schema = LabServer.UniqueSchema();
        await using var direct = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), _limit);
        await direct.ExecuteAsync($"CREATE DATABASE {schema}", _limit);
        await direct.ExecuteAsync($"CREATE TABLE {schema}.acknowledged (id INT PRIMARY KEY AUTO_INCREMENT)", _limit);
        await StartAsync(server.Dsn);

        // Clients of all sorts: some begin, some are in the middle, some are idle, when the signal comes.
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(_limit);
        var writers = Enumerable.Range(0, 8).Select(_ => WriteUntilClosedAsync(schema, enough.Token)).ToArray();
        await using var idle = await ConnectAsync();
        await using var slow = await ConnectAsync();
        await direct.ExecuteAsync($"SELECT GET_LOCK('{schema}', 0)", _limit);
        var answer = slow.QueryAsync($"SELECT GET_LOCK('{schema}', 60)", _limit);
        while ((await direct.QueryAsync($"SELECT COUNT(*) FROM {schema}.acknowledged", _limit)).GetString(0, 0).Length < 2)
        {
            await Task.Delay(10, _limit);
        }

        await SignalAsync("HUP");
        await WaitForLogAsync(lines => lines.Count(line => line.Contains("switchyard-tls.crt is in use", StringComparison.Ordinal)) == 2);
        await SignalAsync("TERM");
        await WaitForLogAsync(lines => lines.Any(line => line.Contains("Stopping", StringComparison.Ordinal)));
        await direct.ExecuteAsync("DO RELEASE_ALL_LOCKS()", _limit);
        Assert.Equal("1", (await answer).GetString(0, 0));
        await _process!.WaitForExitAsync(_limit);
        await enough.CancelAsync();
        var acknowledged = (await Task.WhenAll(writers)).Sum();
        Assert.Equal(0, _process.ExitCode);
        Assert.DoesNotContain(Lines(), line => line.Contains("fail:", StringComparison.Ordinal) || line.Contains("Unhandled", StringComparison.Ordinal));
        Assert.Contains(Lines(), line => line.Contains("Stopped.", StringComparison.Ordinal));
        var written = long.Parse((await direct.QueryAsync($"SELECT COUNT(*) FROM {schema}.acknowledged", _limit)).GetString(0, 0), System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(written, acknowledged, acknowledged + writers.Length);
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
            await _process.WaitForExitAsync(CancellationToken.None);
        }

        _process?.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Connects and writes, again and again, until nobody listens any more; the number of writes acknowledged.</summary>
    private async Task<long> WriteUntilClosedAsync(string schema, CancellationToken cancellationToken)
    {
        var acknowledged = 0L;
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await using var client = await ConnectAsync();
                for (var i = 0; i < 5; i++)
                {
                    await client.ExecuteAsync($"INSERT INTO {schema}.acknowledged VALUES ()", _limit);
                    acknowledged++;
                }
            }
            catch (Exception exception) when (exception is ServerErrorException or BackendUnavailableException)
            {
                await Task.Delay(5, CancellationToken.None);
            }
        }

        return acknowledged;
    }

    private Task<BackendConnection> ConnectAsync()
    {
        var options = ConnectionOptions.Parse(File.ReadAllText(Path.Combine(_directory, "dsn")));
        return BackendConnection.OpenAsync(options with { Port = _proxyPort }, _limit);
    }

    private async Task StartAsync(string dsn)
    {
        await File.WriteAllTextAsync(Path.Combine(_directory, "dsn"), dsn, _limit);
        var start = new ProcessStartInfo(
            "dotnet",
            [
                Path.Combine(AppContext.BaseDirectory, "switchyard.dll"), "serve", "--data", _directory, "--proxy-listen", $"127.0.0.1:{_proxyPort}",
                "--api-listen", $"127.0.0.1:{_apiPort}", "--backend", $"s={dsn}",
            ])
        {
            RedirectStandardError = true,
        };
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_log)
            {
                _log.Add(line.Data ?? "");
            }
        };
        _process.BeginErrorReadLine();
        await WaitForLogAsync(lines => lines.Any(line => line.Contains("Clients connect to", StringComparison.Ordinal)));
    }

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", ["-" + signal, _process!.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        await kill.WaitForExitAsync(_limit);
    }

    private async Task WaitForLogAsync(Func<IReadOnlyList<string>, bool> condition)
    {
        while (!condition(Lines()))
        {
            Assert.False(_process!.HasExited, string.Join('\n', Lines()));
            await Task.Delay(20, _limit);
        }
    }

    private List<string> Lines()
    {
        lock (_log)
        {
            return [.. _log];
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
