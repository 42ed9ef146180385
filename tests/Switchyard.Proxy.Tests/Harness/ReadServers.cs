using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>Two servers whose rows tell them apart, a proxy in front, and an applier played by the test.</summary>
internal static class ReadServers
{
    public static async Task<ProxyHarness> StartAsync(ProxyOptions? options = null)
    {
        var harness = await ProxyHarness.StartAsync(options ?? new ProxyOptions { Id = "p1", LoginTimeout = TimeSpan.FromMinutes(1) }, ("s", await SourceAsync()), ("t", await TargetAsync()));
        foreach (var (server, name) in new[] { (await SourceAsync(), "source"), (await TargetAsync(), "target") })
        {
            await harness.DirectAsync(
                server,
                "CREATE TABLE place (name VARCHAR(10) PRIMARY KEY)",
                $"INSERT INTO place VALUES ('{name}')",
                "CREATE TABLE v (id INT PRIMARY KEY, v VARCHAR(10))",
                $"INSERT INTO v VALUES (1, '{name[0]}0')",
                "CREATE TABLE parent (id INT PRIMARY KEY)",
                "CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE)",
                "INSERT INTO parent VALUES (1)",
                "INSERT INTO child VALUES (1, 1)");
        }

        await harness.RouteAsync("s", "s");
        return harness;
    }

    /// <summary>Says that everything the source has written so far is visible on the target.</summary>
    public static async Task CaughtUpAsync(ProxyHarness harness) => harness.Applied.Publish("m", await ProxyHarness.PositionAsync(await SourceAsync()));

    /// <summary>The proxy learns the schema's tables in the background; until then it is more careful than it must be.</summary>
    public static async Task Eventually(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        while (!await condition())
        {
            limit.Token.ThrowIfCancellationRequested();
            await Task.Delay(10, limit.Token);
        }
    }

    /// <summary>Until the schema's tables are known, a write counts as one to all of them: repeats one until it holds up no read of another table.</summary>
    public static Task UntilTablesAreKnownAsync(ProxyHarness harness, BackendConnection writer, BackendConnection reader, string write) => Eventually(async () =>
    {
        await CaughtUpAsync(harness);
        await PlaceAsync(reader);
        await writer.ExecuteAsync(write, default);
        return await PlaceAsync(reader) == "target";
    });

    public static Task<LabServer> SourceAsync() => LabServer.SharedAsync("mariadb-10.11", "read-source");

    public static Task<LabServer> TargetAsync() => LabServer.SharedAsync("mariadb-10.11", "read-target");

    public static async Task<string> ValueAsync(BackendConnection client) => (await client.QueryAsync("SELECT v FROM v WHERE id = 1", default)).GetString(0, 0);

    public static async Task<string> PlaceAsync(BackendConnection client) => (await client.QueryAsync("SELECT name FROM place", default)).GetString(0, 0);

    public static async Task<string> CountAsync(BackendConnection client) => (await client.QueryAsync("SELECT COUNT(*) FROM child", default)).GetString(0, 0);
}
