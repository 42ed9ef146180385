using Switchyard.Cli;
using Switchyard.Lab;
using Xunit.Abstractions;

namespace Switchyard.Integration.Tests.Cutover;

/// <summary>
/// The process ends as by <c>kill -9</c> at every step of a cutover, before and after its effect, in both directions, while clients write.
/// </summary>
[Trait("Category", "Integration")]
public sealed class ProcessKillTests(ITestOutputHelper output)
{
    private static readonly string[] s_steps =
    [
        "precheck", "lock", "warm", "hold", "fence", "catch-up", "handover", "prime-reverse", "flip", "release", "unfence", "reverse-stream", "unlock",
    ];

    // One of each kind: nothing held yet, fenced, everything prepared, flipped and nobody knows, the applier not yet turned round.
    private static readonly (string Point, bool FromSource)[] s_selection =
        [("switch.fence.after", true), ("switch.flip.before", false), ("switch.flip.after", true), ("switch.reverse-stream.before", false)];

    public static TheoryData<string, string> Pairs() => TestReport.Full
        ? new() { { "mariadb-10.11", "mariadb-10.11" }, { "mysql-9.7", "mysql-9.7" }, { "mysql-5.6", "mysql-9.7" } }
        : new() { { "mariadb-10.11", "mariadb-10.11" } };

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Killed_at_any_step_it_comes_back_on_one_side_with_every_acknowledged_write_once(string source, string target)
    {
        var report = new TestReport($"kill-process-{source}-{target}", "| killed at | away from | outcome, verified after the restart | writes acknowledged so far |", output);
        // Servers of this test alone: after a process was killed a switch waits for whatever runs there and nobody explains, other tests' statements too.
        await using var migration = await ServedMigration.StartAsync(
            await LabServer.SharedAsync(source, "killed-source"), await LabServer.SharedAsync(target, "killed-target"), [.. LedgerClients.Tables, .. Triggered]);
        await migration.BeginAsync();
        await using var clients = LedgerClients.Start(migration.OpenAppAsync, 7, mayLoseConnections: true);
        await clients.UntilAllWentOnAsync();

        var atSource = true;
        var cases = TestReport.Full ? [.. Everything()] : s_selection;
        await migration.Serve.KillAsync();
        for (var i = 0; i < cases.Length; i++)
        {
            // One operation is done whole before the one that is killed: it is the switch done again after the kill before. Another
            // one goes before it where the side has to be the other one.
            var (point, fromSource) = cases[i];
            var again = atSource == fromSource ? 2 : 1;
            await migration.Serve.StartAgainAsync($"{point}=kill@{again + 1}");
            await AssertWentOnAsync(i == 0 ? "the first start" : cases[i - 1].Point);
            for (var operation = 0; operation < again; operation++)
            {
                await migration.ChangeSidesAsync(atSource);
                atSource = !atSource;
                await clients.UntilAllWentOnAsync();
            }

            var killed = migration.ChangeSidesAsync(atSource);
            await migration.UntilKilledAsync();
            await Assert.ThrowsAnyAsync<CliException>(() => killed);
            var flipped = point == "switch.flip.after" || Array.IndexOf(s_steps, point.Split('.')[1]) > Array.IndexOf(s_steps, "flip");
            atSource = flipped != atSource;
            report.Add($"| {point} | {(fromSource ? "source" : "target")} | {(flipped ? "rolled forward" : "rolled back")} to the {(atSource ? "source" : "target")} | {clients.Acknowledged} |");
        }

        await migration.Serve.StartAgainAsync();
        await AssertWentOnAsync(cases[^1].Point);
        await migration.ChangeSidesAsync(atSource);
        atSource = !atSource;
        await clients.StopAsync();
        await using var authoritative = await migration.OpenSideAsync(atSource);
        Assert.Empty(await clients.AuditAsync(authoritative));
        Assert.Equal(0, await LedgerClients.CountTornTransactionsAsync(authoritative));
        // Each write has its trigger's line, once: the trigger stood on one side at a time, and replication did not do its work again.
        Assert.Equal(0, (await authoritative.QueryAsync("SELECT (SELECT COUNT(*) FROM ledger) - (SELECT COUNT(*) FROM trail)", default)).GetInt64(0, 0));
        var diff = await migration.DiffAsync();
        Assert.True(diff.State == "clean", $"{diff.Summary}\n{migration.Log}");
        Assert.True(clients.Errors.Count == 0, string.Join("\n", clients.Errors));

        async Task AssertWentOnAsync(string after)
        {
            var status = await migration.UntilAsync(Migration.MigrationState.Running, Migration.MigrationState.Switched);
            Assert.True((atSource ? "a" : "b") == status.Writes, $"{after}: writes go to {status.Writes}.\n{migration.Log}");
            await clients.UntilAllWentOnAsync();
            Assert.True(clients.Errors.Count == 0, $"{after}: {string.Join("\n", clients.Errors)}\n{migration.Log}");
            await using var side = await migration.OpenSideAsync(atSource);
            var wrong = await clients.AuditAsync(side);
            Assert.True(wrong.Count == 0, $"{after}: {string.Join("\n", wrong.Take(10))}\n{migration.Log}");
        }
    }

    private static string[] Triggered { get; } =
    [
        "CREATE TABLE trail (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, client INT NOT NULL, seq INT NOT NULL) ENGINE=InnoDB",
        "CREATE TRIGGER ledger_trail AFTER INSERT ON ledger FOR EACH ROW INSERT INTO trail (client, seq) VALUES (NEW.client, NEW.seq)",
    ];

    private static IEnumerable<(string Point, bool FromSource)> Everything()
    {
        var points = s_steps.SelectMany(s => (string[])[$"switch.{s}.before", $"switch.{s}.after"]);
        return points.SelectMany(p => ((string, bool)[])[(p, true), (p, false)]);
    }
}
