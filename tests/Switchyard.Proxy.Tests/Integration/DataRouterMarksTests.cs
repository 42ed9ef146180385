using System.Text;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire;
using static Switchyard.Proxy.Tests.Harness.ReadServers;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>What a write is, and what a session keeps, however it is said: each of these reads would be answered with old rows, or the session's state be lost.</summary>
[Collection(DataRouterTests.Servers)]
[Trait("Category", "Integration")]
public sealed class DataRouterMarksTests
{
    private const byte TypeDouble = 5;
    private const byte TypeLongLong = 8;

    [Theory]
    [InlineData(ReadConsistency.Global)]
    [InlineData(ReadConsistency.Session)]
    public async Task Writes_made_while_the_mode_was_off_are_seen_when_it_is_on_again(ReadConsistency consistency)
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t", consistency);
        await CaughtUpAsync(harness);
        await Eventually(async () => await ValueAsync(client) == "t0");
        await harness.RouteAsync("s", "s");
        await client.ExecuteAsync("UPDATE v SET v = 's1'", default);
        await harness.RouteAsync("s", "t", consistency);
        Assert.Equal("s1", await ValueAsync(client));
    }

    [Fact]
    public async Task A_transaction_that_was_open_while_the_mode_was_off_marks_what_it_wrote_then()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var reader = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await UntilTablesAreKnownAsync(harness, writer, reader, "INSERT INTO parent SELECT MAX(id) + 1 FROM parent");
        await writer.ExecuteAsync("BEGIN", default);
        await writer.ExecuteAsync("INSERT INTO parent SELECT MAX(id) + 1 FROM parent", default);
        await harness.RouteAsync("s", "s");
        await writer.ExecuteAsync("UPDATE v SET v = 's1'", default);
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await ValueAsync(reader) == "t0");
        await writer.ExecuteAsync("COMMIT", default);
        Assert.Equal("s1", await ValueAsync(reader));
    }

    [Theory]
    [InlineData("BEGIN; UPDATE v SET v = 's1'")]
    [InlineData("SET autocommit = 0; COMMIT; UPDATE v SET v = 's1'")]
    public async Task What_one_text_writes_in_the_transaction_that_it_begins_counts_from_its_commit(string text)
    {
        await using var harness = await StartAsync();
        await using var writer = await WireClient.OpenAsync(harness.Client, Capabilities.None);
        await using var reader = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await writer.QueryAsync(text);
        await CaughtUpAsync(harness);
        await Eventually(async () => await ValueAsync(reader) == "t0");
        await writer.QueryAsync("COMMIT");
        Assert.Equal("s1", await ValueAsync(reader));
    }

    [Fact]
    public async Task XA_COMMIT_marks_what_another_session_had_prepared()
    {
        await using var harness = await StartAsync();
        await using var reader = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        var xid = $"'{harness.Schema}'";
        await using (var writer = await harness.ConnectAsync())
        {
            foreach (var statement in new[] { $"XA START {xid}", "UPDATE v SET v = 's1'", $"XA END {xid}", $"XA PREPARE {xid}" })
            {
                await writer.ExecuteAsync(statement, default);
            }
        }

        await CaughtUpAsync(harness);
        await Eventually(async () => await ValueAsync(reader) == "t0");
        await Eventually(async () =>
        {
            try
            {
                // The server gives the transaction up to others once it has seen its session end.
                await reader.ExecuteAsync($"XA COMMIT {xid}", default);
                return true;
            }
            catch (ServerErrorException exception) when (exception.Code == 1397)
            {
                return false;
            }
        });
        Assert.Equal("s1", await ValueAsync(reader));
    }

    [Fact]
    public async Task A_write_through_a_view_of_another_schema_marks_the_table()
    {
        await using var harness = await StartAsync();
        await using var writer = await harness.ConnectAsync();
        await using var reader = await harness.ConnectAsync();
        var beside = $"{harness.Schema}_beside";
        foreach (var server in new[] { await SourceAsync(), await TargetAsync() })
        {
            await harness.DirectAsync(server, $"CREATE DATABASE {beside}", $"CREATE VIEW {beside}.shown AS SELECT * FROM {harness.Schema}.v");
        }

        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await ValueAsync(reader) == "t0");
        await writer.ExecuteAsync($"UPDATE {beside}.shown SET v = 's1'", default);
        Assert.Equal("s1", await ValueAsync(reader));
    }

    [Fact]
    public async Task Variables_set_from_the_diagnostics_of_a_read_on_the_target_are_the_sessions()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await PlaceAsync(client) == "target");
        await client.ExecuteAsync("SET @n = FOUND_ROWS()", default);
        await client.ExecuteAsync("GET DIAGNOSTICS @m = NUMBER", default);
        Assert.Equal("1 0", (await client.QueryAsync("SELECT CONCAT_WS(' ', @n, @m)", default)).GetStringOrNull(0, 0));
    }

    [Fact]
    public async Task A_read_uses_up_what_was_set_for_the_next_transaction()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        await Eventually(async () => await PlaceAsync(client) == "target");
        await client.ExecuteAsync("SET TRANSACTION READ ONLY", default);
        Assert.Equal("source", await PlaceAsync(client));
        await client.ExecuteAsync("BEGIN", default);
        await client.ExecuteAsync("INSERT INTO parent VALUES (2)", default);
        await client.ExecuteAsync("COMMIT", default);
        await Eventually(async () =>
        {
            await CaughtUpAsync(harness);
            return await PlaceAsync(client) == "target";
        });
    }

    [Fact]
    public async Task A_parameter_has_the_type_its_client_gave_it_last_on_whichever_server()
    {
        await using var harness = await StartAsync();
        await using var client = await WireClient.OpenAsync(harness.Client, Capabilities.None);
        await harness.RouteAsync("s", "t");
        await client.CommandAsync(CommandKind.StatementPrepare, "SELECT CONCAT(name, ' ', ?) FROM place"u8.ToArray(), ResponseShape.Prepared);
        await client.QueryAsync("BEGIN");
        Assert.Contains("source 5", await ExecuteAsync(client, TypeLongLong, BitConverter.GetBytes(5L)), StringComparison.Ordinal);
        await client.QueryAsync("ROLLBACK");
        await CaughtUpAsync(harness);

        // The first may be answered by the source, before there is a connection to the target.
        await Eventually(async () => (await ExecuteAsync(client, TypeLongLong, BitConverter.GetBytes(6L))).Contains("target 6", StringComparison.Ordinal));
        Assert.Contains("target 1.5", await ExecuteAsync(client, TypeDouble, BitConverter.GetBytes(1.5)), StringComparison.Ordinal);
        await client.QueryAsync("BEGIN");
        Assert.Contains("source 2.5", await ExecuteAsync(client, null, BitConverter.GetBytes(2.5)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Statements_can_be_closed_when_a_connection_that_nothing_depends_on_has_died()
    {
        await using var harness = await StartAsync();
        await using var client = await harness.ConnectAsync();
        await harness.RouteAsync("s", "t");
        await CaughtUpAsync(harness);
        var statements = new List<PreparedStatement>();
        for (var i = 0; i < 4; i++)
        {
            var statement = await client.PrepareAsync("SELECT name FROM place WHERE name <> ?", default);
            await Eventually(async () =>
            {
                await CaughtUpAsync(harness);
                return (await statement.QueryAsync(["x"], default)).GetString(0, 0) == "target";
            });
            statements.Add(statement);
        }

        await harness.DirectAsync(await TargetAsync(), $"BEGIN NOT ATOMIC FOR c IN (SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{harness.Schema}' AND USER = '{ProxyHarness.AppUser}') DO KILL c.ID; END FOR; END");
        foreach (var statement in statements)
        {
            await statement.DisposeAsync();
            Assert.Equal("1", (await client.QueryAsync("SELECT 1", default)).GetString(0, 0));
        }
    }

    /// <summary>Executes the first statement prepared, with its parameter's type said or not, and returns the answer as text.</summary>
    private static async Task<string> ExecuteAsync(WireClient client, byte? type, byte[] value)
    {
        byte[] argument = [.. BitConverter.GetBytes(client.Prepared[0]), 0, 1, 0, 0, 0, 0, type is null ? (byte)0 : (byte)1, .. type is { } one ? new byte[] { one, 0 } : [], .. value];
        return Encoding.Latin1.GetString(await client.CommandAsync(CommandKind.StatementExecute, argument));
    }
}
