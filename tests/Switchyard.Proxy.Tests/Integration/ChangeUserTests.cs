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
