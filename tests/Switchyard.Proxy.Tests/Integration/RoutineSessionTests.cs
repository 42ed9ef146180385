using System.Globalization;
using System.Text;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>What stored routines and triggers leave in a session: known and carried, or a pin that names the routine.</summary>
[Trait("Category", "Integration")]
public sealed class RoutineSessionTests
{
    public static TheoryData<string> Servers => ["mariadb-10.11", "mysql-9.7"];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_routine_whose_effects_are_known_does_not_pin_and_what_it_set_is_carried(string name)
    {
        await using var harness = await StartPairAsync(name);
        await using var client = await harness.ConnectAsync();
        await client.QueryMultiAsync("CALL remember(7)"u8.ToArray(), default);
        Assert.Equal("6", (await client.QueryAsync("SELECT twice(3)", default)).GetString(0, 0));
        await using var prepared = await client.PrepareAsync("CALL remember(?)", default);
        await prepared.ExecuteAsync([8], default);
        Assert.Empty(Assert.Single(await harness.SettledAsync()).Pins);

        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        await harness.FlipAsync(gate);
        var there = await client.QueryAsync("SELECT name, @remembered, @seen, LAST_INSERT_ID() FROM place", default);
        Assert.Equal("target 8 8 2", string.Join(' ', Enumerable.Range(0, 4).Select(column => there.GetStringOrNull(0, column))));
        await prepared.ExecuteAsync([9], default);
        Assert.Equal("9", (await client.QueryAsync("SELECT n FROM w", default)).GetString(0, 0));
    }

    /// <summary>It is none of the client's, which may ask in that very call who is connected. A server takes it off its list a moment after it has closed it.</summary>
    [Fact]
    public async Task The_server_has_closed_the_connection_that_reads_a_routine_before_the_routine_runs()
    {
        const int Rounds = 20;
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var wire = new LeavingWire(server.Port, "CALL read_before"u8.ToArray());
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.CommitAsync(harness.Repository.Begin().Put(new Backend("s", (ProxyHarness.Admin(server) with { Port = wire.Port, SslMode = SslMode.Disabled }).ToDsn())));
        await using var client = await harness.ConnectAsync();
        var left = wire.Left;
        for (var i = 0; i < Rounds; i++)
        {
            // Its definition is not known any more.
            await client.ExecuteAsync("DROP PROCEDURE IF EXISTS read_before", default);
            await client.ExecuteAsync("CREATE PROCEDURE read_before() SELECT 1", default);
            wire.Forget();
            await client.QueryMultiAsync("CALL read_before()"u8.ToArray(), default);
        }

        Assert.InRange(wire.Left - left, Rounds, int.MaxValue);
        Assert.Equal(0, wire.Met);
    }

    /// <summary>Jobs make and drop tables and call procedures in turn, and a schema may have thousands of those.</summary>
    [Fact]
    public async Task Definitions_of_tables_make_no_routine_be_read_again()
    {
        const int Rounds = 10;
        await using var server = await LabServer.StartAsync("mariadb-10.11");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await harness.ConnectAsync();
        async Task<long> ConnectionsAsync() => long.Parse((await client.QueryAsync("SHOW GLOBAL STATUS LIKE 'Connections'", default)).GetString(0, 1)!, CultureInfo.InvariantCulture);
        await client.ExecuteAsync("CREATE TABLE work (a INT)", default);
        await client.ExecuteAsync("CREATE PROCEDURE called() SELECT 1", default);
        await client.QueryMultiAsync("CALL called()"u8.ToArray(), default);
        var before = await ConnectionsAsync();
        for (var i = 0; i < Rounds; i++)
        {
            await client.ExecuteAsync("ALTER TABLE work COMMENT = 'done'", default);
            await client.QueryMultiAsync("CALL called()"u8.ToArray(), default);
        }

        // What is kept for half a minute may have been read once more.
        Assert.InRange(await ConnectionsAsync() - before, 0, Rounds / 2);
    }

    [Theory]
    [InlineData("CREATE TEMPORARY TABLE scratch (a INT)", "creates or drops a temporary table")]
    [InlineData("DO GET_LOCK(CONCAT('lock of ', DATABASE()), 0)", "takes or releases a lock with GET_LOCK or RELEASE_LOCK")]
    [InlineData("SET @q = 'SELECT 1'; PREPARE q FROM @q; EXECUTE q", "prepares or executes a statement (PREPARE)")]
    public async Task A_routine_that_leaves_something_behind_pins_and_is_named(string body, string what)
    {
        await using var harness = await StartPairAsync("mariadb-10.11");
        await using var client = await harness.ConnectAsync();

        // Its definition is known already, and changes through the proxy.
        await client.QueryMultiAsync("CALL remember(1)"u8.ToArray(), default);
        Assert.Empty(Assert.Single(await harness.SettledAsync()).Pins);
        await client.ExecuteAsync("DROP PROCEDURE remember", default);
        await client.ExecuteAsync($"CREATE PROCEDURE remember(p INT) BEGIN {body}; END", default);
        await client.QueryMultiAsync("CALL remember(1)"u8.ToArray(), default);
        Assert.Contains($"it has called {harness.Schema}.remember, which {what}", Assert.Single(await harness.SettledAsync()).Pins);
    }

    [Theory]
    [InlineData("CALL nowhere()")]
    [InlineData("CALL elsewhere.nowhere()")]
    public async Task A_procedure_that_is_not_found_is_taken_for_one_that_writes(string call)
    {
        await using var harness = await StartPairAsync("mariadb-10.11");
        await using var client = await harness.ConnectAsync();
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        var held = client.QueryMultiAsync(Encoding.UTF8.GetBytes(call), default);
        await harness.HeldAsync(1);
        Assert.False(held.IsCompleted);
        await harness.FlipAsync(gate);
        await Assert.ThrowsAsync<ServerErrorException>(() => held);
    }

    private static async Task<ProxyHarness> StartPairAsync(string name)
    {
        var (source, target) = (await LabServer.SharedAsync(name, "source"), await LabServer.SharedAsync(name, "target"));
        var harness = await ProxyHarness.StartAsync(("s", source), ("t", target));
        string[] objects =
        [
            "CREATE TABLE w (id INT PRIMARY KEY AUTO_INCREMENT, n INT)",
            "CREATE TABLE place (name VARCHAR(10) PRIMARY KEY)",
            "CREATE TRIGGER w_seen BEFORE INSERT ON w FOR EACH ROW SET @seen = NEW.n",
            "CREATE PROCEDURE remember(p INT) BEGIN INSERT INTO w (n) VALUES (p); SET @remembered = p; END",
            "CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
        ];
        await harness.DirectAsync(source, [.. objects, "INSERT INTO place VALUES ('source')"]);
        await harness.DirectAsync(target, [.. objects, "INSERT INTO place VALUES ('target')"]);
        await harness.RouteAsync("s", "s");
        return harness;
    }
}
