using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Accounts are read in whatever form the server has them.</summary>
[Trait("Category", "Integration")]
public sealed class AccountTablesTests
{
    [Fact]
    public async Task A_MariaDB_with_the_tables_of_a_version_before_10_4_lets_its_accounts_in()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(
            server,
            "CREATE TABLE mysql.user_then AS SELECT * FROM mysql.user",
            "DROP VIEW mysql.user",
            "RENAME TABLE mysql.user_then TO mysql.user, mysql.global_priv TO mysql.global_priv_now");
        await using var client = await harness.ConnectAsync();
        Assert.Equal($"{ProxyHarness.AppUser}@%", (await client.QueryAsync("SELECT CURRENT_USER()", default)).GetString(0, 0));
    }

    /// <summary>It would show in the list of sessions, and take one of those the server allows.</summary>
    [Fact]
    public async Task The_connection_that_accounts_are_read_through_does_not_stay()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var admin = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        await using var client = await harness.ConnectAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (await OthersAsync(admin, server.User) != "0")
        {
            await Task.Delay(50, limit.Token);
        }

        Assert.Equal("1", await OthersAsync(admin, ProxyHarness.AppUser));
    }

    [Fact]
    public async Task Who_comes_while_the_server_takes_no_more_is_told_so_by_its_own_error()
    {
        const int TooManyConnections = 1040;
        await using var server = await LabServer.StartAsync("mariadb-10.11", "--max-connections=10");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var taken = new List<BackendConnection>();
        // The last of them takes the place that the server keeps for its administrator.
        var full = await FillAsync(() => BackendConnection.OpenAsync(ProxyHarness.Admin(server), default));
        Assert.Equal(TooManyConnections, full.Code);

        // One of the harness's own may still have been there, and have made room when it ended.
        var refused = await FillAsync(() => harness.ConnectAsync());
        Assert.Equal((TooManyConnections, "Too many connections"), (refused.Code, refused.ServerMessage));
        foreach (var one in taken)
        {
            await one.DisposeAsync();
        }

        async Task<ServerErrorException> FillAsync(Func<Task<BackendConnection>> open)
        {
            while (true)
            {
                try
                {
                    taken.Add(await open());
                }
                catch (ServerErrorException refused)
                {
                    return refused;
                }
            }
        }
    }

    private static async Task<string> OthersAsync(BackendConnection admin, string user) => (await admin.QueryAsync(
        $"SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{user}' AND id <> CONNECTION_ID()", default)).GetString(0, 0);
}
