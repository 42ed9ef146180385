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
}
