using System.Text;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>What each construct does at a switch, as the table in <c>docs/internals/proxy.md</c> has it.</summary>
[Trait("Category", "Integration")]
public sealed class GateBehaviourTests
{
    public static TheoryData<string, string, string, string> Blocking() => new()
    {
        { "a transaction", "START TRANSACTION; INSERT INTO w (n) VALUES (1)", "transaction", "COMMIT" },
        { "a savepoint", "START TRANSACTION; INSERT INTO w (n) VALUES (1); SAVEPOINT a", "transaction", "ROLLBACK" },
        { "autocommit=0 after a read", "SET autocommit=0; SELECT * FROM w", "transaction", "COMMIT" },
        { "the end of a multi-statement in a transaction", "BEGIN; INSERT INTO w (n) VALUES (1)", "transaction", "INSERT INTO w (n) VALUES (2); COMMIT" },
        { "XA under way", "XA START 'x1'; INSERT INTO w (n) VALUES (1)", "XA", "XA END 'x1'; XA ROLLBACK 'x1'" },
        { "XA prepared", "XA START 'x2'; INSERT INTO w (n) VALUES (1); XA END 'x2'; XA PREPARE 'x2'", "XA", "XA COMMIT 'x2'" },
        { "LOCK TABLES", "LOCK TABLES w WRITE", "LOCK TABLES", "UNLOCK TABLES" },
        { "FLUSH TABLES WITH READ LOCK", "FLUSH TABLES w WITH READ LOCK", "LOCK TABLES", "UNLOCK TABLES" },
        { "a temporary table", "CREATE TEMPORARY TABLE tmp (a INT)", "temporary tables", "DROP TEMPORARY TABLE tmp" },
        { "GET_LOCK", "DO GET_LOCK('a', 0)", "GET_LOCK", "DO RELEASE_LOCK('a')" },
        { "two locks", "SELECT GET_LOCK('a', 0), GET_LOCK('b', 0)", "GET_LOCK", "DO RELEASE_ALL_LOCKS()" },
        { "HANDLER", "HANDLER w OPEN", "HANDLER", "HANDLER w CLOSE" },
        { "SQL PREPARE", "PREPARE p FROM 'SELECT 1'", "PREPARE", "DEALLOCATE PREPARE p" },
        { "a fixed clock", "SET timestamp=1000000000", "variable", "SET timestamp=DEFAULT" },
    };

    [Theory]
    [MemberData(nameof(Blocking))]
    public async Task What_ties_a_session_to_its_server_is_waited_for_by_name_and_then_it_goes_over(string what, string before, string reason, string release)
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        await RunAsync(client, before);
        var gate = await harness.HoldAsync("s", "t");
        // The first list may still have its last statement, whose answer is on its way.
        var blocked = await harness.WaitAckAsync(gate, ack => ack.Blockers.Any(b => b.Reason.Contains(reason, StringComparison.OrdinalIgnoreCase)));
        Assert.False(blocked.Drained, what);

        await RunAsync(client, release);
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        var held = WhereAsync(client);
        await harness.HeldAsync(1);
        Assert.False(held.IsCompleted);
        await harness.FlipAsync(gate);
        Assert.Equal("target", await held);
    }

    /// <summary>Until its answer has come the session has nothing yet that would tie it.</summary>
    [Fact]
    public async Task A_statement_about_no_gated_table_that_will_tie_its_session_is_waited_for_while_it_runs()
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        await using var locker = await BackendConnection.OpenAsync(ProxyHarness.Admin(await SourceAsync()), default);
        var other = harness.Schema + "_other";
        await locker.ExecuteMultiAsync($"CREATE DATABASE {other}; CREATE TABLE {other}.slow (n INT); LOCK TABLES {other}.slow WRITE", default);
        try
        {
            var setting = client.ExecuteAsync($"SET timestamp=1000000000+(SELECT COUNT(*) FROM {other}.slow)", default);
            await ProxyHarness.UntilAsync(() => harness.Proxy.ListSessions().Any(session => session.State == "running"));
            var gate = await harness.HoldAsync("s", "t");
            var ack = await harness.WaitAckAsync(gate, ack => ack.Drained || ack.Blockers.Length > 0);
            Assert.Equal("its statement runs", Assert.Single(ack.Blockers).Reason);
            await locker.ExecuteAsync("UNLOCK TABLES", default);
            await setting;
            await harness.WaitAckAsync(gate, ack => ack.Blockers.Any(b => b.Reason.Contains("variable", StringComparison.Ordinal)));

            await RunAsync(client, "SET timestamp=DEFAULT");
            await harness.WaitAckAsync(gate, ack => ack.Drained);
            await harness.FlipAsync(gate);
            Assert.Equal("target", await WhereAsync(client));
        }
        finally
        {
            await locker.ExecuteMultiAsync($"UNLOCK TABLES; DROP DATABASE {other}", default);
        }
    }

    [Fact]
    public async Task What_can_be_carried_does_not_block_and_is_there_on_the_other_side()
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("SET @mine = 7, SESSION sql_mode='ANSI_QUOTES', SESSION time_zone='+03:00'", default);
        await client.ExecuteAsync("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", default);
        await using var prepared = await client.PrepareAsync("SELECT name, ?, @mine FROM place", default);
        Assert.Equal("source", (await prepared.QueryAsync([1], default)).GetString(0, 0));
        await using var quiet = await harness.ConnectAsync();
        await quiet.ExecuteAsync("SET autocommit=0", default);

        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        var bound = prepared.QueryAsync([2], default);
        var many = quiet.QueryMultiAsync("SELECT name FROM place; INSERT INTO w (n) VALUES (5); SELECT COUNT(*) FROM w"u8.ToArray(), default);
        await harness.HeldAsync(2);
        Assert.False(bound.IsCompleted || many.IsCompleted);
        await harness.FlipAsync(gate);

        var row = await bound;
        Assert.Equal(("target", "2", "7"), (row.GetString(0, 0), row.GetString(0, 1), row.GetString(0, 2)));
        var state = await client.QueryAsync("SELECT @@sql_mode, @@time_zone, @@tx_isolation", default);
        Assert.Equal(("ANSI_QUOTES", "+03:00", "READ-COMMITTED"), (state.GetString(0, 0), state.GetString(0, 1), state.GetString(0, 2)));
        var results = await many;
        Assert.Equal(("target", "1"), (results[0].GetString(0, 0), results[^1].GetString(0, 0)));

        // Still without autocommit, and in the transaction that the three statements began over there.
        await quiet.ExecuteAsync("ROLLBACK", default);
        Assert.Equal("0", (await quiet.QueryAsync("SELECT COUNT(*) FROM w", default)).GetString(0, 0));
    }

    [Theory]
    [InlineData("nothing to carry", "DO 0")]
    [InlineData("state to carry", "SET @mine = 7; SET SESSION sql_mode = 'ANSI_QUOTES'")]
    public async Task A_connection_made_ahead_that_has_died_is_replaced_before_the_statement_is_sent(string what, string before)
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        await RunAsync(client, before);
        await using var prepared = await client.PrepareAsync("SELECT name, @mine FROM place", default);
        var request = new WarmRequest("w1", "m", "t");
        await harness.CommitAsync(harness.Repository.Begin().Put(request));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        await harness.View.WaitAsync(state => state.WarmAcks.ContainsKey((request.Id, "p1")), limit.Token);
        Assert.Contains("t", Assert.Single(harness.Proxy.ListSessions()).Legs);
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        var held = prepared.QueryAsync([], default);
        await harness.HeldAsync(1);
        Assert.Equal(1, await KillAllOfAsync(harness, await TargetAsync()));
        await harness.FlipAsync(gate);
        Assert.Equal("target", (await held).GetString(0, 0));
        Assert.True((await held).GetStringOrNull(0, 1) == (what == "state to carry" ? "7" : null), what);
    }

    [Fact]
    public async Task What_a_character_set_named_at_the_login_hides_from_the_scanner_waits_as_well()
    {
        const byte Gbk = 28;
        await using var harness = await StartPairAsync();
        await using var client = await BackendConnection.OpenAsync(harness.Client with { Collation = Gbk }, default);
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);

        // One letter, whose second byte is that of a backslash, in front of a quote.
        byte[] letter = [0xD5, 0x5C];
        var held = client.ExecuteMultiAsync((byte[])[.. "SELECT '"u8, .. letter, .. "'; DELETE FROM place WHERE 'x' <> '' -- '"u8], default);
        await harness.HeldAsync(1);
        await harness.FlipAsync(gate);
        await held;
        Assert.Equal("1", await harness.ScalarAsync(await SourceAsync(), "SELECT COUNT(*) FROM place"));
        Assert.Equal("0", await harness.ScalarAsync(await TargetAsync(), "SELECT COUNT(*) FROM place"));
    }

    [Fact]
    public async Task An_open_cursor_is_read_to_its_end_where_it_was_opened()
    {
        await using var harness = await StartPairAsync();
        await harness.DirectAsync(await SourceAsync(), "INSERT INTO w (n) VALUES (1001), (1002), (1003)");
        await using var client = await WireClient.OpenAsync(harness.Client, default);
        await client.CommandAsync(CommandKind.StatementPrepare, "SELECT CONCAT('row ', n) FROM w ORDER BY id"u8.ToArray(), ResponseShape.Prepared);
        var id = client.Prepared[0];
        await client.CommandAsync(CommandKind.StatementExecute, WireScript.Execute(id, 1), ResponseShape.Cursor);
        Assert.Contains("row 1001", await FetchAsync(client, id), StringComparison.Ordinal);
        var gate = await harness.HoldAsync("s", "t");
        var blocked = await harness.WaitAckAsync(gate, ack => ack.Blockers.Any(b => b.Reason.Contains("open cursor", StringComparison.Ordinal)));
        Assert.False(blocked.Drained);

        Assert.Contains("row 1002", await FetchAsync(client, id), StringComparison.Ordinal);
        Assert.Contains("row 1003", await FetchAsync(client, id), StringComparison.Ordinal);
        await client.CommandAsync(CommandKind.StatementReset, WireScript.Id(id));
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        var held = client.CommandAsync(CommandKind.StatementExecute, WireScript.Execute(id, 0));
        await harness.HeldAsync(1);
        await harness.FlipAsync(gate);
        Assert.DoesNotContain("row 1", Latin(await held), StringComparison.Ordinal);
        Assert.Equal(0, client.ErrorCode);
    }

    [Fact]
    public async Task A_parameter_sent_in_parts_stays_whole()
    {
        await using var harness = await StartPairAsync();
        await using var client = await WireClient.OpenAsync(harness.Client, default);
        await client.CommandAsync(CommandKind.StatementPrepare, "SELECT name, ? FROM place"u8.ToArray(), ResponseShape.Prepared);
        var id = client.Prepared[0];
        byte[] execution = WireScript.Execute(id, 0, 0, 1, 252, 0);
        await client.SendAsync(CommandKind.StatementSendLongData, WireScript.Id(id, [0, 0, .. "first half, "u8]));
        await client.QueryAsync("DO 0");
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Blockers.Any(b => b.Reason.Contains("part of a prepared statement's parameters", StringComparison.Ordinal)));
        await client.SendAsync(CommandKind.StatementSendLongData, WireScript.Id(id, [0, 0, .. "second half"u8]));
        var answer = Latin(await client.CommandAsync(CommandKind.StatementExecute, execution));
        Assert.Contains("first half, second half", answer, StringComparison.Ordinal);
        Assert.Contains("source", answer, StringComparison.Ordinal);

        // What is sent while the gate is up goes where the execution will be.
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        await client.SendAsync(CommandKind.StatementSendLongData, WireScript.Id(id, [0, 0, .. "over there"u8]));
        var held = client.CommandAsync(CommandKind.StatementExecute, execution);
        await harness.HeldAsync(1);
        await harness.FlipAsync(gate);
        answer = Latin(await held);
        Assert.Contains("over there", answer, StringComparison.Ordinal);
        Assert.Contains("target", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_killed_blocker_is_rolled_back_and_gone_before_the_gate_is_drained()
    {
        await using var harness = await StartPairAsync();
        await using var client = await harness.ConnectAsync();
        await RunAsync(client, "START TRANSACTION; INSERT INTO w (n) VALUES (1)");
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Blockers.Length > 0);
        Assert.True(harness.Proxy.KillSession(harness.Proxy.ListSessions()[0].Id, "in the way"));
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        Assert.Equal("0", await harness.ScalarAsync(await SourceAsync(), "SELECT COUNT(*) FROM w"));
        await harness.AbandonAsync(gate);
        await Assert.ThrowsAnyAsync<Exception>(() => WhereAsync(client));
    }

    /// <summary>The next row of a cursor.</summary>
    private static async Task<string> FetchAsync(WireClient client, uint statement) =>
        Latin(await client.CommandAsync(CommandKind.StatementFetch, WireScript.Id(statement, 1, 0, 0, 0), ResponseShape.UntilEnd));

    private static string Latin(byte[] answer) => Encoding.Latin1.GetString(answer);

    /// <summary>Ends every connection to a test's schema on a server, as an administrator does who sees idle ones.</summary>
    private static async Task<int> KillAllOfAsync(ProxyHarness harness, LabServer server)
    {
        await using var admin = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        ulong[] ids;

        // A connection closed a moment ago may be listed still; the one made ahead stays.
        while ((ids = [.. (await ServerProcess.ListAsync(admin, default)).Where(process => process.Schema == harness.Schema).Select(process => process.Id)]).Length > 1)
        {
            await Task.Delay(10);
        }

        foreach (var id in ids)
        {
            while (await ServerProcess.KillAsync(admin, id, default))
            {
                await Task.Delay(10);
            }
        }

        return ids.Length;
    }

    private static async Task RunAsync(BackendConnection client, string statements)
    {
        foreach (var statement in statements.Split("; "))
        {
            await client.QueryAsync(statement, default);
        }
    }

    private static Task<LabServer> SourceAsync() => LabServer.SharedAsync("mariadb-10.11", "source");

    private static Task<LabServer> TargetAsync() => LabServer.SharedAsync("mariadb-10.11", "target");

    private static async Task<ProxyHarness> StartPairAsync()
    {
        var harness = await ProxyHarness.StartAsync(("s", await SourceAsync()), ("t", await TargetAsync()));
        string[] tables = ["CREATE TABLE w (id INT PRIMARY KEY AUTO_INCREMENT, n INT)", "CREATE TABLE place (name VARCHAR(10) PRIMARY KEY)"];
        await harness.DirectAsync(await SourceAsync(), [.. tables, "INSERT INTO place VALUES ('source')"]);
        await harness.DirectAsync(await TargetAsync(), [.. tables, "INSERT INTO place VALUES ('target')"]);
        await harness.RouteAsync("s", "s");
        return harness;
    }

    private static async Task<string> WhereAsync(BackendConnection client) => (await client.QueryAsync("SELECT name FROM place", default)).GetString(0, 0);
}
