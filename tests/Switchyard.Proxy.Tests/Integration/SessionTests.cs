using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>What clients do with their sessions, and how sessions end.</summary>
[Trait("Category", "Integration")]
public sealed class SessionTests
{
    public static TheoryData<string> Servers => ["mariadb-10.11", "mysql-9.7"];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_reset_connection_is_a_fresh_session(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("SET @a = 1", default);
        await client.ExecuteAsync("CREATE TEMPORARY TABLE tmp (a INT)", default);
        Assert.NotEmpty((await harness.SettledAsync())[0].Pins);
        await client.ResetAsync(default);
        Assert.Empty((await harness.SettledAsync())[0].Pins);
        Assert.Null((await client.QueryAsync("SELECT @a", default)).GetStringOrNull(0, 0));
    }

    /// <summary>MySQL ends such a call with the flag that also says that the client has a cursor.</summary>
    [Fact]
    public async Task A_cursor_that_a_procedure_left_unread_is_no_reason_to_stay()
    {
        var server = await LabServer.SharedAsync("mysql-9.7", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, "CREATE PROCEDURE one() BEGIN DECLARE x INT; DECLARE c CURSOR FOR SELECT 1 UNION SELECT 2; OPEN c; FETCH c INTO x; SELECT x; END");
        await using var client = await WireClient.OpenAsync(harness.Client, default);
        await client.CommandAsync(CommandKind.StatementPrepare, "CALL one()"u8.ToArray(), ResponseShape.Prepared);
        await client.CommandAsync(CommandKind.StatementExecute, WireScript.Execute(client.Prepared[0], 1));
        Assert.Equal(0, client.ErrorCode);
        Assert.Empty((await harness.SettledAsync())[0].Pins);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Changing_the_user_logs_in_anew(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(
            server, $"CREATE USER {harness.Schema}@'%' IDENTIFIED BY 'other-password'", $"GRANT ALL ON *.* TO {harness.Schema}@'%'");
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("SET @a = 1", default);
        await client.ChangeUserAsync(harness.Client with { User = harness.Schema, Password = "other-password" }, default);
        var answer = await client.QueryAsync("SELECT CURRENT_USER(), @a, DATABASE()", default);
        Assert.Equal($"{harness.Schema}@%", answer.GetString(0, 0));
        Assert.True(answer.IsNull(0, 1));
        Assert.Equal(harness.Schema, answer.GetString(0, 2));
        await harness.DirectAsync(server, $"DROP USER {harness.Schema}@'%'");
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task A_client_kills_another_by_the_id_that_one_sees(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var killer = await harness.ConnectAsync();
        await using var victim = await harness.ConnectAsync();
        var sleeping = victim.QueryAsync("SELECT SLEEP(60)", default);
        await killer.ExecuteAsync($"KILL QUERY {victim.Server.ConnectionId}", default);
        var slept = await Record.ExceptionAsync(() => sleeping);
        Assert.True(slept is null or ServerErrorException { Code: 1317 }, slept?.Message);
        Assert.Equal("1", (await victim.QueryAsync("SELECT 1", default)).GetString(0, 0));
        await killer.ExecuteAsync($"KILL {victim.Server.ConnectionId}", default);
        await Assert.ThrowsAnyAsync<Exception>(() => victim.QueryAsync("SELECT 1", default));
        Assert.Equal("1", (await killer.QueryAsync("SELECT 1", default)).GetString(0, 0));
    }

    [Theory]
    [InlineData("mariadb-10.11", "source")]
    [InlineData("mysql-9.7", "statements that are no text")]
    public async Task What_a_departed_client_left_running_is_ended_before_a_gate_is_drained(string name, string role)
    {
        var s = await LabServer.SharedAsync(name, role);
        var t = await LabServer.SharedAsync(name, "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        await harness.DirectAsync(s, "CREATE TABLE slow (a INT)", "INSERT INTO slow VALUES (1)");
        await harness.RouteAsync("s", "s");
        var client = await harness.ConnectAsync();

        // While a text like this one runs, MySQL's information_schema.processlist is an error.
        var running = client.ExecuteAsync((byte[])[.. "UPDATE slow SET a = 2 + SLEEP(60) /* \U0001F600 "u8, 0xFF, .. " */"u8], default);
        while (!await IsRunningAsync(s))
        {
            await Task.Delay(20);
        }

        Assert.True(harness.Proxy.KillSession(harness.Proxy.ListSessions()[0].Id, "the test ends it"));
        await Assert.ThrowsAnyAsync<Exception>(() => running);
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        Assert.False(await IsRunningAsync(s));
        Assert.Equal("1", await harness.ScalarAsync(s, "SELECT a FROM slow"));
        await client.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Several_statements_at_once_have_several_answers(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await harness.ConnectAsync();
        var answers = await client.QueryMultiAsync("SELECT 1; DO 0; SELECT 2, 3"u8.ToArray(), default);
        Assert.Equal(3, answers.Count);
        Assert.Equal("3", answers[2].GetString(0, 1));
    }

    [Fact]
    public async Task Sessions_are_listed_and_can_be_killed()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("BEGIN", default);
        await client.ExecuteAsync("CREATE TEMPORARY TABLE tmp (a INT)", default);
        var session = Assert.Single(await harness.SettledAsync());
        Assert.Equal(ProxyHarness.AppUser, session.User);
        Assert.Equal(harness.Schema, session.Schema);
        Assert.Equal("s", session.Backend);
        Assert.True(session.InTransaction);
        Assert.Contains("temporary tables", session.Pins[0], StringComparison.Ordinal);
        Assert.True(harness.Proxy.KillSession(session.Id, "the test ends it"));
        await Assert.ThrowsAnyAsync<Exception>(() => client.QueryAsync("SELECT 1", default));
        Assert.False(harness.Proxy.KillSession(12345, "nobody"));
    }

    private static async Task<bool> IsRunningAsync(LabServer server)
    {
        await using var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        return (await connection.QueryAsync("SHOW PROCESSLIST", default)).Rows.Any(
            row => !row.IsNull(7) && row.GetBytes(7).StartsWith("UPDATE slow SET a = 2 + SLEEP"u8));
    }
}
