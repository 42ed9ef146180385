using System.Net;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Login;
using Xunit;

namespace Switchyard.Proxy.Tests.Login;

public sealed class AccountOrderTests
{
    [Theory]
    [InlineData("", "10.1.2.3", null, true)]
    [InlineData("%", "10.1.2.3", null, true)]
    [InlineData("10.1.%", "10.1.2.3", null, true)]
    [InlineData("10.1.%", "10.11.2.3", null, false)]
    [InlineData("10.1.2._", "10.1.2.3", null, true)]
    [InlineData("10.1.2._", "10.1.2.33", null, false)]
    [InlineData("10.1.0.0/255.255.0.0", "10.1.2.3", null, true)]
    [InlineData("10.1.0.0/255.255.0.0", "10.2.2.3", null, false)]
    [InlineData("10.1.2.0/24", "10.1.2.3", null, true)]
    [InlineData("10.1.2.0/24", "10.1.3.3", null, false)]
    [InlineData("10.1.2.0/24", "::1", null, false)]
    [InlineData("localhost", "127.0.0.1", "localhost", true)]
    [InlineData("localhost", "127.0.0.1", null, false)]
    [InlineData("%.Example.COM", "10.0.0.1", "app.example.com", true)]
    [InlineData("%.example.com", "10.0.0.1", "example.org", false)]
    [InlineData("a\\_b", "10.0.0.1", "a_b", true)]
    [InlineData("a\\_b", "10.0.0.1", "axb", false)]
    [InlineData("::1", "::1", null, true)]
    public void A_host_matches_as_servers_match_it(string pattern, string address, string? name, bool matches) =>
        Assert.Equal(matches, HostPattern.Matches(pattern, IPAddress.Parse(address), name));

    /// <summary>The server itself says which account it takes; the directory must say the same, whatever the set of accounts.</summary>
    [Theory]
    [InlineData("mariadb-10.5")]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    [Trait("Category", "Integration")]
    public async Task The_account_chosen_is_the_one_the_server_chooses(string server)
    {
        var limit = new CancellationTokenSource(TimeSpan.FromMinutes(6)).Token;
        await using var lab = await LabServer.StartAsync(server);
        var options = ConnectionOptions.Parse(lab.Dsn);
        await using var admin = await BackendConnection.OpenAsync(options, limit);

        // An administrator no anonymous account can take precedence over.
        options = options with { User = "boss", Password = "x" };
        await admin.ExecuteMultiAsync("CREATE USER boss@127.0.0.1 IDENTIFIED BY 'x'; GRANT ALL ON *.* TO boss@127.0.0.1", limit);
        string[] hosts = ["%", "127.%", "127.0.0.1", "127.0.0._", "127.0.%", "localhost", "1__.0.0.1", "%1", "%.0.%", "127.0.0.0/255.255.255.0", "10.0.0.1", "_______._"];
        var random = new Random(14);
        int decided = 0, open = 0;
        for (var round = 0; round < 25; round++)
        {
            var user = LabServer.UniqueSchema();
            var chosen = hosts.Where(_ => random.Next(3) == 0).Select(host => (User: user, Host: host)).ToList();
            var anonymous = hosts.Where(_ => random.Next(10) == 0).Select(host => (User: "", Host: host)).ToList();
            foreach (var (name, host) in chosen.Concat(anonymous))
            {
                await admin.ExecuteAsync($"CREATE USER '{name}'@'{host}'", limit);
            }

            await using (var directory = new AccountDirectory(options, TimeProvider.System))
            {
                var match = await directory.FindAsync(user, IPAddress.Loopback, refresh: false, limit);
                var choice = await ServersChoiceAsync(options with { User = user, Password = null }, limit);
                var candidates = match.Candidates.Select(account => account.CurrentUser).ToList();
                Assert.True(choice is null ? candidates.Count == 0 : candidates.Contains(choice), $"{choice} of {string.Join(", ", candidates)}");
                decided += candidates.Count == 1 ? 1 : 0;
                open += candidates.Count > 1 ? 1 : 0;
                Assert.Equal(IPAddress.Loopback, match.Client.Address);
            }

            foreach (var (name, host) in chosen.Concat(anonymous))
            {
                await admin.ExecuteAsync($"DROP USER '{name}'@'{host}'", limit);
            }
        }

        // Ties are the exception: calling everything a tie would always agree with the server.
        Assert.True(decided > 2 * open, $"{decided} decided, {open} left open");
    }

    private static async Task<string?> ServersChoiceAsync(ConnectionOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await BackendConnection.OpenAsync(options, cancellationToken);
            return (await connection.QueryAsync("SELECT CURRENT_USER()", cancellationToken)).GetString(0, 0);
        }
        catch (ServerErrorException e) when (e.Code == 1045)
        {
            return null;
        }
    }
}
