using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tests.Streams;

namespace Switchyard.Replication.Tests.Torture;

/// <summary>
/// Every family of types, changed at random while it is copied and streamed, and compared in the end by another client with expressions of its own
/// (compare.py). Two pairs of servers by default, of different vendors and of MariaDB alone, where rows go as logged; all of them with SWITCHYARD_FULL=1. SWITCHYARD_SEED chooses another run.
/// </summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class TypeTortureTests
{
    private const int RowsAtFirst = 120;
    private const int Writers = 2;
    private static readonly bool s_full = Environment.GetEnvironmentVariable("SWITCHYARD_FULL") == "1";
    private static readonly int s_seed = int.TryParse(Environment.GetEnvironmentVariable("SWITCHYARD_SEED"), out var seed) ? seed : 20240229;

    public static TheoryData<string, string> Pairs()
    {
        var pairs = new TheoryData<string, string>();
        foreach (var from in LabServer.All)
        {
            foreach (var to in LabServer.All)
            {
                if (s_full || (from, to) == ("mariadb-11.8", "mysql-9.7") || (from, to) == ("mariadb-10.11", "mariadb-11.8"))
                {
                    pairs.Add(from, to);
                }
            }
        }

        return pairs;
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Every_type_is_carried_exactly_by_copy_and_stream_while_it_changes(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to);
        var random = new Random(s_seed);
        var tables = await CreateAsync(scenario);
        foreach (var table in tables)
        {
            await FillAsync(scenario.Source, table, random);
        }

        await scenario.RecordAsync();
        var stream = await scenario.OpenAsync();
        var copier = new TableCopier(stream, new CopyOptions { Threads = 3, FirstChunkRows = 40, MaxChunkRows = 100 });
        using var stop = new CancellationTokenSource();
        var counts = new int[Writers];
        var writing = Enumerable.Range(0, Writers).Select(async i => counts[i] = await WriteAsync(await scenario.ConnectSourceAsync(), tables, new Random(s_seed + i + 1), stop.Token)).ToArray();
        await copier.RunAsync(default).WaitAsync(TimeSpan.FromMinutes(10));
        await scenario.Source.ExecuteAsync("CREATE TABLE IF NOT EXISTS done (id INT PRIMARY KEY)", default);
        await Scenario.CatchUpAsync(stream);
        await stop.CancelAsync();
        await Task.WhenAll(writing);
        // Once more in the running phase: every table, every statement.
        foreach (var table in tables)
        {
            for (var kind = 0; kind < 6; kind++)
            {
                await TryAsync(scenario.Source, Statement(table, random, kind));
            }
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await scenario.Source.ExecuteAsync("DROP TABLE done", default);
        Assert.True(counts.Sum() > tables.Count, $"Only {counts.Sum()} changes were made while copying {tables.Count} tables.");
        await CompareAsync(scenario, tables.Count);
    }

    /// <summary>Creates the tables the target can have. What it cannot is refused with table, column and remedy.</summary>
    private static async Task<List<TortureTable>> CreateAsync(Scenario scenario)
    {
        await using var source = await BackendConnection.OpenAsync(scenario.From with { Schema = scenario.Schema }, default);
        await using var target = await BackendConnection.OpenAsync(scenario.To, default);
        var kept = new List<TortureTable>();
        foreach (var table in TypeFamilies.For(source.Server, target.Server))
        {
            await source.ExecuteAsync($"{table.Before ?? "DO 0"}", default);
            try
            {
                await source.ExecuteAsync(table.Create, default);
            }
            catch (ServerErrorException e) when (e.Code is 1115 or 1273)
            {
                // The source has no such character set or collation.
                continue;
            }

            try
            {
                await new SchemaCopier(source, target).CopyTablesAsync(scenario.Schema, [table.Name], deferIndexes: true, default);
                kept.Add(table);
            }
            catch (SchemaTranslationException refused)
            {
                Assert.All(refused.Findings, f =>
                {
                    Assert.Contains($"{scenario.Schema}.{table.Name}", f.What, StringComparison.Ordinal);
                    Assert.StartsWith("Column ", f.What, StringComparison.Ordinal);
                    Assert.NotEmpty(f.Remedy);
                });
                await source.ExecuteAsync($"DROP TABLE `{table.Name}`", default);
            }
        }

        Assert.True(kept.Count > 30, $"Only {kept.Count} families could be moved.");
        return kept;
    }

    private static async Task FillAsync(BackendConnection source, TortureTable table, Random random)
    {
        for (var i = 0; i < RowsAtFirst; i += 20)
        {
            var sql = new StringBuilder(Insert(table));
            for (var j = 0; j < 20; j++)
            {
                sql.Append(j == 0 ? "" : ",").Append(Row(table, random));
            }

            await TryAsync(source, sql.ToString());
        }
    }

    private static async Task<int> WriteAsync(BackendConnection source, List<TortureTable> tables, Random random, CancellationToken stop)
    {
        var done = 0;
        while (!stop.IsCancellationRequested)
        {
            var table = tables[random.Next(tables.Count)];
            await source.ExecuteAsync("BEGIN", default);
            for (var i = 0; i < 3; i++)
            {
                done += await TryAsync(source, Statement(table, random, random.Next(6))) ? 1 : 0;
            }

            await source.ExecuteAsync(random.Next(10) == 0 ? "ROLLBACK" : "COMMIT", default);
        }

        return done;
    }

    private static string Statement(TortureTable table, Random random, int kind)
    {
        var written = table.Columns.Where(c => c.Value is not null).ToArray();
        var column = written[random.Next(written.Length)];
        var value = column.Type.Contains("NOT NULL", StringComparison.Ordinal) || random.Next(8) != 0 ? column.Value!(random) : "NULL";
        var some = $"ORDER BY RAND({random.Next()}) LIMIT {random.Next(1, 6)}";
        return kind switch
        {
            0 => $"{Insert(table)}{Row(table, random)},{Row(table, random)},{Row(table, random)}",
            1 => $"DELETE FROM `{table.Name}` ORDER BY RAND({random.Next()}) LIMIT 2",
            2 => $"UPDATE IGNORE `{table.Name}` SET `{table.Columns[0].Name}`={table.Columns[0].Value?.Invoke(random) ?? "0"} {some}",
            3 => $"UPDATE IGNORE `{table.Name}` SET {string.Join(", ", written.Skip(table.KeyColumns).Select(c => $"`{c.Name}`={c.Value!(random)}"))} {some}",
            _ => $"UPDATE IGNORE `{table.Name}` SET `{column.Name}`={value} {some}",
        };
    }

    private static string Insert(TortureTable table) =>
        $"INSERT IGNORE INTO `{table.Name}` ({string.Join(",", table.Columns.Where(c => c.Value is not null).Select(c => $"`{c.Name}`"))}) VALUES ";

    private static string Row(TortureTable table, Random random) =>
        $"({string.Join(",", table.Columns.Where(c => c.Value is not null).Select(c => random.Next(10) == 0 && !c.Type.Contains("NOT NULL", StringComparison.Ordinal) ? "NULL" : c.Value!(random)))})";

    // What a server does not take at all (a value out of range of a function, a key taken) is no test of ours.
    private static async Task<bool> TryAsync(BackendConnection source, string sql)
    {
        try
        {
            await source.ExecuteAsync(sql, default);
            return true;
        }
        catch (ServerErrorException)
        {
            return false;
        }
    }

    private static async Task CompareAsync(Scenario scenario, int tables)
    {
        static string Address(ConnectionOptions server) => $"{server.Host}:{server.Port}:{server.User}:{server.Password}";
        using var process = Process.Start(new ProcessStartInfo("/usr/bin/python3", [Path.Combine(AppContext.BaseDirectory, "Torture", "compare.py"), Address(scenario.From), Address(scenario.To), scenario.Schema])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await errors);
        using var report = JsonDocument.Parse(await output);
        var differences = report.RootElement.GetProperty("differences").EnumerateArray().Select(d => d.GetString()).ToArray();
        Assert.True(differences.Length == 0, $"{differences.Length} differences:\n{string.Join('\n', differences.Take(40))}");
        Assert.Equal(tables, report.RootElement.GetProperty("tables").GetInt32());
        Assert.True(report.RootElement.GetProperty("rows").GetInt32() > tables * 20, "Hardly any row was left to compare.");
    }
}
