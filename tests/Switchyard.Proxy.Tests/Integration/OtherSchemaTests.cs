using System.Text;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Sessions in no schema, or in one that is not migrated, whose statements have to do with one that is.</summary>
[Trait("Category", "Integration")]
public sealed class OtherSchemaTests
{
    public static TheoryData<string> Servers => ["mariadb-10.11", "mysql-9.7"];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task After_a_switch_routines_named_with_their_schema_run_on_the_new_side(string name)
    {
        await using var pair = await Pair.StartAsync(name);
        await pair.SwitchAsync();
        foreach (var schema in (string?[])[null, pair.Other])
        {
            await using var client = await pair.ConnectAsync(schema);
            await client.QueryMultiAsync(pair.Sql("CALL shop.place(1)"), default);
            Assert.Equal("1", (await client.QueryAsync(pair.Text("SELECT shop.place_too(1)"), default)).GetString(0, 0));
            await using var prepared = await client.PrepareAsync(pair.Text("CALL shop.place(?)"), default);
            await prepared.ExecuteAsync([2], default);
        }

        Assert.Equal(("0", "6"), await pair.CountsAsync());
    }

    [Theory]
    [InlineData("CALL shop.not_understood()")]
    [InlineData("EXECUTE IMMEDIATE 'INSERT INTO shop.t VALUES (1)'")]
    [InlineData("BEGIN NOT ATOMIC INSERT INTO shop.t VALUES (1); END")]
    public async Task After_a_switch_what_is_not_understood_runs_where_the_schema_it_names_is_or_not_at_all(string statement)
    {
        await using var pair = await Pair.StartAsync("mariadb-10.11");
        await pair.SwitchAsync();
        await using (var client = await pair.ConnectAsync(null))
        {
            await client.QueryMultiAsync(pair.Sql(statement), default);
        }

        Assert.Equal(("0", "1"), await pair.CountsAsync());
        await using var other = await pair.ConnectAsync(pair.Other);
        try
        {
            await other.QueryMultiAsync(pair.Sql(statement), default);
        }
        catch (ServerErrorException error) when (error.Code == 1105)
        {
            Assert.Contains("cannot tell which tables", error.Message, StringComparison.Ordinal);
        }

        Assert.Equal("0", (await pair.CountsAsync()).Source);
    }

    [Fact]
    public async Task After_a_switch_routines_of_packages_run_where_the_schema_that_has_them_is()
    {
        await using var pair = await Pair.StartAsync("mariadb-11.8");
        foreach (var server in (LabServer[])[pair.Source, pair.Target])
        {
            await pair.Harness.DirectAsync(
                server,
                "CREATE PACKAGE pack PROCEDURE place(n INT); FUNCTION place_too(n INT) RETURNS INT; END",
                "CREATE PACKAGE BODY pack PROCEDURE place(n INT) INSERT INTO t VALUES (n); FUNCTION place_too(n INT) RETURNS INT BEGIN INSERT INTO t VALUES (n); RETURN n; END; END");
        }

        await pair.SwitchAsync();
        await using (var client = await pair.ConnectAsync(pair.Harness.Schema))
        {
            await client.QueryMultiAsync("CALL pack.place(1)"u8.ToArray(), default);
            Assert.Equal("2", (await client.QueryAsync("SELECT pack.place_too(2)", default)).GetString(0, 0));
        }

        foreach (var schema in (string?[])[null, pair.Other])
        {
            await using var client = await pair.ConnectAsync(schema);
            await client.QueryMultiAsync(pair.Sql("CALL shop.pack.place(3)"), default);
            Assert.Equal("4", (await client.QueryAsync(pair.Text("SELECT shop.pack.place_too(4)"), default)).GetString(0, 0));
        }

        Assert.Equal(("0", "6"), await pair.CountsAsync());
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task After_a_switch_a_statement_in_an_East_Asian_character_set_does_not_write_on_the_old_side(string name)
    {
        await using var pair = await Pair.StartAsync(name);
        await pair.SwitchAsync();
        await using var client = await pair.ConnectAsync(pair.Other);
        await client.ExecuteAsync("SET NAMES gbk", default);
        var refused = await Assert.ThrowsAsync<ServerErrorException>(
            () => client.ExecuteAsync((byte[])[.. pair.Sql("INSERT INTO shop.t VALUES (1) /* "), 0xD6, 0xD0, .. " */"u8], default));
        Assert.Contains("cannot tell which tables", refused.Message, StringComparison.Ordinal);
        await client.ExecuteAsync(pair.Text("USE shop"), default);
        await client.ExecuteAsync((byte[])[.. pair.Sql("INSERT INTO shop.t VALUES (1) /* "), 0xD6, 0xD0, .. " */"u8], default);
        Assert.Equal(("0", "1"), await pair.CountsAsync());
    }

    [Fact]
    public async Task A_definition_in_a_switched_schema_changes_on_the_new_side()
    {
        await using var pair = await Pair.StartAsync("mariadb-10.11");
        await pair.SwitchAsync();
        foreach (var schema in (string?[])[null, pair.Other])
        {
            await using var client = await pair.ConnectAsync(schema);
            await client.ExecuteAsync(pair.Text("DROP PROCEDURE shop.place"), default);
            await client.ExecuteAsync(pair.Text("CREATE PROCEDURE shop.place(n INT) INSERT INTO t VALUES (n), (n)"), default);
            await client.QueryMultiAsync(pair.Sql("CALL shop.place(1)"), default);
        }

        Assert.Equal(("0", "4"), await pair.CountsAsync());
        await using var last = await pair.ConnectAsync(pair.Other);
        await last.ExecuteAsync(pair.Text("DROP DATABASE shop"), default);
        Assert.Equal(("1", "0"), (await pair.SchemasAsync(pair.Source), await pair.SchemasAsync(pair.Target)));
    }

    [Fact]
    public async Task A_call_held_by_a_gate_in_a_session_without_a_schema_goes_to_the_new_side()
    {
        await using var pair = await Pair.StartAsync("mariadb-10.11");
        await using var client = await pair.ConnectAsync(null);
        var gate = await pair.Harness.HoldAsync("s", "t");
        await pair.Harness.WaitAckAsync(gate, ack => ack.Drained);
        var held = client.QueryMultiAsync(pair.Sql("CALL shop.place(1)"), default);
        await pair.Harness.HeldAsync(1);
        Assert.Equal(("0", "0"), await pair.CountsAsync());
        await pair.Harness.FlipAsync(gate);
        await held;
        Assert.Equal(("0", "1"), await pair.CountsAsync());
    }

    [Fact]
    public async Task What_names_nothing_of_a_migrated_schema_goes_on_where_it_was()
    {
        await using var pair = await Pair.StartAsync("mariadb-10.11");
        await pair.SwitchAsync();
        foreach (var schema in (string?[])[null, pair.Other])
        {
            await using var client = await pair.ConnectAsync(schema);
            await client.QueryMultiAsync(pair.Sql("CALL other.note(1)"), default);
            Assert.Equal("2", (await client.QueryAsync("SELECT 1 + 1", default)).GetString(0, 0));
            await client.ExecuteAsync("SET @q = 'SELECT 1'", default);
            await client.ExecuteAsync("FLUSH STATUS", default);
            Assert.NotEqual(0, (await client.QueryAsync("SHOW DATABASES", default)).RowCount);
            await client.QueryMultiAsync(pair.Sql("BEGIN NOT ATOMIC INSERT INTO other.notes VALUES (2); END"), default);
        }

        Assert.Equal("4", await pair.Harness.ScalarAsync(pair.Source, pair.Text("SELECT COUNT(*) FROM other.notes")));
    }

    [Fact]
    public async Task Text_to_be_executed_that_says_nothing_of_its_schema_is_refused_without_one_and_runs_where_a_transaction_is_open()
    {
        await using var pair = await Pair.StartAsync("mariadb-10.11");
        await pair.SwitchAsync();
        await using var client = await pair.ConnectAsync(null);
        await client.ExecuteAsync(pair.Text("SET @q = 'INSERT INTO shop.t VALUES (1)'"), default);
        var refused = await Assert.ThrowsAsync<ServerErrorException>(() => client.ExecuteAsync("EXECUTE IMMEDIATE @q", default));
        Assert.Equal(1105, refused.Code);
        Assert.Contains("Choose a schema first", refused.Message, StringComparison.Ordinal);

        await client.ExecuteAsync("BEGIN", default);
        await client.ExecuteAsync(pair.Text("DELETE FROM shop.t"), default);
        await client.ExecuteAsync("EXECUTE IMMEDIATE @q", default);
        await client.ExecuteAsync("COMMIT", default);
        Assert.Equal(("0", "1"), await pair.CountsAsync());
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_write_through_a_view_of_another_schema_is_held_and_goes_to_the_new_side(string name)
    {
        await using var pair = await Pair.StartAsync(name);
        await using var client = await pair.ConnectAsync(pair.Other);
        var gate = await pair.Harness.HoldAsync("s", "t");
        await pair.Harness.WaitAckAsync(gate, ack => ack.Drained);
        var held = client.ExecuteAsync("INSERT INTO seen_twice VALUES (1)", default);
        await pair.Harness.HeldAsync(1);
        Assert.Equal(("0", "0"), await pair.CountsAsync());

        // What is not about the gated schema is not held.
        await using (var beside = await pair.ConnectAsync(pair.Other))
        {
            await beside.ExecuteAsync("INSERT INTO notes VALUES (1)", default);
        }

        await pair.Harness.FlipAsync(gate);
        await held;
        Assert.Equal(("0", "1"), await pair.CountsAsync());
        Assert.Equal("1", (await client.QueryAsync("SELECT COUNT(*) FROM seen_twice", default)).GetString(0, 0));
    }

    [Fact]
    public async Task A_write_through_a_view_of_another_schema_that_began_before_the_gate_keeps_it_from_draining()
    {
        await using var pair = await Pair.StartAsync("mariadb-10.11");
        await pair.Harness.DirectAsync(pair.Source, "INSERT INTO t VALUES (1)");
        await using var locker = await BackendConnection.OpenAsync(ProxyHarness.Admin(pair.Source) with { Schema = pair.Harness.Schema }, default);
        await locker.ExecuteAsync("BEGIN", default);
        await locker.ExecuteAsync("UPDATE t SET a = 2", default);
        await using var client = await pair.ConnectAsync(pair.Other);
        var running = client.ExecuteAsync("UPDATE seen_twice SET a = 3", default);
        await ProxyHarness.UntilAsync(() => pair.Harness.Proxy.ListSessions().Any(session => session.State == "running"));
        var gate = await pair.Harness.HoldAsync("s", "t");
        var ack = await pair.Harness.WaitAckAsync(gate, ack => ack.Drained || !ack.Blockers.IsDefaultOrEmpty);
        Assert.False(ack.Drained);
        Assert.Equal("its statement runs", Assert.Single(ack.Blockers).Reason);
        await locker.ExecuteAsync("COMMIT", default);
        await running;
        await pair.Harness.WaitAckAsync(gate, ack => ack.Drained);
        await pair.Harness.AbandonAsync(gate);
    }

    /// <summary>A schema that is migrated whole, called shop in the statements, and one that is not, called other; both on both servers.</summary>
    private sealed class Pair(ProxyHarness harness, LabServer source, LabServer target) : IAsyncDisposable
    {
        public ProxyHarness Harness => harness;

        public LabServer Source => source;

        public LabServer Target => target;

        public string Other { get; } = LabServer.UniqueSchema();

        public static async Task<Pair> StartAsync(string name)
        {
            var (source, target) = (await LabServer.SharedAsync(name, "source"), await LabServer.SharedAsync(name, "target"));
            var pair = new Pair(await ProxyHarness.StartAsync(("s", source), ("t", target)), source, target);
            foreach (var server in (LabServer[])[source, target])
            {
                await pair.Harness.DirectAsync(server, [.. new[]
                {
                    "CREATE TABLE t (a INT)",
                    "CREATE PROCEDURE place(n INT) INSERT INTO t VALUES (n)",
                    "CREATE FUNCTION place_too(n INT) RETURNS INT DETERMINISTIC BEGIN INSERT INTO t VALUES (n); RETURN n; END",
                    "CREATE DATABASE other",
                    "CREATE TABLE other.notes (a INT)",
                    "CREATE PROCEDURE other.note(n INT) INSERT INTO notes VALUES (n)",
                    "CREATE VIEW other.seen AS SELECT a FROM shop.t",
                    "CREATE VIEW other.seen_twice AS SELECT a FROM other.seen",
                }.Select(pair.Text)]);
                if (name.StartsWith("mariadb", StringComparison.Ordinal))
                {
                    await pair.Harness.DirectAsync(server, "CREATE PROCEDURE not_understood() BEGIN FOR i IN 1..1 DO INSERT INTO t VALUES (i); END FOR; END");
                }
            }

            await pair.Harness.RouteAsync("s", "s");
            return pair;
        }

        public string Text(string sql) => sql.Replace("shop", Harness.Schema, StringComparison.Ordinal).Replace("other", Other, StringComparison.Ordinal);

        public byte[] Sql(string sql) => Encoding.UTF8.GetBytes(Text(sql));

        public Task<BackendConnection> ConnectAsync(string? schema) => BackendConnection.OpenAsync(Harness.Client with { Schema = schema }, default);

        public Task SwitchAsync() => Harness.RouteAsync("t", "t");

        public async Task<(string? Source, string? Target)> CountsAsync() =>
            (await Harness.ScalarAsync(source, "SELECT COUNT(*) FROM t"), await Harness.ScalarAsync(target, "SELECT COUNT(*) FROM t"));

        public async Task<string?> SchemasAsync(LabServer server)
        {
            await using var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
            return (await connection.QueryAsync($"SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{Harness.Schema}'", default)).GetString(0, 0);
        }

        public ValueTask DisposeAsync() => harness.DisposeAsync();
    }
}
