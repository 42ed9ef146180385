using System.Diagnostics;
using System.Text.Json;
using Switchyard.Cli;
using Switchyard.Client;
using Switchyard.Integration.Tests.Cutover;
using Switchyard.Lab;
using Switchyard.Migration;
using ServeProcess = Switchyard.Lab.ServeProcess;

namespace Switchyard.Integration.Tests.Copy;

/// <summary>
/// The real process is killed at random instants of copy and stream, servers are killed and started again, connections are cut and go dead, while
/// applications write. Six kills by default, two hundred with SWITCHYARD_FULL=1; SWITCHYARD_SEED chooses another run.
/// </summary>
[Trait("Category", "Integration")]
public sealed class KillRunTests(Xunit.Abstractions.ITestOutputHelper output)
{
    private const int KillsPerRound = 6;
    private const int RowsPerTable = 40_000;
    private static readonly string[] s_tables = ["plain", "worded", "wide"];
    private static readonly int s_seed = int.TryParse(Environment.GetEnvironmentVariable("SWITCHYARD_SEED"), out var seed) ? seed : 4711;

    public static TheoryData<string, string> Pairs() => TestReport.Full
        ? new() { { "mariadb-10.11", "mysql-9.7" }, { "mysql-9.7", "mariadb-11.8" }, { "mysql-5.6", "mysql-9.7" }, { "mariadb-10.5", "mariadb-10.11" } }
        : new() { { "mariadb-10.11", "mysql-9.7" } };

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Copy_and_stream_survive_kills_restarts_and_broken_connections_without_copying_anything_twice(string from, string to)
    {
        await using var source = await LabServer.StartAsync(from);
        await using var target = await LabServer.StartAsync(to);
        await using var toSource = new Relay(source.Port);
        await using var toTarget = new Relay(target.Port);
        var directory = Directory.CreateTempSubdirectory("switchyard-kill-run-").FullName;
        var random = new Random(s_seed);
        var report = new TestReport($"kill-run-{from}-{to}", "| round | blow | at | ranges done | state |", output);
        var rounds = TestReport.Full ? 200 / KillsPerRound / Pairs().Count + 1 : 1;
        await using var serve = await ServeProcess.StartAsync(
            ServeProcess.Release, directory,
            new Dictionary<string, string> { ["a"] = Through(source, toSource), ["b"] = Through(target, toTarget) }, "a");
        using var api = new ApiClient(new Uri($"http://127.0.0.1:{serve.ApiPort}"), null);
        try
        {
            for (var round = 0; round < rounds; round++)
            {
                var schema = $"kill_{round}";
                await FillAsync(source, schema);
                using var stop = new CancellationTokenSource();
                var writing = Enumerable.Range(0, 2).Select(i => WriteAsync(source, schema, new Random(s_seed + (round * 10) + i), stop.Token)).ToArray();
                await api.PostAsync<MigrationStatus>("migrations", new CreateMigrationRequest { Name = schema, Source = "a", Target = "b", Schema = schema, CopyThreads = 3 }, default);
                var done = new Dictionary<string, string>();
                for (var blow = 0; blow < KillsPerRound * 2; blow++)
                {
                    var after = random.Next(100, 1000);
                    await Task.Delay(after);
                    // Every other blow is a kill of the process; what is done by then stays done, to the row's last revision.
                    var what = blow % 2 == 0 ? "kill" : s_blows[random.Next(s_blows.Length)];
                    await StrikeAsync(what, serve, source, target, toSource, toTarget, random);
                    var now = await DoneRangesAsync(target, schema);
                    foreach (var (range, before) in done)
                    {
                        Assert.True(now.TryGetValue(range, out var still) && still == before, $"Round {round}, {what}: range {range} was done as {before} and is now {now.GetValueOrDefault(range)}.");
                    }

                    done = now;
                    report.Add($"| {round} | {what} | {after} ms | {done.Count} | {(await TryStatusAsync(api, schema))?.State.ToString().ToLowerInvariant() ?? "-"} |");
                }

                await UntilRunningAsync(api, schema, serve);
                await stop.CancelAsync();
                await Task.WhenAll(writing);
                await UntilCaughtUpAsync(source, target, schema);
                await CompareAsync(source, target, schema);
                var copied = (await TryStatusAsync(api, schema))!.Copy!.RowsCopied;
                Assert.Equal(await SumAsync(target, schema), copied);
                await api.PostAsync<MigrationStatus>($"migrations/{schema}/cancel", null, default);
            }
        }
        finally
        {
            await serve.KillAsync();
            Directory.Delete(directory, recursive: true);
        }
    }

    private static readonly string[] s_blows = ["cut source", "cut target", "freeze source", "freeze target", "kill source", "kill target", "stop target"];

    private static async Task StrikeAsync(string what, ServeProcess serve, LabServer source, LabServer target, Relay toSource, Relay toTarget, Random random)
    {
        var relay = what.EndsWith("source", StringComparison.Ordinal) ? toSource : toTarget;
        var server = what.EndsWith("source", StringComparison.Ordinal) ? source : target;
        switch (what.Split(' ')[0])
        {
            case "kill" when what == "kill":
                await serve.KillAsync();
                await serve.StartAgainAsync();
                break;
            case "cut":
                relay.Cut();
                break;
            case "freeze":
                relay.Freeze();
                await Task.Delay(random.Next(200, 1500));
                if (random.Next(2) == 0)
                {
                    relay.Cut();
                }

                relay.Thaw();
                break;
            case "kill":
                await server.KillAsync();
                await server.RestartAsync();
                break;
            default:
                await server.RestartAsync();
                break;
        }
    }

    private static string Through(LabServer server, Relay relay) => $"mysql://{server.User}:{server.Password}@127.0.0.1:{relay.Port}/";

    private static Task<BackendConnection> OpenAsync(LabServer server, string? schema) => BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn) with { Schema = schema }, default);

    private static async Task FillAsync(LabServer server, string schema)
    {
        await using var admin = await OpenAsync(server, null);
        await admin.ExecuteAsync($"CREATE DATABASE {schema} CHARACTER SET utf8mb4", default);
        await admin.ChangeSchemaAsync(schema, default);
        await admin.ExecuteAsync("CREATE TABLE plain (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL, v VARCHAR(40), KEY by_n (n)) ENGINE=InnoDB", default);
        await admin.ExecuteAsync("CREATE TABLE worded (w VARCHAR(40) NOT NULL PRIMARY KEY, n INT NOT NULL, v VARCHAR(40)) ENGINE=InnoDB", default);
        await admin.ExecuteAsync("CREATE TABLE wide (id BIGINT NOT NULL, part SMALLINT NOT NULL, n INT NOT NULL, v VARCHAR(40), b VARBINARY(300), PRIMARY KEY (id, part)) ENGINE=InnoDB", default);
        await admin.ExecuteAsync("CREATE TABLE marker (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", default);
        for (var start = 0; start < RowsPerTable; start += 4000)
        {
            var numbers = Enumerable.Range(start, 4000).ToArray();
            await admin.ExecuteAsync("INSERT INTO plain (n, v) VALUES " + string.Join(',', numbers.Select(i => $"({i},'v{i}')")), default);
            await admin.ExecuteAsync("INSERT INTO worded VALUES " + string.Join(',', numbers.Select(i => $"('{(char)('a' + (i % 26))}{i}',{i},'v{i}')")), default);
            await admin.ExecuteAsync("INSERT INTO wide VALUES " + string.Join(',', numbers.Select(i => $"({i / 4},{i % 4},{i},'v{i}',REPEAT(x'00ff',{i % 100}))")), default);
        }

        // Large enough to wait for its rows with its index.
        await admin.QueryAsync("ANALYZE TABLE plain", default);
    }

    private static async Task WriteAsync(LabServer server, string schema, Random random, CancellationToken stop)
    {
        BackendConnection? connection = null;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                connection ??= await OpenAsync(server, schema);
                await connection.ExecuteMultiAsync($"BEGIN;{string.Join(';', Enumerable.Range(0, 3).Select(_ => Change(random)))};COMMIT", default);
                // The machine is to copy as well.
                await Task.Delay(5, CancellationToken.None);
            }
            catch (ServerErrorException e) when (e.Code is 1213 or 1205 or 1062 or 1020)
            {
                await connection!.ExecuteAsync("ROLLBACK", default);
            }
            catch (Exception e) when (e is BackendUnavailableException or ServerErrorException)
            {
                // The server is being restarted.
                if (connection is not null)
                {
                    await connection.DisposeAsync();
                }

                connection = null;
                await Task.Delay(100, CancellationToken.None);
            }
        }

        if (connection is not null)
        {
            await connection.DisposeAsync();
        }
    }

    private static string Change(Random random)
    {
        var i = random.Next(RowsPerTable);
        var word = $"{(char)('a' + (i % 26))}{i}";
        return random.Next(9) switch
        {
            0 => $"INSERT INTO plain (n, v) VALUES ({i}, 'new')",
            1 => $"DELETE FROM plain WHERE id={i}",
            2 => $"UPDATE IGNORE plain SET id=id+100000 WHERE id={i}",
            3 => $"UPDATE plain SET n=n+1, v=CONCAT(LEFT(v, 20), '+') WHERE id={i}",
            4 => $"UPDATE worded SET n=n+1 WHERE w='{word}'",
            5 => $"UPDATE IGNORE worded SET w=CONCAT('{"kqz"[random.Next(3)]}', LEFT(w, 30)) WHERE w='{word}'",
            6 => $"DELETE FROM worded WHERE w='{word}'",
            7 => $"UPDATE wide SET b=REPEAT('x',{i % 300}), n=n+1 WHERE id={i / 4}",
            _ => $"UPDATE IGNORE wide SET part=part+10 WHERE id={i / 4} AND part={i % 4}",
        };
    }

    /// <summary>Ranges done, each with everything its row says.</summary>
    private static async Task<Dictionary<string, string>> DoneRangesAsync(LabServer target, string schema)
    {
        await using var connection = await OpenAsync(target, null);
        try
        {
            var rows = await connection.QueryAsync($"SELECT table_name, range_no, lower_bound, upper_bound, rows_copied, revision FROM _switchyard.copy_range WHERE table_schema='{schema}' AND state='done'", default);
            return rows.Rows.ToDictionary(r => $"{r.GetString(0)} {r.GetString(1)}", r => $"({r.GetStringOrNull(2)}, {r.GetStringOrNull(3)}], {r.GetString(4)} rows, revision {r.GetString(5)}");
        }
        catch (ServerErrorException e) when (e.Code is 1146 or 1049)
        {
            return [];
        }
    }

    private static async Task<long> SumAsync(LabServer target, string schema)
    {
        await using var connection = await OpenAsync(target, null);
        return (await connection.QueryAsync($"SELECT SUM(rows_copied) FROM _switchyard.copy_range WHERE table_schema='{schema}' AND state='done'", default)).GetInt64(0, 0);
    }

    private static async Task<MigrationStatus?> TryStatusAsync(ApiClient api, string name)
    {
        try
        {
            return (await api.GetAsync<MigrationStatus>($"migrations/{name}/status", default)).Value;
        }
        catch (CliException)
        {
            return null;
        }
    }

    private static async Task UntilRunningAsync(ApiClient api, string name, ServeProcess serve)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var status = (await api.GetAsync<MigrationStatus>($"migrations/{name}/status", default)).Value;
            Assert.True(status.State != MigrationState.Error, $"{status.Error}\n{End(serve.Log)}");
            if (status is { State: MigrationState.Running, Stream.State: "running" })
            {
                return;
            }

            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(6), $"It is {status.State}, its stream {status.Stream}.\n{End(serve.Log)}");
            await Task.Delay(50);
        }
    }

    private static string End(string log) => log[^Math.Min(log.Length, 5000)..];

    private static async Task UntilCaughtUpAsync(LabServer source, LabServer target, string schema)
    {
        await using var there = await OpenAsync(source, schema);
        await using var here = await OpenAsync(target, schema);
        await there.ExecuteAsync("INSERT INTO marker VALUES (1)", default);
        var began = Stopwatch.GetTimestamp();
        while ((await here.QueryAsync("SELECT 1 FROM marker", default)).RowCount == 0)
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(6), "The last row does not arrive.");
            await Task.Delay(20);
        }
    }

    private static async Task CompareAsync(LabServer source, LabServer target, string schema)
    {
        static string Address(LabServer server) => $"{server.Host}:{server.Port}:{server.User}:{server.Password}";
        using var process = Process.Start(new ProcessStartInfo("/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "compare.py"), Address(source), Address(target), schema])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var text = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await errors);
        using var found = JsonDocument.Parse(await text);
        Assert.Equal("[]", found.RootElement.GetProperty("differences").ToString());
        Assert.Equal(s_tables.Length + 1, found.RootElement.GetProperty("tables").GetInt32());
        Assert.True(found.RootElement.GetProperty("rows").GetInt32() > RowsPerTable * 2);
    }
}
