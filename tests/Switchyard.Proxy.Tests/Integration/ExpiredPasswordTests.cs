using System.Text;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Accounts whose password has expired: let in to set another one and for nothing else, or not at all, as the server and the client have it.</summary>
[Trait("Category", "Integration")]
public sealed class ExpiredPasswordTests
{
    private const string Old = "old-password";
    private const string New = "new-password";

    [Theory]
    [InlineData("mysql-5.6", false)]
    [InlineData("mysql-9.7", false)]
    [InlineData("mysql-9.7", true)]
    [InlineData("mariadb-10.11", false)]
    [InlineData("mariadb-10.11", true)]
    public async Task An_expired_password_allows_through_the_proxy_what_it_allows_directly(string name, bool isUnusual)
    {
        // MySQL disconnects clients that know nothing of expired passwords unless told otherwise, MariaDB does not unless told so.
        string[] options = isUnusual ? [name.StartsWith("mysql", StringComparison.Ordinal) ? "--disconnect-on-expired-password=OFF" : "--disconnect-on-expired-password=ON"] : [];
        await using var server = await LabServer.StartAsync(name, options);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        foreach (var extra in new[] { Capabilities.None, Capabilities.CanHandleExpiredPasswords })
        {
            var direct = await UseAsync(harness, server, ProxyHarness.Admin(server), extra);
            var proxied = await UseAsync(harness, server, harness.Client with { Schema = null }, extra);
            Assert.Equal(direct, proxied);
            Assert.Contains(extra == Capabilities.None && isUnusual == name.StartsWith("mariadb", StringComparison.Ordinal) ? "1862" : "1820", string.Join('\n', proxied), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("mysql-9.7")]
    [InlineData("mariadb-10.11")]
    public async Task A_session_that_has_set_its_new_password_goes_on_where_it_is_and_says_why(string name)
    {
        var s = await LabServer.SharedAsync(name, "source");
        var t = await LabServer.SharedAsync(name, "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        var user = await CreateAsync(harness, s);
        await using var client = await BackendConnection.OpenAsync(
            harness.Client with { User = user, Password = Old, ExtraCapabilities = Capabilities.CanHandleExpiredPasswords }, default);
        await client.ExecuteAsync(SetPassword(name), default);
        await client.ExecuteAsync("SET @a = 1", default);
        await harness.RouteAsync("t", "t");
        Assert.Equal(s.Port.ToString(), (await client.QueryAsync("SELECT @@port", default)).GetString(0, 0));
        var refused = await Assert.ThrowsAsync<ServerErrorException>(() => client.QueryAsync("SELECT * FROM somewhere", default));
        Assert.Contains("its password had expired", refused.ServerMessage, StringComparison.Ordinal);
        Assert.Contains("must connect again", Assert.Single((await harness.SettledAsync())[0].Pins), StringComparison.Ordinal);
        await client.ResetAsync(default);
        Assert.Single((await harness.SettledAsync())[0].Pins);

        // Whoever connects again is nobody special.
        await harness.RouteAsync("s", "s");
        await using var again = await BackendConnection.OpenAsync(harness.Client with { User = user, Password = New }, default);
        Assert.Empty((await harness.SettledAsync()).Single(session => session.ConnectionId == again.Server.ConnectionId).Pins);
        await harness.DirectAsync(s, $"DROP USER {user}@'%'");
    }

    [Theory]
    [InlineData("mysql-9.7")]
    [InlineData("mariadb-10.11")]
    public async Task A_session_is_not_taken_to_where_its_password_has_expired_meanwhile(string name)
    {
        var s = await LabServer.SharedAsync(name, "source");
        var t = await LabServer.SharedAsync(name, "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        var user = LabServer.UniqueSchema();
        foreach (var server in new[] { s, t })
        {
            await harness.DirectAsync(server, $"CREATE USER {user}@'%' IDENTIFIED BY '{Old}'", $"GRANT ALL ON *.* TO {user}@'%'");
        }

        await harness.RouteAsync("t", "t");
        await using var client = await BackendConnection.OpenAsync(
            harness.Client with { User = user, Password = Old, ExtraCapabilities = Capabilities.CanHandleExpiredPasswords }, default);
        Assert.Equal(t.Port.ToString(), (await client.QueryAsync("SELECT @@port", default)).GetString(0, 0));
        await harness.DirectAsync(s, $"ALTER USER {user}@'%' PASSWORD EXPIRE");

        await harness.CommitAsync(harness.Repository.Begin().Put(new WarmRequest("w", "m", "s")));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        var warmed = await harness.View.WaitAsync(state => state.WarmAcks.ContainsKey(("w", "p1")), limit.Token);
        Assert.True(Assert.Single(warmed.WarmAcks[("w", "p1")].Failures).CannotLogIn);
        await harness.CommitAsync(harness.Repository.Begin().Delete(TopologyKeys.WarmRequest("w")));

        await harness.RouteAsync("s", "s");
        Assert.Equal(1820, (await Assert.ThrowsAsync<ServerErrorException>(() => client.QueryAsync("SELECT @@port", default))).Code);
        await harness.RouteAsync("t", "t");
        Assert.Equal(t.Port.ToString(), (await client.QueryAsync("SELECT @@port", default)).GetString(0, 0));
        Assert.Empty(Assert.Single(await harness.SettledAsync()).Pins);
        await harness.DirectAsync(s, $"DROP USER {user}@'%'");
        await harness.DirectAsync(t, $"DROP USER {user}@'%'");
    }

    /// <summary>The other side's accounts let nobody in, and servers do not say at the login that it allows nothing but a new password.</summary>
    [Theory]
    [InlineData("mysql-9.7", true)]
    [InlineData("mysql-9.7", false)]
    [InlineData("mariadb-10.11", true)]
    [InlineData("mariadb-10.11", false)]
    public async Task An_account_that_has_expired_on_the_other_side_is_named_before_anything_is_held_and_nobody_moves_there(string name, bool knowsOfExpiry)
    {
        var s = await LabServer.SharedAsync(name, "source");
        var t = await LabServer.SharedAsync(name, "target");
        await using var harness = await ProxyHarness.StartAsync(("s", s), ("t", t));
        var user = LabServer.UniqueSchema();
        foreach (var server in new[] { s, t })
        {
            await harness.DirectAsync(server, $"CREATE USER {user}@'%' IDENTIFIED BY '{Old}'", $"GRANT ALL ON *.* TO {user}@'%'");
        }

        await harness.DirectAsync(t, $"ALTER USER {user}@'%' PASSWORD EXPIRE");
        var options = harness.Client with { User = user, Password = Old, ExtraCapabilities = knowsOfExpiry ? Capabilities.CanHandleExpiredPasswords : Capabilities.None };
        await using var client = await BackendConnection.OpenAsync(options, default);
        await harness.CommitAsync(harness.Repository.Begin().Put(new WarmRequest("w", "m", "t")));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        var warmed = await harness.View.WaitAsync(state => state.WarmAcks.ContainsKey(("w", "p1")), limit.Token);
        var failure = Assert.Single(warmed.WarmAcks[("w", "p1")].Failures);
        Assert.True(failure.CannotLogIn && failure.Reason.Contains(user, StringComparison.Ordinal), failure.Reason);
        await harness.CommitAsync(harness.Repository.Begin().Delete(TopologyKeys.WarmRequest("w")));

        await harness.RouteAsync("t", "t");
        Assert.Contains((await Assert.ThrowsAsync<ServerErrorException>(() => client.QueryAsync("SELECT @@port", default))).Code, new[] { 1820, 1862 });
        Assert.Contains((await Assert.ThrowsAsync<ServerErrorException>(() => BackendConnection.OpenAsync(options, default))).Code, new[] { 1820, 1862 });
        await harness.RouteAsync("s", "s");
        Assert.Equal(s.Port.ToString(), (await client.QueryAsync("SELECT @@port", default)).GetString(0, 0));
        Assert.Empty(Assert.Single(await harness.SettledAsync()).Pins);
        await harness.DirectAsync(s, $"DROP USER {user}@'%'");
        await harness.DirectAsync(t, $"DROP USER {user}@'%'");
    }

    /// <summary>What comes of a login with an expired password and of all one might try after it.</summary>
    private static async Task<List<string>> UseAsync(ProxyHarness harness, LabServer server, ConnectionOptions options, Capabilities extra)
    {
        var user = await CreateAsync(harness, server);
        options = options with { User = user, Password = Old };
        List<string> seen = [];
        await SeeAsync("login", async () => await (await BackendConnection.OpenAsync(options with { ExtraCapabilities = extra }, default)).DisposeAsync());
        if (seen[0] == "login: done")
        {
            await using (var wire = await WireClient.OpenAsync(options, extra))
            {
                await wire.CommandAsync(CommandKind.ChangeUser, Encoding.UTF8.GetBytes($"{user}\0\0\0"));
                seen.Add($"change of the user: {wire.ErrorCode}");
                await wire.CommandAsync(CommandKind.Ping, default);
                seen.Add($"ping: {wire.ErrorCode}");
            }

            await using var client = await BackendConnection.OpenAsync(options with { ExtraCapabilities = extra }, default);
            await SeeAsync("select", () => client.QueryAsync("SELECT 1", default));
            await SeeAsync("set", () => client.ExecuteAsync("SET @a = 1", default));
            await SeeAsync("schema", () => client.ChangeSchemaAsync(harness.Schema, default));
            await SeeAsync("prepare", () => client.PrepareAsync("SELECT 1", default));
            await SeeAsync("ping", () => client.PingAsync(default));
            await SeeAsync("password", () => client.ExecuteAsync(SetPassword(server.Name), default));
            await SeeAsync("select", () => client.QueryAsync("SELECT 1", default));
            await SeeAsync("account", async () => seen.Add((await client.QueryAsync("SELECT CURRENT_USER()", default)).GetString(0, 0)));
            await SeeAsync("old password", () => BackendConnection.OpenAsync(options, default));
            await SeeAsync("new password", async () => await (await BackendConnection.OpenAsync(options with { Password = New }, default)).DisposeAsync());
        }

        await harness.DirectAsync(server, $"DROP USER {user}@'%'");
        return [.. seen.Select(line => line.Replace(user, "USER", StringComparison.Ordinal))];

        async Task SeeAsync(string what, Func<Task> action)
        {
            try
            {
                await action();
                seen.Add($"{what}: done");
            }
            catch (ServerErrorException error)
            {
                seen.Add($"{what}: {error.Message}");
            }
        }
    }

    private static async Task<string> CreateAsync(ProxyHarness harness, LabServer server)
    {
        var user = LabServer.UniqueSchema();
        await harness.DirectAsync(
            server, $"CREATE USER {user}@'%' IDENTIFIED BY '{Old}'", $"GRANT ALL ON *.* TO {user}@'%'", $"ALTER USER {user}@'%' PASSWORD EXPIRE");
        return user;
    }

    private static string SetPassword(string server) => server == "mysql-9.7" ? $"ALTER USER USER() IDENTIFIED BY '{New}'" : $"SET PASSWORD = PASSWORD('{New}')";
}
