using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Servers with other settings, and servers that go away.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class ServerTests
{
    public static TheoryData<string> Killed => [.. Environment.GetEnvironmentVariable("SWITCHYARD_FULL") == "1" ? LabServer.All : ["mariadb-10.11", "mysql-9.7"]];

    [Theory]
    [InlineData("mysql-9.7", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF", "--binlog-checksum=NONE", "--max-binlog-size=65536")]
    [InlineData("mysql-9.7", "--binlog-transaction-compression=ON", "--binlog-row-metadata=FULL", "--binlog-order-commits=OFF")]
    [InlineData("mariadb-10.11", "--log-bin-compress=ON", "--log-bin-compress-min-len=10", "--max-binlog-size=65536")]
    [InlineData("mysql-5.6", "--sync-binlog=1", "--max-binlog-size=65536")]
    public async Task A_copy_under_writes_is_exact_however_the_source_logs(string name, params string[] options)
    {
        await using var source = await LabServer.StartAsync(name, options);
        await using var scenario = await Scenario.CreateAsync(source, await LabServer.SharedAsync("mysql-9.7", "target"), CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 800);
        await scenario.RecordAsync();
        await using var stream = await scenario.OpenAsync();
        await using (var writers = await Writers.StartAsync(scenario, 3, CopyUnderWritesTests.Write))
        {
            var copier = new TableCopier(stream, new CopyOptions { Threads = 3, FirstChunkRows = 120, MaxChunkRows = 120, MaxChunkBytes = 9000 });
            await copier.RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
            var enough = writers.Transactions + 60;
            while (writers.Transactions < enough)
            {
                await Scenario.CatchUpAsync(stream);
            }
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
        if (options.Any(o => o.Contains("compress", StringComparison.Ordinal)))
        {
            Assert.True(await HasCompressedEventsAsync(scenario.Source), "Nothing in the log is compressed.");
        }
    }

    [Theory]
    [MemberData(nameof(Killed))]
    public async Task Servers_that_are_killed_and_come_back_cost_time_and_nothing_else(string name)
    {
        await using var from = await LabServer.StartAsync(name);
        await using var to = await LabServer.StartAsync(name);
        await using var scenario = await Scenario.CreateAsync(from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false, d => d with { GroupBytes = 300 });
        await using var stream = await scenario.OpenAsync();
        for (var round = 0; round < 3; round++)
        {
            await using (var application = await BackendConnection.OpenAsync(scenario.From with { Schema = scenario.Schema }, default))
            {
                for (var i = 0; i < 40; i++)
                {
                    await application.ExecuteAsync($"INSERT INTO t VALUES ({(round * 100) + i}, 1)", default);
                    await application.ExecuteAsync($"UPDATE t SET v=v+1 WHERE id<={(round * 100) + i}", default);
                }
            }

            var server = round % 2 == 0 ? to : from;
            await server.KillAsync();
            await server.RestartAsync();
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Equal(StreamState.Running, stream.Progress.State);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }

    [Fact]
    public async Task A_source_whose_log_is_encrypted_on_disk_is_read_like_any_other()
    {
        var keys = Path.Combine(Path.GetTempPath(), $"switchyard-keys-{Environment.ProcessId}");
        await File.WriteAllTextAsync(keys, "1;000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
        try
        {
            await using var source = await LabServer.StartAsync("mariadb-11.8", "--plugin-load-add=file_key_management", $"--file-key-management-filename={keys}", "--encrypt-binlog=ON");
            await using var scenario = await Scenario.CreateAsync(source, await LabServer.SharedAsync("mariadb-10.11", "target"), "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB");
            await scenario.RecordAsync();
            await using var stream = await scenario.OpenAsync();
            await new TableCopier(stream, new CopyOptions()).RunAsync(default);
            for (var i = 0; i < 10; i++)
            {
                await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({i}, {i})", default);
            }

            await scenario.Source.ExecuteAsync("FLUSH BINARY LOGS", default);
            await scenario.Source.ExecuteAsync("UPDATE t SET v=v+1", default);
            await Scenario.CatchUpAsync(stream);
            Assert.Null(stream.Progress.Error);
            await scenario.AssertSameAsync();
            await stream.StopAsync();
        }
        finally
        {
            File.Delete(keys);
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_transaction_larger_than_memory_passes_in_pieces(string name)
    {
        // 600 MB in the long run; a tenth of it shows the same by proportion.
        var full = Environment.GetEnvironmentVariable("SWITCHYARD_FULL") == "1";
        var rows = full ? 1200 : 120;
        await using var scenario = await Scenario.CreateAsync(name, name, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v LONGTEXT NOT NULL) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false, d => full ? d : d with { QueueBytes = 4 * 1024 * 1024, LargeTransactionBytes = 1024 * 1024 });
        await scenario.Source.ExecuteAsync("BEGIN", default);
        for (var i = 0; i < rows; i++)
        {
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({i}, REPEAT(CHAR(97 + {i} % 26), 500000))", default);
        }

        await scenario.Source.ExecuteAsync("COMMIT", default);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var most = 0L;
        var events = 0;
        await using var stream = await scenario.OpenAsync(start: false);
        using (Faults.FaultPoints.Arm("stream.event.delivered", _ =>
        {
            if (++events % 20 == 0)
            {
                most = Math.Max(most, GC.GetTotalMemory(forceFullCollection: true) - before);
            }

            return ValueTask.CompletedTask;
        }))
        {
            stream.Start();
            await Scenario.CatchUpAsync(stream);
        }

        var sums = new List<string>();
        foreach (var side in (BackendConnection[])[scenario.Source, scenario.Target])
        {
            var sum = await side.QueryAsync($"SELECT COUNT(*), SUM(CRC32(v)), SUM(LENGTH(v)) FROM {scenario.Schema}.t", default);
            sums.Add($"{sum.GetString(0, 0)} {sum.GetString(0, 1)} {sum.GetString(0, 2)}");
        }

        Assert.Equal(sums[0], sums[1]);
        Assert.True(events > rows, $"{events} events were read.");
        // What is queued, and the buffers of a part, which grow by doubling.
        Assert.InRange(most, 1, stream.Definition.QueueBytes + (stream.Definition.LargeTransactionBytes * 16L) + (16 * 1024 * 1024));
        await stream.StopAsync();
    }

    private static async Task<bool> HasCompressedEventsAsync(BackendConnection source)
    {
        foreach (var log in (await source.QueryAsync("SHOW BINARY LOGS", default)).Rows)
        {
            var events = await source.QueryAsync($"SHOW BINLOG EVENTS IN '{log.GetString(0)}' LIMIT 2000", default);
            if (events.Rows.Any(e => e.GetString(2) is "Transaction_payload" || e.GetString(2).Contains("compressed", StringComparison.OrdinalIgnoreCase)))
            {
                return true;
            }
        }

        return false;
    }
}
