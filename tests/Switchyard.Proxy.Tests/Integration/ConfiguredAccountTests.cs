using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Accounts whose plugin proves without revealing are let in by the password of the configuration.</summary>
[Trait("Category", "Integration")]
public sealed class ConfiguredAccountTests
{
    private const string Password = "pässwörd 'of any length, even a long one'";

    [Fact]
    public async Task Accounts_of_ed25519_and_parsec_log_in_and_move()
    {
        await using var server = await LabServer.StartAsync(
            "mariadb-11.8", "--plugin-load-add=auth_ed25519", "--plugin-load-add=auth_parsec", "--plugin-maturity=unknown");
        var target = await LabServer.SharedAsync("mysql-9.7", "target");
        string[] plugins = ["ed25519", "parsec"];
        var options = new ProxyOptions { Id = "p1", Accounts = [.. plugins.Select(plugin => new ConfiguredAccount(plugin, "%", Password))] };
        await using var harness = await ProxyHarness.StartAsync(options, ("s", server), ("t", target));
        foreach (var plugin in plugins)
        {
            await harness.DirectAsync(server, $"CREATE USER {plugin}@'%' IDENTIFIED VIA {plugin} USING PASSWORD({SqlText.QuoteString(Password)})", $"GRANT ALL ON *.* TO {plugin}@'%'");
            await harness.DirectAsync(target, $"CREATE USER IF NOT EXISTS {plugin}@'%' IDENTIFIED BY {SqlText.QuoteString(Password)}", $"GRANT ALL ON *.* TO {plugin}@'%'");
            await using var direct = await BackendConnection.OpenAsync(ProxyHarness.Admin(server) with { User = plugin, Password = Password }, default);
            Assert.Equal(plugin == "ed25519" ? AuthPlugins.MariaDbEd25519 : AuthPlugins.Parsec, direct.AuthPlugin);
            Assert.Equal($"{plugin}@%", (await direct.QueryAsync("SELECT CURRENT_USER()", default)).GetString(0, 0));
            var refused = await Assert.ThrowsAsync<ServerErrorException>(
                () => BackendConnection.OpenAsync(ProxyHarness.Admin(server) with { User = plugin, Password = "wrong" }, default));

            var client = harness.Client with { User = plugin, Password = Password };
            foreach (var mode in new[] { SslMode.Disabled, SslMode.Required })
            {
                await using var session = await BackendConnection.OpenAsync(client with { SslMode = mode }, default);
                Assert.Equal($"{plugin}@%", (await session.QueryAsync("SELECT CURRENT_USER()", default)).GetString(0, 0));
                await harness.RouteAsync("t", "t");
                Assert.Equal(target.Port.ToString(), (await session.QueryAsync("SELECT @@port", default)).GetString(0, 0));
                await harness.RouteAsync("s", "s");
                await session.ChangeUserAsync(harness.Client, default);
                await session.ChangeUserAsync(client, default);
                Assert.Equal($"{plugin}@%", (await session.QueryAsync("SELECT CURRENT_USER()", default)).GetString(0, 0));
            }

            var wrong = await Assert.ThrowsAsync<ServerErrorException>(() => BackendConnection.OpenAsync(client with { Password = "wrong" }, default));
            Assert.Equal((refused.Code, Words(refused)), (wrong.Code, Words(wrong)));

            // The configuration's password is no more than the backend makes of it.
            await harness.DirectAsync(server, $"ALTER USER {plugin}@'%' IDENTIFIED VIA {plugin} USING PASSWORD('another')");
            Assert.Equal(1045, (await Assert.ThrowsAsync<ServerErrorException>(() => BackendConnection.OpenAsync(client, default))).Code);
        }

        await harness.DirectAsync(server, "CREATE USER unknown@'%' IDENTIFIED VIA ed25519 USING PASSWORD('x')");
        var unnamed = await Assert.ThrowsAsync<ServerErrorException>(() => BackendConnection.OpenAsync(harness.Client with { User = "unknown", Password = "x" }, default));
        Assert.Contains("'accounts' in the configuration", unnamed.ServerMessage, StringComparison.Ordinal);
    }

    /// <summary>Without the remark on the password: parsec's first answer is empty, so servers say it was not given.</summary>
    private static string Words(ServerErrorException error) => error.ServerMessage.Split(" (using")[0];

    [Fact]
    public async Task A_client_that_begins_with_the_sha2_plugin_is_believed_at_once()
    {
        var server = await LabServer.SharedAsync("mysql-9.7", "source");
        var options = new ProxyOptions { Id = "p1", Accounts = [new ConfiguredAccount(ProxyHarness.AppUser, "%", ProxyHarness.AppPassword)] };
        await using var harness = await ProxyHarness.StartAsync(options, ("s", server));
        await using var client = await BackendConnection.OpenAsync(harness.Client with { SslMode = SslMode.Disabled, AllowPublicKeyRetrieval = false }, default);
        Assert.Equal(AuthPlugins.CachingSha2Password, client.AuthPlugin);
        Assert.Equal(1045, (await Assert.ThrowsAsync<ServerErrorException>(() => BackendConnection.OpenAsync(harness.Client with { Password = "wrong" }, default))).Code);
        Assert.Equal(1045, (await Assert.ThrowsAsync<ServerErrorException>(() => BackendConnection.OpenAsync(harness.Client with { Password = null }, default))).Code);
    }
}
