using Switchyard.Binlog;
using Switchyard.Lab;
using Switchyard.Replication.Tests.Schema;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>
/// A file of the log is as long as its last transaction makes it. One of 12 MB by default; past the 4 GiB that an event's header can tell of with SWITCHYARD_FULL=1.
/// </summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class LongLogTests
{
    private static readonly bool s_full = Environment.GetEnvironmentVariable("SWITCHYARD_FULL") == "1";

    [Theory]
    [InlineData("mysql-9.7")]
    [InlineData("mysql-9.7", "--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")]
    [InlineData("mariadb-10.11")]
    public async Task A_stream_goes_on_behind_a_transaction_however_long_it_makes_the_log(string name, params string[] options)
    {
        var (rows, longer) = s_full ? (1100, (ulong)uint.MaxValue) : (3, 8UL << 20);
        await using var source = await LabServer.StartAsync(name, [.. options, "--max-allowed-packet=64M", "--sync-binlog=0", "--innodb-flush-log-at-trx-commit=0"]);
        await using var scenario = await Scenario.CreateAsync(source, await LabServer.SharedAsync("mysql-9.7", "target"), "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB");
        await scenario.Source.ExecuteAsync("CREATE DATABASE aside", default);
        await scenario.Source.ExecuteAsync("CREATE TABLE aside.number (n INT NOT NULL PRIMARY KEY) ENGINE=InnoDB", default);
        await scenario.Source.ExecuteAsync("CREATE TABLE aside.t (id INT NOT NULL PRIMARY KEY, v LONGBLOB) ENGINE=InnoDB", default);
        await scenario.Source.ExecuteAsync($"INSERT INTO aside.number VALUES {string.Join(',', Enumerable.Range(0, rows).Select(n => $"({n})"))}", default);
        await scenario.RecordAsync(copies: false);
        var begin = (await ReplicationStream.ReadRecordedAsync(scenario.To, scenario.Definition.Id, default))!.Value;
        await using (var stream = await scenario.OpenAsync())
        {
            await scenario.Source.ExecuteAsync("INSERT INTO aside.t SELECT n, REPEAT('x', 4194304) FROM aside.number", default);
            await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
            await Scenario.CatchUpAsync(stream);
            await scenario.AssertSameAsync();
            await stream.StopAsync();
        }

        // Stopped just behind it, before the log goes on in another file.
        var end = await EndOfTransactionAsync(source, begin);
        Assert.True(end.Offset > longer, $"The transaction ends at {end}.");
        await scenario.Target.ExecuteAsync($"DELETE FROM {scenario.Schema}.t", default);
        await ReplicationStream.RecordAsync(scenario.Definition, end, default);
        await using var resumed = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(resumed);
        await scenario.AssertSameAsync();
        await resumed.StopAsync();
    }

    private static async Task<BinlogPosition> EndOfTransactionAsync(LabServer source, BinlogPosition begin)
    {
        await using var reader = await RowImageTests.OpenReaderAsync(source, begin);
        while (await reader.ReadAsync(default) is not XidEvent)
        {
        }

        return reader.Position;
    }
}
