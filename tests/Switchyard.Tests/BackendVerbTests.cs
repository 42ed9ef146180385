using System.Net;
using System.Net.Sockets;
using Switchyard.Api;
using Switchyard.Cli;
using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Tests;

[Trait("Category", "Integration")]
public sealed class BackendVerbTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("switchyard-backend-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("mariadb-10.11", "mariadb")]
    [InlineData("mysql-9.7", "mysql")]
    [InlineData("mysql-5.6", "mysql")]
    public async Task A_backend_is_added_tested_kept_over_a_restart_and_removed(string name, string vendor)
    {
        var server = await LabServer.SharedAsync(name, "source");
        await using (var serve = await RunningServe.StartAsync(_directory))
        {
            using var client = serve.Client();
            var added = (await client.PostAsync<BackendReport>("backends", new AddBackendRequest { Name = "old", Dsn = server.Dsn }, default)).Value;
            Assert.True(added.Ok, string.Join(" ", added.Findings.Select(finding => finding.What)));
            Assert.Equal((vendor, true, "ROW", "FULL"), (added.Vendor, added.LogBin, added.BinlogFormat, added.BinlogRowImage));
            Assert.DoesNotContain(server.Password, added.ToString(), StringComparison.Ordinal);
            var twice = await Assert.ThrowsAsync<CliException>(() =>
                client.PostAsync<BackendReport>("backends", new AddBackendRequest { Name = "old", Dsn = server.Dsn + "?ssl-mode=disabled" }, default));
            Assert.Equal(3, twice.ExitCode);
        }

        await using (var serve = await RunningServe.StartAsync(_directory))
        {
            using var client = serve.Client();
            var list = (await client.GetAsync<IReadOnlyList<BackendInfo>>("backends", default)).Value;
            Assert.Equal(("old", true), (Assert.Single(list).Name, list[0].Default));
            Assert.True((await client.PostAsync<BackendReport>("backends/old/test", null, default)).Value.Ok);
            await client.DeleteAsync<Done>("backends/old", default);
            Assert.Empty((await client.GetAsync<IReadOnlyList<BackendInfo>>("backends", default)).Value);
        }
    }

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-9.7")]
    public async Task A_server_that_falls_silent_after_the_login_is_named_in_time(string name)
    {
        await using var server = await LabServer.StartAsync(name);
        await using (var admin = await BackendConnection.OpenAsync(ConnectionOptions.Parse(server.Dsn), default))
        {
            await admin.ExecuteAsync("CREATE USER 'app'@'%' IDENTIFIED BY 'Passw0rd!'", default);
            // Run behind the login of accounts without such rights as the administrator's.
            await admin.ExecuteAsync("SET GLOBAL init_connect='DO SLEEP(1000)'", default);
        }

        await using var serve = await RunningServe.StartAsync(_directory);
        using var client = serve.Client();
        await client.PostAsync<BackendReport>("backends", new AddBackendRequest { Name = "old", Dsn = server.Dsn }, default);
        var silent = $"mysql://app:Passw0rd!@127.0.0.1:{server.Port}/?connect-timeout=3";

        var refused = await Assert.ThrowsAsync<CliException>(() =>
            client.PostAsync<BackendReport>("backends", new AddBackendRequest { Name = "new", Dsn = silent }, default).WaitAsync(TimeSpan.FromMinutes(2)));

        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("The server of new", refused.Message, StringComparison.Ordinal);
        Assert.Contains("let the account in, and then did not say what it is within 3 s", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Something_that_speaks_another_protocol_is_told_from_a_server()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var answering = AnswerAsync();
        await using var serve = await RunningServe.StartAsync(_directory);
        using var client = serve.Client();
        var refused = await Assert.ThrowsAsync<CliException>(() => client.PostAsync<BackendReport>(
            "backends", new AddBackendRequest { Name = "old", Dsn = $"mysql://u:p@127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/" }, default));
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("is no MySQL or MariaDB server", refused.Message, StringComparison.Ordinal);
        await answering;

        async Task AnswerAsync()
        {
            using var peer = await listener.AcceptSocketAsync();
            await peer.SendAsync("\u0005\0\0\0hello"u8.ToArray());
        }
    }

    [Fact]
    public async Task A_wrong_password_is_refused_with_a_sentence_that_does_not_repeat_it()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var serve = await RunningServe.StartAsync(_directory);
        using var client = serve.Client();
        var dsn = server.Dsn.Replace(server.Password, "wr0ng", StringComparison.Ordinal);
        var error = await Assert.ThrowsAsync<CliException>(() => client.PostAsync<BackendReport>("backends", new AddBackendRequest { Name = "old", Dsn = dsn }, default));
        Assert.Equal(3, error.ExitCode);
        Assert.Contains("Access denied", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("wr0ng", error.Document!.Value.GetRawText(), StringComparison.Ordinal);
        Assert.Empty((await client.GetAsync<IReadOnlyList<BackendInfo>>("backends", default)).Value);
    }
}
