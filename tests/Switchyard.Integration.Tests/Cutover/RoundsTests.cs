using System.Globalization;
using Xunit.Abstractions;

namespace Switchyard.Integration.Tests.Cutover;

/// <summary>There and back again and again, under 32 clients of every kind.</summary>
[Trait("Category", "Integration")]
public sealed class RoundsTests(ITestOutputHelper output)
{
    private const int Clients = 32;

    public static TheoryData<string, string> Pairs() => TestReport.Full
        ? new() { { "mariadb-10.11", "mariadb-10.11" }, { "mariadb-10.11", "mysql-9.7" } }
        : new() { { "mariadb-10.11", "mariadb-10.11" } };

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Round_after_round_no_client_sees_an_error_and_no_write_is_lost_or_doubled(string source, string target)
    {
        var rounds = TestReport.Full ? 100 : 6;
        var report = new TestReport($"rounds-{source}-{target}", "| round | to | longest stall of any client, ms | pause, ms | held statements | writes acknowledged so far |", output);
        await using var migration = await ServedMigration.StartAsync(source, target, LedgerClients.Tables);
        await migration.BeginAsync();
        await using var clients = LedgerClients.Start(migration.OpenAppAsync, Clients, mayLoseConnections: false);
        await clients.UntilAllWentOnAsync();

        for (var round = 1; round <= rounds; round++)
        {
            var toTarget = round % 2 == 1;
            clients.TakeLongest();
            var done = await migration.ChangeSidesAsync(toTarget);
            await clients.UntilAllWentOnAsync();
            var longest = clients.TakeLongest();
            Assert.True(clients.Errors.Count == 0, $"round {round}: {string.Join("\n", clients.Errors)}\n{migration.Log}");
            report.Add(string.Create(CultureInfo.InvariantCulture, $"| {round} | {(toTarget ? "target" : "source")} | {longest.TotalMilliseconds:0} | {done.PauseMs:0} | {done.HeldStatements} | {clients.Acknowledged} |"));
        }

        await clients.StopAsync();
        Assert.True(clients.Errors.Count == 0, string.Join("\n", clients.Errors));
        await using var authoritative = await migration.OpenSideAsync(source: rounds % 2 == 0);
        Assert.Empty(await clients.AuditAsync(authoritative));
        Assert.Equal(0, await LedgerClients.CountTornTransactionsAsync(authoritative));
        var diff = await migration.DiffAsync();
        Assert.True(diff.State == "clean", $"{diff.Summary}\n{migration.Log}");
    }
}
