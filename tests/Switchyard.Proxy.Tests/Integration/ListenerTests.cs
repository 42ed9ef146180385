using System.Net;
using System.Text;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>Who is let in, as whom, until when.</summary>
[Trait("Category", "Integration")]
public sealed class ListenerTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    [InlineData(31)]
    [InlineData(200_000)]
    public async Task A_login_that_makes_no_sense_is_told_so(int length)
    {
        await using var harness = await ProxyHarness.StartAsync(("s", await LabServer.SharedAsync("mariadb-10.11", "source")));
        await using var client = await RawClient.ConnectAsync(harness.Proxy.EndPoint);
        await client.ReadGreetingAsync();
        await client.SendPacketAsync(new byte[length], 1);
        var answer = (await client.ReadPacketAsync())!;
        Assert.Equal("#08S01Bad handshake", System.Text.Encoding.ASCII.GetString(answer.AsSpan(3)));
    }

    private static readonly ProxyOptions s_behindBalancer = new() { Id = "p1", ProxyProtocolNetworks = [IPNetwork.Parse("127.0.0.0/30")] };

    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(5)).Token;

    [Fact]
    public async Task Behind_a_load_balancer_the_account_is_chosen_by_the_address_it_names()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(s_behindBalancer, ("s", server));
        var user = harness.Schema;
        await harness.DirectAsync(server, $"CREATE USER {user}@'10.7.%' IDENTIFIED BY 'pw'");
        try
        {
            // The backend sees the proxy's address, so only an account that lets both in can be used.
            foreach (var (header, expected) in new[]
            {
                ("PROXY TCP4 10.7.0.1 10.0.0.1 4321 3306\r\n", $"Access denied for user '{user}'@'10.7.0.1'"),
                ("PROXY TCP4 10.8.0.1 10.0.0.1 4321 3306\r\n", $"Access denied for user '{user}'@'10.8.0.1'"),
                ("PROXY UNKNOWN\r\n", $"Access denied for user '{user}'@'localhost'"),
                ("", $"Access denied for user '{user}'@'localhost'"),
            })
            {
                await using var client = await RawClient.ConnectAsync(harness.Proxy.EndPoint);
                await client.SendAsync(Encoding.ASCII.GetBytes(header), _limit);
                var greeting = await client.ReadGreetingAsync(_limit);
                await client.SendPacketAsync(RawClient.Login(greeting, user, "pw"), 1, _limit);
                var error = Encoding.UTF8.GetString((await client.ReadPacketAsync(_limit))!);
                Assert.Contains(expected.Replace("localhost", error.Contains("localhost", StringComparison.Ordinal) ? "localhost" : "127.0.0.1", StringComparison.Ordinal), error, StringComparison.Ordinal);
            }
        }
        finally
        {
            await harness.DirectAsync(server, $"DROP USER {user}@'10.7.%'");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_client_a_header_names_is_the_one_that_is_shown(bool isBinary)
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(s_behindBalancer, ("s", server));
        await using var client = await RawClient.ConnectAsync(harness.Proxy.EndPoint);
        await client.SendAsync(
            isBinary
                ? [.. "\r\n\r\n\0\r\nQUIT\n"u8, 0x21, 0x11, 0, 12, 10, 7, 0, 1, 10, 0, 0, 1, 0x10, 0xE1, 0x0C, 0xEA]
                : "PROXY TCP4 10.7.0.1 10.0.0.1 4321 3306\r\n"u8.ToArray(),
            _limit);
        await client.LogInAsync(_limit);
        Assert.Equal("10.7.0.1:4321", Assert.Single(harness.Proxy.ListSessions()).Client);
    }

    [Fact]
    public async Task A_header_from_elsewhere_or_a_broken_one_ends_the_connection()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(s_behindBalancer, ("s", server));
        await using (var stranger = await RawClient.ConnectAsync(harness.Proxy.EndPoint, IPAddress.Parse("127.0.0.9")))
        {
            await stranger.ReadGreetingAsync(_limit);
            await stranger.SendAsync("PROXY TCP4 10.7.0.1 10.0.0.1 4321 3306\r\n"u8.ToArray(), _limit);
            var answer = await stranger.ReadToEndAsync(_limit);
            Assert.Contains("may not send a PROXY header", Encoding.UTF8.GetString(answer), StringComparison.Ordinal);
        }

        await using (var broken = await RawClient.ConnectAsync(harness.Proxy.EndPoint))
        {
            await broken.ReadGreetingAsync(_limit);
            await broken.SendAsync("PROXY TCP4 nonsense\r\n"u8.ToArray(), _limit);
            Assert.Empty(await broken.ReadToEndAsync(_limit));
        }

        await using var good = await harness.ConnectAsync(_limit);
        await good.PingAsync(_limit);
    }

    [Fact]
    public async Task Where_tls_is_required_nobody_logs_in_without()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", RequireTls = true }, ("s", server));
        var refused = await Assert.ThrowsAsync<ServerErrorException>(
            () => BackendConnection.OpenAsync(harness.Client with { SslMode = SslMode.Disabled }, _limit));
        Assert.Equal(3159, refused.Code);
        await using var client = await BackendConnection.OpenAsync(harness.Client with { SslMode = SslMode.Required }, _limit);
        Assert.True(client.IsTls);
    }

    [Fact]
    public async Task A_certificate_that_changes_is_shown_from_the_next_connection_on()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        var directory = Directory.CreateTempSubdirectory("switchyard-tls");
        var (certificatePath, keyPath) = ServerCertificate.EnsureSelfSigned(directory.FullName, TimeProvider.System);
        Assert.True(OperatingSystem.IsWindows() || File.GetUnixFileMode(keyPath) == (UnixFileMode.UserRead | UnixFileMode.UserWrite));
        Assert.Equal((certificatePath, keyPath), ServerCertificate.EnsureSelfSigned(directory.FullName, TimeProvider.System));
        var first = await File.ReadAllTextAsync(certificatePath, _limit);
        await using var files = new CertificateFiles(certificatePath, keyPath, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", Certificate = () => files.Current }, ("s", server));
        var trusting = harness.Client with { SslMode = SslMode.VerifyIdentity, SslCa = certificatePath };
        await using var before = await BackendConnection.OpenAsync(trusting, _limit);

        // Half a change: the old one stays.
        File.Move(keyPath, keyPath + ".away");
        Assert.False(files.ReloadIfChanged());
        await (await BackendConnection.OpenAsync(trusting, _limit)).DisposeAsync();

        File.Delete(certificatePath);
        ServerCertificate.EnsureSelfSigned(directory.FullName, TimeProvider.System);
        Assert.NotEqual(first, await File.ReadAllTextAsync(certificatePath, _limit));
        await Assert.ThrowsAsync<BackendUnavailableException>(() => BackendConnection.OpenAsync(trusting, _limit));
        Assert.True(files.ReloadIfChanged());
        await using var after = await BackendConnection.OpenAsync(trusting, _limit);
        await after.PingAsync(_limit);
        await before.PingAsync(_limit);
        directory.Delete(recursive: true);
    }

    [Fact]
    public async Task A_certificate_is_taken_up_where_only_a_link_on_the_way_to_it_has_changed()
    {
        // As secrets are mounted: a link to a file behind a link to a directory, and only the latter is ever swapped.
        var directory = Directory.CreateTempSubdirectory("switchyard-tls").FullName;
        var thumbprints = new List<string>();
        foreach (var name in new[] { "first", "second" })
        {
            var (certificatePath, keyPath) = ServerCertificate.EnsureSelfSigned(Directory.CreateDirectory(Path.Combine(directory, name)).FullName, TimeProvider.System);
            thumbprints.Add(ServerCertificate.Load(certificatePath, keyPath).TargetCertificate.Thumbprint);
        }

        var current = Path.Combine(directory, "current");
        Directory.CreateSymbolicLink(current, "first");
        foreach (var name in new[] { "switchyard-tls.crt", "switchyard-tls.key" })
        {
            File.CreateSymbolicLink(Path.Combine(directory, name), Path.Combine("current", name));
        }

        await using var files = new CertificateFiles(
            Path.Combine(directory, "switchyard-tls.crt"), Path.Combine(directory, "switchyard-tls.key"), TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        Assert.Equal(thumbprints[0], files.Current.TargetCertificate.Thumbprint);
        Directory.Delete(current);
        Directory.CreateSymbolicLink(current, "second");
        Assert.True(files.ReloadIfChanged());
        Assert.Equal(thumbprints[1], files.Current.TargetCertificate.Thumbprint);
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task A_client_too_many_is_refused_as_the_server_refuses()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", MaxSessions = 2 }, ("s", server));
        await using var one = await harness.ConnectAsync(_limit);
        await using (var two = await harness.ConnectAsync(_limit))
        {
            Assert.Equal(1040, (await Assert.ThrowsAsync<ServerErrorException>(() => harness.ConnectAsync(_limit))).Code);
        }

        while (harness.Proxy.SessionCount > 1)
        {
            await Task.Delay(10, _limit);
        }

        await using var again = await harness.ConnectAsync(_limit);
        await again.PingAsync(_limit);
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task An_error_in_place_of_the_greeting_is_written_as_the_server_writes_it(string name)
    {
        await using var server = await LabServer.StartAsync(name, "--max-connections=10");
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", MaxSessions = 0 }, ("s", server));
        var direct = new List<RawClient>();
        byte[] expected;
        do
        {
            direct.Add(await RawClient.ConnectAsync(new IPEndPoint(IPAddress.Loopback, server.Port)));
            expected = (await direct[^1].ReadPacketAsync(_limit))!;
        }
        while (expected[0] != ErrorPayload.Header && direct.Count < 20);

        await using var refused = await RawClient.ConnectAsync(harness.Proxy.EndPoint);
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString((await refused.ReadPacketAsync(_limit))!));
        foreach (var client in direct)
        {
            await client.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("mariadb-10.11", false)]
    [InlineData("mariadb-10.11", true)]
    [InlineData("mysql-9.7", false)]
    [InlineData("mysql-9.7", true)]
    public async Task As_many_clients_are_let_in_as_the_server_lets_in(string name, bool isPrivileged)
    {
        const int Most = 20;
        await using var server = await LabServer.StartAsync(name, $"--max-connections={Most}");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, "CREATE USER plain@'%' IDENTIFIED BY 'pw'", $"GRANT ALL ON {harness.Schema}.* TO plain@'%'");
        var options = isPrivileged ? harness.Client : harness.Client with { User = "plain", Password = "pw" };

        // As a pool has them: one first, all others at once.
        await using var first = await BackendConnection.OpenAsync(options, _limit);
        var others = await Task.WhenAll(Enumerable.Range(1, Most - 1).Select(_ => BackendConnection.OpenAsync(options, _limit)));
        foreach (var client in others)
        {
            await client.PingAsync(_limit);
            await client.DisposeAsync();
        }
    }

    /// <summary>
    /// What a server says in place of its greeting has no SQLSTATE. A client of a flood may have been greeted by then, and reads one: client libraries and pools
    /// tell by its class whether it was the connection that failed.
    /// </summary>
    [Fact]
    public async Task A_client_greeted_before_the_server_was_full_is_told_so_under_the_SQLSTATE_of_connections()
    {
        const int Awaited = 64;
        await using var server = await LabServer.StartAsync("mariadb-10.11", $"--max-connections={Awaited + 10}", "--connect-timeout=3600");
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", LoginTimeout = TimeSpan.FromMinutes(5) }, ("s", server));
        await using (await harness.ConnectAsync(_limit))
        {
            // The account is known from here on.
        }

        var waiting = new List<RawClient>();
        var taken = new List<BackendConnection>();
        try
        {
            HandshakePayload greeting;
            do
            {
                waiting.Add(await RawClient.ConnectAsync(harness.Proxy.EndPoint));
                greeting = await waiting[^1].ReadGreetingAsync(_limit);
            }
            while (greeting.ConnectionId < 1 << 30);

            await Assert.ThrowsAsync<ServerErrorException>(async () =>
            {
                while (true)
                {
                    taken.Add(await BackendConnection.OpenAsync(ProxyHarness.Admin(server), _limit));
                }
            });
            await waiting[^1].SendPacketAsync(RawClient.Login(greeting), 1, _limit);
            var answer = (await waiting[^1].ReadPacketAsync(_limit))!;
            Assert.Equal("#08004Too many connections", Encoding.UTF8.GetString(answer.AsSpan(3)));
        }
        finally
        {
            foreach (var connection in taken)
            {
                await connection.DisposeAsync();
            }

            foreach (var client in waiting)
            {
                await client.DisposeAsync();
            }
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_backend_that_is_full_or_down_says_so_and_a_dead_one_hangs_nobody(string name)
    {
        await using var server = await LabServer.StartAsync(name, "--max-connections=10");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        var clients = new List<BackendConnection>();
        ServerErrorException? full = null;
        while (full is null && clients.Count < 20)
        {
            try
            {
                clients.Add(await BackendConnection.OpenAsync(harness.Client, _limit));
            }
            catch (ServerErrorException error)
            {
                full = error;
            }
        }

        Assert.Equal(1040, full?.Code);
        var running = clients[0].QueryAsync("SELECT SLEEP(60)", _limit);
        while (harness.Proxy.ListSessions().All(session => session.State != "running"))
        {
            await Task.Delay(10, _limit);
        }

        await server.KillAsync();
        var lost = await Assert.ThrowsAnyAsync<Exception>(() => running);
        Assert.True(lost is ServerErrorException { Code: 1053 } or BackendUnavailableException, lost.ToString());
        var down = await Assert.ThrowsAsync<ServerErrorException>(() => BackendConnection.OpenAsync(harness.Client, _limit));
        Assert.Equal(1429, down.Code);
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mariadb-11.8")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task A_client_whose_backend_ended_its_idle_connection_sees_the_end_that_the_backend_made(string name)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", TidyInterval = TimeSpan.FromHours(1) }, ("s", server));
        await using var client = await harness.ConnectAsync(_limit);
        await using var direct = await BackendConnection.OpenAsync(ProxyHarness.Admin(server), _limit);
        await using var raw = await BackendConnection.OpenAsync(harness.Client, _limit);
        await using var transport = raw.Detach();
        await direct.ExecuteAsync("SET SESSION wait_timeout = 1", _limit);
        await client.ExecuteAsync("SET SESSION wait_timeout = 1", _limit);
        await using var directTransport = direct.Detach();
        var expected = await ReadAllAsync(directTransport.Stream);

        while (harness.Proxy.SessionCount > 1)
        {
            await Task.Delay(20, _limit);
        }

        await Assert.ThrowsAnyAsync<Exception>(() => client.QueryAsync("SELECT 1", _limit));

        // The same, byte by byte, and closed or reset.
        await transport.Stream.WriteAsync(RawClient.Packet([3, .. "SET SESSION wait_timeout = 1"u8], 0), _limit);
        var header = new byte[4];
        await transport.Stream.ReadExactlyAsync(header, _limit);
        await transport.Stream.ReadExactlyAsync(new byte[header[0]], _limit);
        Assert.Equal(expected, await ReadAllAsync(transport.Stream));
    }

    [Fact]
    public async Task A_proxy_that_stops_finishes_what_runs_and_refuses_who_comes()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", DrainLimit = TimeSpan.FromMinutes(4) }, ("s", server));
        await harness.DirectAsync(server, "CREATE TABLE kept (a INT)");
        await using var idle = await harness.ConnectAsync(_limit);
        await using var busy = await harness.ConnectAsync(_limit);
        await using var open = await harness.ConnectAsync(_limit);
        await open.ExecuteAsync("BEGIN", _limit);
        await open.ExecuteAsync("INSERT INTO kept VALUES (1)", _limit);
        await using var locker = await BackendConnection.OpenAsync(ProxyHarness.Admin(server) with { Schema = harness.Schema }, _limit);
        await locker.ExecuteAsync($"SELECT GET_LOCK('{harness.Schema}', 0)", _limit);
        var running = busy.QueryAsync($"SELECT GET_LOCK('{harness.Schema}', 300)", _limit);
        while (harness.Proxy.ListSessions().All(session => session.State != "running"))
        {
            await Task.Delay(10, _limit);
        }

        var stopping = harness.Proxy.StopAsync(_limit);
        Assert.Equal(1053, (await Assert.ThrowsAsync<ServerErrorException>(() => harness.ConnectAsync(_limit))).Code);
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            while (true)
            {
                await idle.PingAsync(_limit);
            }
        });
        Assert.False(stopping.IsCompleted);
        await locker.ExecuteAsync("DO RELEASE_ALL_LOCKS()", _limit);
        Assert.Equal("1", (await running).GetString(0, 0));
        await open.ExecuteAsync("INSERT INTO kept VALUES (2)", _limit);
        await open.ExecuteAsync("COMMIT", _limit);
        await stopping;
        Assert.Equal("2", await harness.ScalarAsync(server, "SELECT COUNT(*) FROM kept"));
        await Assert.ThrowsAnyAsync<Exception>(() => open.PingAsync(_limit));
    }

    private async Task<(string Bytes, bool IsReset)> ReadAllAsync(Stream stream)
    {
        using var all = new MemoryStream();
        var buffer = new byte[4096];
        var isReset = false;
        try
        {
            for (int read; (read = await stream.ReadAsync(buffer, _limit)) > 0;)
            {
                all.Write(buffer, 0, read);
            }
        }
        catch (IOException)
        {
            isReset = true;
        }

        return (Convert.ToHexString(all.ToArray()), isReset);
    }
}
