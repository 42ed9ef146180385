using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Values of many megabytes, which are sent from where they were read.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class LargeValueTests
{
    // Longer than a packet of the protocol, full of what has to be escaped, and with a character that is not ASCII across every border.
    private const string Text = "REPEAT('ü\\'\\\\ä0', 2450000)";
    private const string Bytes = "REPEAT(X'00275C22FF', 3400000)";

    [Fact]
    public async Task Values_longer_than_a_packet_arrive_exactly_by_copy_and_stream()
    {
        await using var source = await LabServer.StartAsync("mariadb-10.11", "--max-allowed-packet=128M");
        await using var target = await LabServer.StartAsync("mysql-9.7", "--max-allowed-packet=128M");
        await using var scenario = await Scenario.CreateAsync(source, target, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, a LONGTEXT CHARACTER SET utf8mb4, n INT, b LONGBLOB) ENGINE=InnoDB");
        await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES (1, {Text}, NULL, {Bytes}), (2, 'small', 2, 'small')", default);
        await scenario.RecordAsync();
        await using var stream = await scenario.OpenAsync();
        await new TableCopier(stream, new CopyOptions { Threads = 2 }).RunAsync(default).WaitAsync(TimeSpan.FromMinutes(4));
        await AssertSameAsync(scenario);
        await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES (3, NULL, 3, {Bytes})", default);
        await scenario.Source.ExecuteAsync($"UPDATE t SET a={Text}, n=n+1 WHERE id=2", default);
        await scenario.Source.ExecuteAsync("DELETE FROM t WHERE id=1", default);
        await Scenario.CatchUpAsync(stream);
        Assert.Null(stream.Progress.Error);
        await AssertSameAsync(scenario);
    }

    private static async Task AssertSameAsync(Scenario scenario)
    {
        var sums = new List<string>();
        foreach (var server in (ConnectionOptions[])[scenario.From, scenario.To])
        {
            await using var connection = await BackendConnection.OpenAsync(server, default);
            var result = await connection.QueryAsync($"SELECT CONCAT_WS(' ', id, LENGTH(a), SHA2(a, 256), n, LENGTH(b), SHA2(b, 256)) FROM {scenario.Schema}.t ORDER BY id", default);
            sums.Add(string.Join('\n', result.Rows.Select(r => r.GetString(0))));
        }

        Assert.Equal(sums[0], sums[1]);
    }
}
