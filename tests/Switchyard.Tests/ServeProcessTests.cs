using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Tests;

/// <summary><c>serve</c> as a process of its own, told by signals.</summary>
[Trait("Category", "Integration")]
public sealed class ServeProcessTests : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-serve-").FullName;
    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(6)).Token;
    private ServeProcess? _serve;
    private string _dsn = "";

    [Fact]
    public async Task Told_to_stop_under_load_it_finishes_what_runs_and_ends_with_0()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "serve");
        var schema = LabServer.UniqueSchema();
        await using var direct = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), _limit);
        await direct.ExecuteAsync($"CREATE DATABASE {schema}", _limit);
        await direct.ExecuteAsync($"CREATE TABLE {schema}.acknowledged (id INT PRIMARY KEY AUTO_INCREMENT)", _limit);
        _dsn = server.Dsn;
        _serve = await ServeProcess.StartAsync(ServeProcess.BesideTests, _directory, new Dictionary<string, string> { ["s"] = _dsn }, "s");

        // Clients of all sorts: some begin, some are in the middle, some are idle, when the signal comes.
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(_limit);
        var writers = Enumerable.Range(0, 8).Select(_ => WriteUntilClosedAsync(schema, enough.Token)).ToArray();
        await using var idle = await ConnectAsync();
        await using var slow = await ConnectAsync();
        await direct.ExecuteAsync($"SELECT GET_LOCK('{schema}', 0)", _limit);
        var answer = slow.QueryAsync($"SELECT GET_LOCK('{schema}', 300)", _limit);
        while ((await direct.QueryAsync($"SELECT COUNT(*) FROM {schema}.acknowledged", _limit)).GetString(0, 0).Length < 2)
        {
            await Task.Delay(10, _limit);
        }

        _serve.AskToReload();
        await WaitForLogAsync(lines => lines.Count(line => line.Contains("switchyard-tls.crt is in use", StringComparison.Ordinal)) >= 2);
        _serve.AskToEnd();
        await WaitForLogAsync(lines => lines.Any(line => line.Contains("Stopping", StringComparison.Ordinal)));
        await direct.ExecuteAsync("DO RELEASE_ALL_LOCKS()", _limit);
        Assert.Equal("1", (await answer).GetString(0, 0));
        var exitCode = await _serve.WaitForExitAsync();
        await enough.CancelAsync();
        var acknowledged = (await Task.WhenAll(writers)).Sum();
        Assert.Equal(0, exitCode);
        Assert.DoesNotContain("fail:", _serve.Log, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", _serve.Log, StringComparison.Ordinal);
        Assert.Contains("Stopped.", _serve.Log, StringComparison.Ordinal);
        var written = long.Parse((await direct.QueryAsync($"SELECT COUNT(*) FROM {schema}.acknowledged", _limit)).GetString(0, 0), System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(written, acknowledged, acknowledged + writers.Length);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_serve is not null)
        {
            await _serve.DisposeAsync();
        }

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

    private Task<BackendConnection> ConnectAsync() =>
        BackendConnection.OpenAsync(ConnectionOptions.Parse(_dsn) with { Port = _serve!.ProxyPort }, _limit);

    private async Task WaitForLogAsync(Func<string[], bool> condition)
    {
        while (!condition(_serve!.Log.Split('\n')))
        {
            Assert.True(_serve.IsRunning && !_limit.IsCancellationRequested, _serve.Log);
            await Task.Delay(20, CancellationToken.None);
        }
    }
}
