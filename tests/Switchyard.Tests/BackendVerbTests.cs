using Switchyard.Api;
using Switchyard.Cli;
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
