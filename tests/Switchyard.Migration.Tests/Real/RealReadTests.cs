using System.Collections.Concurrent;
using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

/// <summary>
/// Data-router mode under load: whoever was told that a write is done, every read that begins after that sees it, on whichever connection,
/// also while the target dies and comes back.
/// </summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class RealReadTests
{
    private static readonly string[] s_tables =
    [
        "CREATE TABLE plain (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO plain VALUES (1, 0)",
        "CREATE TABLE many (id INT PRIMARY KEY, n INT NOT NULL)", "CREATE TABLE more (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO many VALUES (1, 0)", "INSERT INTO more VALUES (1, 0)",
        "CREATE TABLE prepared (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO prepared VALUES (1, 0)",
        "CREATE TABLE called (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO called VALUES (1, 0)", "CREATE PROCEDURE bump(IN v INT) UPDATE called SET n = v",
        "CREATE TABLE hidden (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO hidden VALUES (1, 0)",
        "CREATE TABLE noted (id INT PRIMARY KEY, n INT NOT NULL)", "CREATE TABLE note (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO noted VALUES (1, 0)", "INSERT INTO note VALUES (1, 0)",
        "CREATE TRIGGER takes_note AFTER UPDATE ON noted FOR EACH ROW UPDATE note SET n = NEW.n",
        "CREATE TABLE parent (id INT PRIMARY KEY)", "CREATE TABLE child (id INT PRIMARY KEY, n INT NOT NULL, FOREIGN KEY (n) REFERENCES parent (id) ON UPDATE CASCADE)",
        "INSERT INTO parent VALUES (0)", "INSERT INTO child VALUES (1, 0)",
        "CREATE TABLE told (id INT PRIMARY KEY, n INT NOT NULL)", "INSERT INTO told VALUES (1, 0)", "CREATE VIEW seen AS SELECT n FROM told",
    ];

    /// <summary>What writes, and the tables in which others look for it.</summary>
    private static readonly (string Name, Func<BackendConnection, int, Task> Write, string[] Reads)[] s_ways =
    [
        ("a statement", (c, n) => c.ExecuteAsync($"UPDATE plain SET n = {n}", default), ["plain"]),
        ("several statements in one", (c, n) => c.ExecuteMultiAsync($"UPDATE many SET n = {n}; UPDATE more SET n = {n}", default), ["many", "more"]),
        ("a prepared statement", async (c, n) =>
        {
            await using var statement = await c.PrepareAsync("UPDATE prepared SET n = ?", default);
            await statement.ExecuteAsync([n], default);
        }, ["prepared"]),
        ("a procedure", (c, n) => c.ExecuteAsync($"CALL bump({n})", default), ["called"]),
        ("a statement within a string", (c, n) => c.ExecuteAsync($"EXECUTE IMMEDIATE 'UPDATE hidden SET n = {n}'", default), ["hidden"]),
        ("a trigger", (c, n) => c.ExecuteAsync($"UPDATE noted SET n = {n}", default), ["noted", "note"]),
        ("a foreign key", (c, n) => c.ExecuteAsync($"UPDATE parent SET id = {n}", default), ["child"]),
        ("a transaction", async (c, n) =>
        {
            await c.ExecuteAsync("BEGIN", default);
            await c.ExecuteAsync($"UPDATE told SET n = {n}", default);
            await c.ExecuteAsync("COMMIT", default);
        }, ["told", "seen"]),
    ];

    [Fact]
    public async Task No_read_is_stale_whoever_wrote_and_none_fails_while_the_target_dies_and_comes_back()
    {
        await using var target = await LabServer.StartAsync("mariadb-10.11");
        await using var world = await RealWorld.StartAsync(await LabServer.SharedAsync("mariadb-10.11", "source"), target, limited: false, s_tables);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await world.Service.ValidateAsync(world.Schema, new ValidateRequest { Shadow = 20 }, default);

        await using var load = new ReadLoad(world);
        await load.UntilReadAsync(30, fromTarget: true);
        await target.KillAsync();
        await load.UntilReadAsync(20, fromTarget: false);
        await target.RestartAsync();
        await world.UntilFollowingAsync(repairs: true);
        await load.UntilReadAsync(20, fromTarget: true);
        await load.StopAsync();
        Assert.True(load.Errors.IsEmpty, $"{string.Join("\n", load.Errors)}\n{world}");
        var shown = await world.Service.ShowValidationAsync(world.Schema, default);
        Assert.True(shown.Compared.Different == 0, $"{shown.Summary}: {string.Join("; ", shown.Compared.Shapes.SelectMany(shape => shape.Samples))}");
    }

    [Fact]
    public async Task What_is_compared_in_one_process_is_shown_by_the_next()
    {
        await using var world = await RealWorld.StartAsync("mariadb-10.11", "mariadb-10.11", s_tables);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);
        await world.Service.ValidateAsync(world.Schema, new ValidateRequest { Shadow = 100 }, default);
        await using (var load = new ReadLoad(world))
        {
            await load.UntilReadAsync(10, fromTarget: true);
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
            while ((await world.Service.ShowValidationAsync(world.Schema, limit.Token)).Compared.Compared == 0)
            {
                await Task.Delay(10, limit.Token);
            }

            await load.StopAsync();
        }

        var before = await world.Service.ShowValidationAsync(world.Schema, default);
        await world.RestartAsync();
        var after = await world.Service.ShowValidationAsync(world.Schema, default);
        Assert.True(after.Compared.Compared >= before.Compared.Compared && after.Routed.OnTarget >= before.Routed.OnTarget, $"{before.Summary}, then {after.Summary}");
        Assert.Equal(0, after.Compared.Queued);
    }

    /// <summary>A writer for each way, and a reader that looks for what the writer was told is done.</summary>
    private sealed class ReadLoad : IAsyncDisposable
    {
        private readonly RealWorld _world;
        private readonly CancellationTokenSource _stop = new();
        private readonly int[] _acknowledged = new int[s_ways.Length];
        private readonly int[] _read = new int[s_ways.Length];
        private readonly Task[] _work;

        public ReadLoad(RealWorld world)
        {
            _world = world;
            _work = [.. Enumerable.Range(0, s_ways.Length).SelectMany(way => new[] { WriteAsync(way), ReadAsync(way) })];
        }

        public ConcurrentQueue<string> Errors { get; } = new();

        /// <summary>Returns once every reader has read that many times more, and the target has answered that many reads more if it can; or one has seen an error.</summary>
        public async Task UntilReadAsync(int times, bool fromTarget)
        {
            var before = _read.ToArray();
            var onTarget = (await _world.Service.ShowValidationAsync(_world.Schema, default)).Routed.OnTarget;
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
            while (Errors.IsEmpty && (_read.Where((count, i) => count < before[i] + times).Any()
                || (fromTarget && (await _world.Service.ShowValidationAsync(_world.Schema, default)).Routed.OnTarget < onTarget + times)))
            {
                await Task.Delay(10, limit.Token);
            }
        }

        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await Task.WhenAll(_work);
        }

        public async ValueTask DisposeAsync() => await StopAsync();

        private async Task WriteAsync(int way)
        {
            try
            {
                await using var connection = await _world.OpenAppAsync();
                while (!_stop.IsCancellationRequested)
                {
                    var n = _acknowledged[way] + 1;
                    await s_ways[way].Write(connection, n);
                    Volatile.Write(ref _acknowledged[way], n);

                    // Two cores have a dozen clients, two servers and the migration to run.
                    await Task.Delay(2);
                }
            }
            catch (Exception error)
            {
                Errors.Enqueue($"{s_ways[way].Name} failed to write: {error.Message}");
            }
        }

        private async Task ReadAsync(int way)
        {
            var tables = s_ways[way].Reads;
            try
            {
                await using var connection = await _world.OpenAppAsync();
                await using var statement = await connection.PrepareAsync($"SELECT n FROM {tables[^1]} WHERE n >= ?", default);
                while (!_stop.IsCancellationRequested)
                {
                    foreach (var table in tables)
                    {
                        var least = Volatile.Read(ref _acknowledged[way]);
                        var n = (await connection.QueryAsync($"SELECT n FROM {table}", default)).GetInt64(0, 0);
                        if (n < least)
                        {
                            Errors.Enqueue($"{s_ways[way].Name}: {table} shows {n} after {least} was acknowledged");
                        }
                    }

                    var atLeast = Volatile.Read(ref _acknowledged[way]);
                    if ((await statement.QueryAsync([atLeast], default)).RowCount == 0)
                    {
                        Errors.Enqueue($"{s_ways[way].Name}: a prepared read does not show {atLeast} after it was acknowledged");
                    }

                    _read[way]++;
                }
            }
            catch (Exception error)
            {
                Errors.Enqueue($"what {s_ways[way].Name} wrote could not be read: {error.Message}");
            }
        }
    }
}
