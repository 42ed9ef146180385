using System.Net.Http.Json;
using System.Text.Json;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Migration;

namespace Switchyard.Tests;

/// <summary>A configuration that was written before a migration was completed, or before a backend was moved, and is still there at the next start.</summary>
[Trait("Category", "Integration")]
public sealed class StaleConfigurationTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-stale-").FullName;
    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(6)).Token;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task Applications_stay_at_the_target_of_a_completed_migration_when_serve_is_started_as_before(string from, string to)
    {
        await using var source = await LabServer.StartAsync(from);
        await using var target = await LabServer.StartAsync(to);
        await using var admin = await BackendConnection.OpenAsync(ConnectionOptions.Parse(source.Dsn), _limit);
        await admin.ExecuteAsync("CREATE DATABASE shop", _limit);
        await admin.ExecuteAsync("CREATE TABLE shop.t (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", _limit);
        await admin.ExecuteAsync("CREATE USER 'app'@'%' IDENTIFIED BY 'App-Passw0rd!'", _limit);
        await admin.ExecuteAsync("GRANT ALL ON shop.* TO 'app'@'%'", _limit);
        KeyValuePair<string, string>[] backends = [new("old", source.Dsn), new("new", target.Dsn)];
        await using (var serve = await RunningServe.StartAsync(_directory, s => s with { Backends = [.. backends], DefaultBackend = "old" }))
        {
            await PostAsync(serve, "migrations", new CreateMigrationRequest { Name = "m", Source = "old", Target = "new", Schema = "shop" });
            while (await serve.Http.GetFromJsonAsync<JsonElement>("/api/v1/migrations/m/status", _limit) is var status && (status.GetProperty("state").GetString() != "running" || status.GetProperty("stream").GetProperty("state").GetString() != "running"))
            {
                await Task.Delay(20, _limit);
            }

            await PostAsync(serve, "migrations/m/accounts/copy", new CopyAccountsRequest());
            await PostAsync(serve, "migrations/m/switch", new SwitchRequest { SkipDiff = true });
            await PostAsync(serve, "migrations/m/complete", new CompleteRequest { SkipDiff = true });
            Assert.Equal("new", await DefaultAsync(serve));
            await InsertAsync(serve, 1);
        }

        await using (var again = await RunningServe.StartAsync(_directory, s => s with { Backends = [.. backends], DefaultBackend = "old" }))
        {
            Assert.Equal("new", await DefaultAsync(again));
            await InsertAsync(again, 2);

            // On purpose it can be had.
            await PostAsync(again, "backends", new { name = "old", dsn = source.Dsn, @default = true });
            Assert.Equal("old", await DefaultAsync(again));
        }

        Assert.Equal(0, (await admin.QueryAsync("SELECT COUNT(*) FROM shop.t", _limit)).GetInt64(0, 0));
        await using var there = await BackendConnection.OpenAsync(ConnectionOptions.Parse(target.Dsn), _limit);
        Assert.Equal(2, (await there.QueryAsync("SELECT COUNT(*) FROM shop.t", _limit)).GetInt64(0, 0));
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_backend_that_was_moved_stays_where_it_is_when_serve_is_started_as_before(string name)
    {
        var (first, second) = (await LabServer.SharedAsync(name, "source"), await LabServer.SharedAsync(name, "target"));
        KeyValuePair<string, string>[] backends = [new("a", first.Dsn)];
        await using (var serve = await RunningServe.StartAsync(_directory, s => s with { Backends = [.. backends] }))
        {
            await PostAsync(serve, "backends/a/move", new { dsn = second.Dsn });

            // It is there already, and this does not make it another one.
            await PostAsync(serve, "backends", new { name = "a", dsn = second.Dsn, @default = true });
        }

        await using (var again = await RunningServe.StartAsync(_directory, s => s with { Backends = [.. backends] }))
        {
            Assert.Contains($":{second.Port}", await DsnAsync(again), StringComparison.Ordinal);
            await PostAsync(again, "backends/a/move", new { dsn = first.Dsn });
        }

        await using var back = await RunningServe.StartAsync(_directory, s => s with { Backends = [.. backends] });
        Assert.Contains($":{first.Port}", await DsnAsync(back), StringComparison.Ordinal);
    }

    private async Task<string?> DefaultAsync(RunningServe serve) => (await serve.Http.GetFromJsonAsync<JsonElement>("/api/v1/routing", _limit)).GetProperty("default_backend").GetString();

    private async Task<string?> DsnAsync(RunningServe serve) => (await serve.Http.GetFromJsonAsync<JsonElement>("/api/v1/backends", _limit))[0].GetProperty("dsn").GetString();

    private async Task InsertAsync(RunningServe serve, int id)
    {
        await using var app = await BackendConnection.OpenAsync(
            new ConnectionOptions { Host = "127.0.0.1", Port = serve.Settings.ProxyListen.Port, User = "app", Password = "App-Passw0rd!", Schema = "shop" }, _limit);
        await app.ExecuteAsync($"INSERT INTO t VALUES ({id})", _limit);
    }

    private async Task PostAsync(RunningServe serve, string path, object body)
    {
        using var answer = await serve.Http.PostAsJsonAsync($"/api/v1/{path}", body, MigrationJson.Options, _limit);
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(_limit));
    }
}
