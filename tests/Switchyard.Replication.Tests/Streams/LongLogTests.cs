using Switchyard.Lab;

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

        var crashing = CrashTests.RunUntilCrashAsync(scenario, "apply.commit.after", 1, copying: false);
        await scenario.Source.ExecuteAsync("BEGIN", default);
        await scenario.Source.ExecuteAsync("INSERT INTO aside.t SELECT n, REPEAT('x', 4194304) FROM aside.number", default);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1, 1)", default);
        await scenario.Source.ExecuteAsync("COMMIT", default);
        Assert.True(await crashing);

        // What the stream has counted is where the server ends the transaction, and the log goes on from there.
        var recorded = await ReplicationStream.ReadRecordedAsync(scenario.To, scenario.Definition.Id, default);
        Assert.True(recorded!.Value.Offset > longer, $"The log was read to {recorded}.");
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (2, 2)", default);
        await using var stream = await scenario.OpenAsync();
        await Scenario.CatchUpAsync(stream);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (3, 3)", default);
        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }
}
