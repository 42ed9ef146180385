using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;
using Switchyard.Migration;

namespace Switchyard.Tests;

/// <summary><c>serve</c> when its store fails in the moment the sides change.</summary>
[Trait("Category", "Integration")]
public sealed class UndecidedSwitchTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-undecided-").FullName;
    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(6)).Token;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-11.8")]
    public async Task It_goes_on_and_keeps_the_source_closed_until_it_is_told_to_stop(string from, string to)
    {
        var (source, target) = (await LabServer.SharedAsync(from, "source"), await LabServer.SharedAsync(to, "target"));
        var schema = LabServer.UniqueSchema();
        await using var writer = await BackendConnection.OpenAsync(ConnectionOptions.Parse(source.Dsn), _limit);
        await writer.ExecuteAsync($"CREATE DATABASE {schema}", _limit);
        await writer.ExecuteAsync($"CREATE TABLE {schema}.t (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", _limit);
        await writer.ExecuteAsync("SET SESSION lock_wait_timeout=1", _limit);
        KeyValuePair<string, string>[] backends = [new("a", source.Dsn), new("b", target.Dsn)];
        await using (var serve = await RunningServe.StartAsync(_directory, s => s with { Backends = [.. backends], DefaultBackend = "a" }))
        {
            await PostAsync(serve, "", new CreateMigrationRequest { Name = "m", Source = "a", Target = "b", Schema = schema });
            while ((await serve.Http.GetFromJsonAsync<JsonElement>("/api/v1/migrations/m/status", _limit)) is var status && (status.GetProperty("state").GetString() != "running" || status.GetProperty("stream").GetProperty("state").GetString() != "running"))
            {
                await Task.Delay(20, _limit);
            }

            using (FaultPoints.Arm("switch.flip.commit.before", async token =>
            {
                await using var other = new SqliteConnection($"Data Source={Path.Combine(_directory, "switchyard.db")};Pooling=False");
                await other.OpenAsync(token);
                await RunAsync(other, "ALTER TABLE entries RENAME TO lost");
            }))
            {
                var answer = await PostAsync(serve, "/m/switch", new SwitchRequest { SkipDiff = true });
                Assert.True(answer.GetProperty("code").GetString() == "undecided", answer.ToString());
            }

            Assert.False(await serve.EndsWithinAsync(TimeSpan.FromSeconds(3)));
            Assert.Equal(1205, (await Assert.ThrowsAsync<ServerErrorException>(() => writer.ExecuteAsync($"INSERT INTO {schema}.t VALUES (1)", _limit))).Code);
        }

        await writer.ExecuteAsync($"INSERT INTO {schema}.t VALUES (1)", _limit);
        await using (var mended = new SqliteConnection($"Data Source={Path.Combine(_directory, "switchyard.db")};Pooling=False"))
        {
            await mended.OpenAsync(_limit);
            await RunAsync(mended, "ALTER TABLE lost RENAME TO entries");
        }

        await using var again = await RunningServe.StartAsync(_directory, s => s with { Backends = [.. backends], DefaultBackend = "a" });
        Assert.Equal("a", (await again.Http.GetFromJsonAsync<JsonElement>("/api/v1/migrations/m/status", _limit)).GetProperty("writes").GetString());
        await PostAsync(again, "/m/cancel", new object());
        await writer.ExecuteAsync($"DROP DATABASE {schema}", _limit);
    }

    private static async Task RunAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    private async Task<JsonElement> PostAsync(RunningServe serve, string path, object body)
    {
        using var answer = await serve.Http.PostAsJsonAsync($"/api/v1/migrations{path}", body, MigrationJson.Options, _limit);
        return JsonSerializer.Deserialize<JsonElement>(await answer.Content.ReadAsStringAsync(_limit));
    }
}
