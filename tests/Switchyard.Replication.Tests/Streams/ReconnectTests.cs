using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Connections that break where something is half done, and servers that end in good order.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class ReconnectTests
{
    private const string Table = "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v LONGTEXT NOT NULL) ENGINE=InnoDB";

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7", true)]
    [InlineData("mariadb-10.11", "mariadb-10.11", false)]
    [InlineData("mysql-9.7", "mariadb-10.11", true)]
    [InlineData("mysql-5.6", "mysql-9.7", false)]
    public async Task A_transaction_sent_in_parts_whose_connection_breaks_in_its_middle_arrives_whole_and_once(string from, string to, bool isSource)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Table);
        await scenario.RecordAsync(copies: false, d => d with { LargeTransactionBytes = 60_000, QueueBytes = 50_000 });
        await using var stream = await scenario.OpenAsync();
        var states = new List<StreamState>();
        stream.StateChanged += progress => states.Add(progress.State);
        await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (0, 'before')", default);
        await Scenario.CatchUpAsync(stream);

        await scenario.Source.ExecuteAsync("BEGIN", default);
        for (var i = 1; i <= 40; i++)
        {
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({i}, REPEAT('{i}', 10000))", default);
        }

        await scenario.Source.ExecuteAsync("UPDATE t SET v=CONCAT(v, '+')", default);
        await using var beside = await scenario.ConnectSourceAsync();
        var delivered = 0;
        var wasLarge = false;
        using (FaultPoints.Arm("stream.event.delivered", async token =>
        {
            // By now several parts are with the target, and not committed.
            if (Interlocked.Increment(ref delivered) == 25)
            {
                wasLarge = stream.Target.HasOpenTransaction;
                await (isSource ? Scenario.KillDumpsAsync(beside, token) : Scenario.KillAsync(scenario.Target, stream.Target.ConnectionId!.Value, token));
            }
        }))
        {
            await scenario.Source.ExecuteAsync("COMMIT", default);
            await scenario.Source.ExecuteAsync("INSERT INTO t VALUES (1000, 'after')", default);
            await Scenario.CatchUpAsync(stream);
        }

        await stream.StopAsync();
        Assert.True(wasLarge, "The transaction was not under way on the target.");
        Assert.Contains(StreamState.Reconnecting, states);
        Assert.Equal(3, stream.Progress.TransactionsApplied);
        await scenario.AssertSameAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11", "mysql-9.7")]
    [InlineData("mysql-9.7", "mariadb-10.11")]
    public async Task An_XA_transaction_whose_second_reading_breaks_off_arrives_whole_and_once(string from, string to)
    {
        await using var scenario = await Scenario.CreateAsync(from, to, Table);
        await scenario.RecordAsync(copies: false, d => d with { LargeTransactionBytes = 60_000, QueueBytes = 50_000 });
        await using var stream = await scenario.OpenAsync();
        await scenario.Source.ExecuteAsync("XA START 'large'", default);
        for (var i = 1; i <= 40; i++)
        {
            await scenario.Source.ExecuteAsync($"INSERT INTO t VALUES ({i}, REPEAT('{i}', 10000))", default);
        }

        await scenario.Source.ExecuteMultiAsync("XA END 'large';XA PREPARE 'large'"u8.ToArray(), default);
        await Scenario.CatchUpAsync(stream);
        await using var beside = await scenario.ConnectSourceAsync();
        var delivered = 0;
        var dumps = 0;
        using (FaultPoints.Arm("stream.event.delivered", async token =>
        {
            if (Interlocked.Increment(ref delivered) == 20)
            {
                dumps = await Scenario.KillDumpsAsync(beside, token);
            }
        }))
        {
            await scenario.Source.ExecuteAsync("XA COMMIT 'large'", default);
            await Scenario.CatchUpAsync(stream);
        }

        Assert.True(dumps >= 2, $"{dumps} connections were reading the log.");
        Assert.Equal(40, await scenario.CountAsync(scenario.Tables[0]));
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    [InlineData("mysql-5.6")]
    public async Task Servers_that_are_shut_down_in_good_order_and_started_again_cost_time_and_nothing_else(string name)
    {
        await using var from = await LabServer.StartAsync(name);
        await using var to = await LabServer.StartAsync(name);
        await using var scenario = await Scenario.CreateAsync(from, to, "CREATE TABLE t (id INT NOT NULL PRIMARY KEY, v INT NOT NULL) ENGINE=InnoDB");
        await scenario.RecordAsync(copies: false);
        await using var stream = await scenario.OpenAsync();
        var rows = 0;
        foreach (var server in (LabServer[])[to, from, to])
        {
            await using (var application = await BackendConnection.OpenAsync(scenario.From with { Schema = scenario.Schema }, default))
            {
                for (var i = 0; i < 30; i++)
                {
                    await application.ExecuteAsync($"INSERT INTO t VALUES ({++rows}, 1)", default);
                    await application.ExecuteAsync($"UPDATE t SET v=v+1 WHERE id<={rows}", default);
                }
            }

            await server.RestartAsync();
        }

        await Scenario.CatchUpAsync(stream);
        Assert.Equal(StreamState.Running, stream.Progress.State);
        await scenario.AssertSameAsync();
        await stream.StopAsync();
    }
}
