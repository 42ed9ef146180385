using System.Net;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Topology;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Logins that fail at the proxy fail at the server as well, which counts them, locks accounts for them, and has the last word on them.</summary>
[Trait("Category", "Integration")]
public sealed class WrongPasswordTests
{
    private const string Right = "right-password";
    private const string Wrong = "wrong-password";

    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(4)).Token;

    [Theory]
    [InlineData("mariadb-10.11", "")]
    [InlineData("mariadb-11.8", "")]
    [InlineData("mysql-9.7", "FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 1")]
    public async Task Wrong_passwords_lock_an_account_and_a_right_one_starts_anew_as_without_the_proxy(string name, string limits)
    {
        await using var server = await LabServer.StartAsync(name, Counting(name));
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        string[] passwords = [Right, Wrong, Wrong, Right, Wrong, "", Wrong, Right, Wrong, Wrong, Wrong, Right, Wrong, ""];
        var direct = await AttemptsAsync(harness, server, "by_itself", limits, ProxyHarness.Admin(server), passwords);
        var proxied = await AttemptsAsync(harness, server, "through", limits, harness.Client with { Schema = null }, passwords);
        Assert.Equal(direct, proxied);
        Assert.Equal("in", proxied[3]);
        Assert.NotEqual("in", proxied[11]);
        Assert.DoesNotContain("1045", proxied[11], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task The_server_has_seen_every_login_that_was_refused(string name)
    {
        await using var server = await LabServer.StartAsync(name);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        foreach (var (user, password) in new[] { (ProxyHarness.AppUser, Wrong), (ProxyHarness.AppUser, ""), ("nobody_knows", Wrong) })
        {
            var before = await AbortedAsync(server);
            Assert.StartsWith("1045", await AttemptAsync(harness.Client with { User = user, Password = password }), StringComparison.Ordinal);
            Assert.Equal(before + 1, await AbortedSinceAsync(server, before));
        }
    }

    [Fact]
    public async Task Where_a_session_would_live_elsewhere_its_logins_count_where_the_accounts_are()
    {
        await using var server = await LabServer.StartAsync("mariadb-10.11", Counting("mariadb-10.11"));
        var elsewhere = await LabServer.SharedAsync("mariadb-10.11", "target");
        await using var harness = await ProxyHarness.StartAsync(("s", server), ("t", elsewhere));
        await harness.RouteAsync("t", "t");
        await harness.CommitAsync(harness.Repository.Begin().Put(new LegCredential("t", "through", "%", ProxyHarness.AppUser, ProxyHarness.AppPassword)));
        var ended = await AttemptsAsync(harness, server, "through", "", harness.Client, Wrong, Wrong, Right, Wrong, Wrong, Right, Wrong, Wrong, Wrong, Right);
        Assert.Equal(["1045", "1045", "in", "1045", "1045", "in", "1045", "1045", "1045"], ended.Take(9).Select(one => one.Split(' ')[0]));
        Assert.StartsWith("4150", ended[9], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mysql-9.7", SslMode.Disabled)]
    [InlineData("mysql-9.7", SslMode.Required)]
    [InlineData("mariadb-10.11", SslMode.Disabled)]
    public async Task A_name_that_is_not_known_is_asked_for_its_password_like_any_other(string name, SslMode mode)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));

        // Such a client gives no password away, and sees at what step it is asked for one.
        var client = harness.Client with { SslMode = mode, AllowPublicKeyRetrieval = false, Password = Wrong };
        var known = await Record.ExceptionAsync(() => BackendConnection.OpenAsync(client, default));
        var unknown = await Record.ExceptionAsync(() => BackendConnection.OpenAsync(client with { User = "nobody" }, default));
        Assert.NotNull(known);
        Assert.Equal(known.Message.Replace(ProxyHarness.AppUser, "nobody", StringComparison.Ordinal), unknown?.Message);
    }

    [Fact]
    public async Task Where_the_server_takes_the_proxy_for_somebody_without_a_password_the_client_is_refused_still()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var user = harness.Schema;
        await harness.DirectAsync(server, $"CREATE USER {user}@'127.0.0.2' IDENTIFIED BY '{Right}'", $"CREATE USER {user}@'127.0.0.1'");
        foreach (var password in new[] { "", Wrong })
        {
            await using var client = await RawClient.ConnectAsync(harness.Proxy.EndPoint, IPAddress.Parse("127.0.0.2"));
            await client.SendPacketAsync(RawClient.Login(await client.ReadGreetingAsync(), user, password), 1);
            Assert.Equal(1045, ErrorPayload.Parse(await client.ReadPacketAsync()).Code);
        }

        await harness.DirectAsync(server, $"DROP USER {user}@'127.0.0.2', {user}@'127.0.0.1'");
    }

    [Theory]
    [InlineData("mariadb-10.11", false)]
    [InlineData("mariadb-10.11", true)]
    [InlineData("mysql-9.7", false)]
    public async Task Guesses_from_elsewhere_lock_no_account_that_is_not_theirs_and_hear_of_none(string name, bool hasOneThere)
    {
        await using var server = await LabServer.StartAsync(name, Counting(name));
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var limits = name == "mysql-9.7" ? "FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 1" : "";

        // The server sees the proxy as the first, whoever its client is.
        await harness.DirectAsync(server, $"CREATE USER one@'127.0.0.1' IDENTIFIED BY '{Right}' {limits}");
        if (hasOneThere)
        {
            await harness.DirectAsync(server, $"CREATE USER one@'127.0.0.2' IDENTIFIED BY '{Wrong}'");
        }

        List<string> heard = [];
        for (var guess = 0; guess < 5; guess++)
        {
            var before = await AbortedAsync(server);
            var (client, outcome) = await LoginClient.LogInAsync(harness.Client.Port, AuthPlugins.NativePassword, "one", "a guess", IPAddress.Parse("127.0.0.2"));
            await client.DisposeAsync();
            heard.Add(outcome);
            Assert.Equal(before + 1, await AbortedSinceAsync(server, before));
        }

        Assert.Equal("1045 Access denied for user 'one'@'127.0.0.2'", Assert.Single(heard.Distinct()).Replace("localhost", "127.0.0.2", StringComparison.Ordinal));
        Assert.Equal("in", await AttemptAsync(ProxyHarness.Admin(server) with { User = "one", Password = Right }));
    }

    private static string[] Counting(string name) => name.StartsWith("mariadb", StringComparison.Ordinal) ? ["--max-password-errors=3"] : [];

    /// <summary>What came of the attempts of a new account.</summary>
    private static async Task<List<string>> AttemptsAsync(
        ProxyHarness harness, LabServer server, string user, string limits, ConnectionOptions options, params string[] passwords)
    {
        await harness.DirectAsync(server, $"CREATE USER {user}@'%' IDENTIFIED BY '{Right}' {limits}");
        List<string> ended = [];
        foreach (var password in passwords)
        {
            ended.Add((await AttemptAsync(options with { User = user, Password = password })).Replace(user, "USER", StringComparison.Ordinal));
        }

        return ended;
    }

    /// <summary>Logs in, and says what came of it in the server's words.</summary>
    private static async Task<string> AttemptAsync(ConnectionOptions options)
    {
        try
        {
            await using var connection = await BackendConnection.OpenAsync(options, default);
            return "in";
        }
        catch (ServerErrorException error)
        {
            return $"{error.Code} {error.SqlState} {error.ServerMessage}";
        }
    }

    /// <summary>The next count, which comes behind the answer.</summary>
    private async Task<long> AbortedSinceAsync(LabServer server, long before)
    {
        long counted;
        while ((counted = await AbortedAsync(server)) == before)
        {
            await Task.Delay(20, _limit);
        }

        return counted;
    }

    private static async Task<long> AbortedAsync(LabServer server)
    {
        await using var connection = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), default);
        return long.Parse((await connection.QueryAsync("SHOW GLOBAL STATUS LIKE 'Aborted_connects'", default)).GetString(0, 1), null);
    }
}
