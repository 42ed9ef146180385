using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;
using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>COM_CHANGE_USER between accounts of different plugins, begun with the right one or with another, as the server answers it.</summary>
[Trait("Category", "Integration")]
public sealed class ChangeUserTests
{
    private const string Password = "pässwörd 'x";

    /// <summary>Refused for what is missing where several statements are allowed, else as one that makes no sense.</summary>
    private static readonly byte[] s_several = "SELECT * FROM missing.missing; DO 1"u8.ToArray();

    private static readonly (string User, string Password)[] s_refused = [("other", "wrong"), ("nobody_knows", Password), ("one", "")];

    [Theory]
    [InlineData("mysql-5.6", "mysql_native_password", "mysql_native_password")]
    [InlineData("mariadb-10.11", "mysql_native_password", "ed25519")]
    [InlineData("mysql-9.7", "caching_sha2_password", "sha256_password")]
    public async Task The_user_changes_from_plugin_to_plugin_as_directly(string name, string one, string other)
    {
        await using var server = await LabServer.StartAsync(name, name.StartsWith("mariadb", StringComparison.Ordinal) ? ["--plugin-load-add=auth_ed25519"] : []);
        var options = new ProxyOptions { Id = "p1", Accounts = [new ConfiguredAccount("other", "%", Password)] };
        await using var harness = await ProxyHarness.StartAsync(other == "ed25519" ? options : options with { Accounts = [] }, ("s", server));
        await harness.DirectAsync(server, Create("one", one, name), Create("other", other, name));
        foreach (var begin in new[] { AuthPlugins.NativePassword, AuthPlugins.CachingSha2Password, "" })
        {
            for (var first = 0; first < s_refused.Length; first++)
            {
                var direct = await UseAsync(server.Port, begin, first);
                Assert.Equal(["in", "one@% 1", "in", "other@% 1", "in", "one@% 1"], direct.Take(6));
                Assert.Equal(direct, await UseAsync(harness.Client.Port, begin, first));
            }
        }
    }

    [Fact]
    public async Task A_refused_change_resets_the_session_and_not_the_count_of_its_users_wrong_passwords()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11", "--max-password-errors=2");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var direct = await GuessAsync(harness, server, "by_itself", server.Port);
        Assert.Equal(direct, await GuessAsync(harness, server, "through", harness.Client.Port));
        Assert.StartsWith("4150", direct[^1], StringComparison.Ordinal);
    }

    /// <summary>Options are not of the user's session: several statements in one text stay allowed, or forbidden, and spaces in front of parentheses are as by the server's default.</summary>
    [Theory]
    [InlineData("mysql-5.6")]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task What_the_client_has_asked_for_at_login_or_since_outlasts_a_reset_or_not_as_directly(string name)
    {
        await using var server = await LabServer.StartAsync(name, "--interactive-timeout=4321");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var plugin = name == "mysql-9.7" ? AuthPlugins.CachingSha2Password : AuthPlugins.NativePassword;
        foreach (var extra in new[] { Capabilities.IgnoreSpace | Capabilities.Interactive, Capabilities.MultiStatements | Capabilities.MultiResults })
        {
            Assert.Equal(await ResetAsync(server.Port, plugin, extra), await ResetAsync(harness.Client.Port, plugin, extra));
        }
    }

    [Theory]
    [InlineData("mariadb-11.8", "mysql_native_password", 2304)]
    [InlineData("mariadb-11.8", "mysql_native_password", 1070)]
    [InlineData("mysql-9.7", "caching_sha2_password", 309)]
    public async Task A_collation_of_a_number_above_one_byte_is_the_sessions_wherever_it_lives(string name, string plugin, int collation)
    {
        var (server, other) = (await LabServer.SharedAsync(name, "source"), await LabServer.SharedAsync(name, "target"));
        await using var harness = await ProxyHarness.StartAsync(("s", server), ("t", other));
        await harness.RouteAsync("t", "t");
        var direct = await CollateAsync(server.Port, plugin, "", (ushort)collation);
        Assert.Equal(direct, await CollateAsync(harness.Client.Port, plugin, "", (ushort)collation));
        Assert.Equal(direct, await CollateAsync(harness.Client.Port, plugin, harness.Schema, (ushort)collation));
    }

    [Theory]
    [InlineData("mariadb-10.5")]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    public async Task The_character_set_behind_a_refused_change_is_as_directly(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        Assert.Equal(await FallBackAsync(server.Port), await FallBackAsync(harness.Client.Port));
    }

    private static async Task<List<string>> CollateAsync(int port, string plugin, string schema, ushort collation)
    {
        var (client, login) = await LoginClient.LogInAsync(port, plugin, ProxyHarness.AppUser, ProxyHarness.AppPassword);
        await using var session = client;
        return [login, await client.ChangeUserAsync(plugin, ProxyHarness.AppUser, ProxyHarness.AppPassword, schema, collation), await client.AskAsync(Names)];
    }

    private static async Task<List<string>> FallBackAsync(int port)
    {
        const byte Latin1 = 8;
        var plugin = AuthPlugins.NativePassword;
        var (client, login) = await LoginClient.LogInAsync(port, plugin, ProxyHarness.AppUser, ProxyHarness.AppPassword, collation: Latin1);
        await using var session = client;
        List<string> seen = [login, await client.AskAsync(Names)];
        foreach (var (password, collation) in new (string, ushort)[] { ("wrong", 33), (ProxyHarness.AppPassword, 45), ("wrong", Latin1), (ProxyHarness.AppPassword, 33) })
        {
            await client.CommandAsync(CommandKind.Query, "SET NAMES greek"u8.ToArray());
            seen.Add(await client.ChangeUserAsync(plugin, ProxyHarness.AppUser, password, collation: collation));
            seen.Add(await client.AskAsync(Names));
        }

        return seen;
    }

    private const string Names = "SELECT CONCAT_WS(' ', @@character_set_client, @@character_set_results, @@collation_connection)";

    private static async Task<List<string>> ResetAsync(int port, string plugin, Capabilities extra)
    {
        const string Settings = "SELECT CONCAT_WS(' ', @@sql_mode LIKE '%IGNORE_SPACE%', @@wait_timeout)";
        var turnsOff = (byte)((extra & Capabilities.MultiStatements) != 0 ? 1 : 0);
        var (client, login) = await LoginClient.LogInAsync(port, plugin, ProxyHarness.AppUser, ProxyHarness.AppPassword, extra: extra);
        await using var session = client;
        List<string> seen = [login, await client.AskAsync(Settings), await client.CommandAsync(CommandKind.Query, s_several)];
        seen.Add(await client.CommandAsync(CommandKind.SetOption, turnsOff, 0));
        seen.Add(await client.CommandAsync(CommandKind.Query, s_several));
        seen.Add(await client.CommandAsync(CommandKind.ResetConnection));
        seen.Add(await client.AskAsync(Settings));
        seen.Add(await client.CommandAsync(CommandKind.Query, s_several));
        seen.Add(await client.ChangeUserAsync(plugin, ProxyHarness.AppUser, ProxyHarness.AppPassword));
        seen.Add(await client.AskAsync(Settings));
        seen.Add(await client.CommandAsync(CommandKind.Query, s_several));
        return seen;
    }

    [Fact]
    public async Task An_answer_within_a_change_that_is_none_closes_the_connection()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var (client, login) = await LoginClient.LogInAsync(harness.Client.Port, AuthPlugins.NativePassword, ProxyHarness.AppUser, ProxyHarness.AppPassword);
        await using var session = client;
        Assert.Equal("in", login);
        Assert.True(await client.BreakChangeOfUserAsync(AuthPlugins.CachingSha2Password, ProxyHarness.AppUser, "mysql", new byte[5000]));
        Assert.Empty(harness.Errors);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task Nothing_of_the_user_before_is_left(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, "CREATE TABLE t (a INT)");
        await using var client = await harness.ConnectAsync();
        await client.ExecuteAsync("SET @a = 1, SESSION sql_mode = 'ANSI_QUOTES'", default);
        await client.ExecuteAsync("CREATE TEMPORARY TABLE tmp (a INT)", default);
        await client.ExecuteAsync("BEGIN", default);
        await client.ExecuteAsync("INSERT INTO t VALUES (1)", default);
        await client.QueryAsync($"SELECT GET_LOCK('{harness.Schema}', 0)", default);
        await client.ChangeUserAsync(harness.Client, default);
        var left = await client.QueryAsync(
            $"SELECT @a, @@sql_mode LIKE '%ANSI_QUOTES%', (SELECT COUNT(*) FROM t), IS_FREE_LOCK('{harness.Schema}'), DATABASE(), CONNECTION_ID() = {client.Server.ConnectionId}", default);
        Assert.Equal([null, "0", "0", "1", harness.Schema, "1"], Enumerable.Range(0, 6).Select(i => left.GetStringOrNull(0, i)));
        Assert.Equal(1146, (await Assert.ThrowsAsync<ServerErrorException>(() => client.QueryAsync("SELECT * FROM tmp", default))).Code);
        Assert.Empty(Assert.Single(await harness.SettledAsync()).Pins);
        Assert.Equal("\"\"", (await client.QueryAsync("SELECT '\"\"'", default)).GetString(0, 0));
    }

    [Fact]
    public async Task A_change_of_user_that_its_client_does_not_go_on_with_holds_up_no_switch_and_is_ended()
    {
        var source = await LabServer.SharedAsync("mariadb-10.11", "source");
        var target = await LabServer.SharedAsync("mariadb-10.11", "target");
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", LoginTimeout = TimeSpan.FromSeconds(5) }, ("s", source), ("t", target));
        await harness.RouteAsync("s", "s");
        var (client, login) = await LoginClient.LogInAsync(harness.Client.Port, AuthPlugins.NativePassword, ProxyHarness.AppUser, ProxyHarness.AppPassword);
        await using var session = client;
        Assert.Equal("in", login);
        await client.BeginChangeOfUserAsync(AuthPlugins.CachingSha2Password, ProxyHarness.AppUser, harness.Schema);
        var gate = await harness.HoldAsync("s", "t");
        await harness.WaitAckAsync(gate, ack => ack.Drained);
        await ProxyHarness.UntilAsync(() => harness.Proxy.SessionCount == 0);
        Assert.Empty(harness.Errors);
    }

    private static async Task<List<string>> GuessAsync(ProxyHarness harness, LabServer server, string user, int port)
    {
        await harness.DirectAsync(server, $"CREATE USER {user}@'%' IDENTIFIED BY {SqlText.QuoteString(Password)}", $"GRANT ALL ON {harness.Schema}.* TO {user}@'%'");
        var (client, login) = await LoginClient.LogInAsync(port, AuthPlugins.NativePassword, user, Password);
        await using var session = client;
        List<string> seen = [login, await client.AskAsync($"SELECT @a := {client.ConnectionId} = CONNECTION_ID()")];
        seen.Add(await client.AskAsync($"SELECT GET_LOCK('{user}', 0)"));
        seen.Add(await client.ChangeUserAsync(AuthPlugins.NativePassword, user, "wrong"));
        seen.Add(await client.AskAsync($"SELECT CONCAT_WS(' ', IFNULL(@a, 'forgotten'), IS_FREE_LOCK('{user}'), CONNECTION_ID() = {client.ConnectionId}, DATABASE())"));
        seen.Add(await client.ChangeUserAsync(AuthPlugins.NativePassword, user, "wrong"));
        seen.Add(await client.WhoAsync());
        seen.Add(await client.ChangeUserAsync(AuthPlugins.NativePassword, user, Password));
        return [.. seen.Select(line => line.Replace(user, "USER", StringComparison.Ordinal))];
    }

    private static string Create(string user, string plugin, string server) =>
        $"CREATE USER {user}@'%' IDENTIFIED " + server switch
        {
            "mysql-5.6" => $"BY {SqlText.QuoteString(Password)}",
            "mysql-9.7" => $"WITH {plugin} BY {SqlText.QuoteString(Password)}",
            _ => $"VIA {plugin} USING PASSWORD({SqlText.QuoteString(Password)})",
        };

    /// <summary>Changes the user there and back, and then to what is refused, as long as the connection lives: MySQL ends it, MariaDB does not.</summary>
    private static async Task<List<string>> UseAsync(int port, string begin, int firstRefused)
    {
        var (client, login) = await LoginClient.LogInAsync(port, begin, "one", Password);
        await using var session = client;
        List<string> seen = [login, await WhoAsync(client)];
        foreach (var (user, password) in (IEnumerable<(string, string)>)[("other", Password), ("one", Password), .. s_refused[firstRefused..], .. s_refused[..firstRefused]])
        {
            if (seen[^1] != "closed")
            {
                seen.Add(await client.ChangeUserAsync(begin, user, password));
                seen.Add(await WhoAsync(client));
            }
        }

        return seen;
    }

    /// <summary>Whose the session is, and whether the server knows it by the number its client was greeted with.</summary>
    private static Task<string> WhoAsync(LoginClient client) => client.AskAsync($"SELECT CONCAT(CURRENT_USER(), ' ', CONNECTION_ID() = {client.ConnectionId})");
}
