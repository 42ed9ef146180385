using Switchyard.Client;
using Switchyard.Lab;

namespace Switchyard.Migration.Tests.Real;

/// <summary>A server that is to become read-only and does not get to it in time.</summary>
[Trait("Category", "Integration")]
public sealed class ReadOnlyFenceTests
{
    private const string SetReadOnly = "SET GLOBAL read_only=1";

    [Theory]
    [InlineData("mariadb-10.11")]
    [InlineData("mysql-5.6")]
    [InlineData("mysql-9.7")]
    public async Task A_server_that_waits_to_become_read_only_does_not_become_it_once_that_is_given_up(string name)
    {
        // Read-only is the whole server's.
        await using var server = await LabServer.StartAsync(name);
        var options = ConnectionOptions.Parse(server.Dsn);
        await using var writer = await BackendConnection.OpenAsync(options, default);
        await writer.ExecuteAsync("CREATE DATABASE d", default);
        await writer.ExecuteAsync("CREATE TABLE d.t (id INT PRIMARY KEY) ENGINE=InnoDB", default);
        await writer.ExecuteAsync("LOCK TABLES d.t WRITE", default);
        await using var watcher = await BackendConnection.OpenAsync(options, default);
        await using (var side = new ServerSide(options, ["d"]))
        {
            using var limit = new CancellationTokenSource();
            var fencing = side.FenceAsync(FenceMode.ReadOnly, [], TimeSpan.FromSeconds(1), limit.Token);
            await UntilAsync(watcher, waits: true);
            await limit.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => fencing);
            await side.LiftReadOnlyAsync(default);
        }

        await writer.ExecuteAsync("UNLOCK TABLES", default);
        await UntilAsync(watcher, waits: false);
        Assert.Equal(0, (await watcher.QueryAsync("SELECT @@global.read_only", default)).GetInt64(0, 0));
    }

    private static async Task UntilAsync(BackendConnection watcher, bool waits)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        while ((await watcher.QueryAsync("SHOW PROCESSLIST", limit.Token)).Rows.Any(r => r.GetStringOrNull(7) == SetReadOnly) != waits)
        {
            await Task.Delay(10, limit.Token);
        }
    }
}
