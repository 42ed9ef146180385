using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>COM_CHANGE_USER between accounts of different plugins, begun with the right one or with another, as the server answers it.</summary>
[Trait("Category", "Integration")]
public sealed class ChangeUserTests
{
    private const string Password = "pässwörd 'x";

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
                Assert.Equal(["in", "one@%", "in", "other@%", "in", "one@%"], direct.Take(6));
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
        List<string> seen = [login, await client.WhoAsync()];
        foreach (var (user, password) in (IEnumerable<(string, string)>)[("other", Password), ("one", Password), .. s_refused[firstRefused..], .. s_refused[..firstRefused]])
        {
            if (seen[^1] != "closed")
            {
                seen.Add(await client.ChangeUserAsync(begin, user, password));
                seen.Add(await client.WhoAsync());
            }
        }

        return seen;
    }
}
