using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Lab;
using Xunit.Abstractions;

namespace Switchyard.Migration.Tests.Real;

/// <summary>One of the two servers ends as by a power cut at a step of a cutover, while clients write.</summary>
[Collection("faults")]
[Trait("Category", "Integration")]
public sealed class ServerKillTests(ITestOutputHelper output)
{
    private static readonly SwitchRequest s_request = new() { SkipDiff = true, TimeoutSeconds = 20, DrainTimeoutSeconds = 10, MaxReplicationLagAllowedSeconds = 3600 };

    private static bool Full => Environment.GetEnvironmentVariable("SWITCHYARD_FULL") == "1";

    [Fact]
    public async Task Killed_at_any_step_a_server_leaves_the_migration_on_one_side_and_the_living_sides_sessions_unharmed()
    {
        await using var source = await LabServer.StartAsync("mariadb-10.11");
        await using var target = await LabServer.StartAsync("mariadb-10.11");
        await using var world = await RealWorld.StartAsync(source, target, limited: false, Workload.Tables);
        await Workload.FillAsync(world, 500);
        await world.CreateAsync();
        await world.UntilAsync(MigrationState.Running);
        await world.Service.CopyAccountsAsync(world.Schema, new CopyAccountsRequest(), default);

        var report = Path.Combine(Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "reports")).FullName, "kill-servers.md");
        await File.WriteAllTextAsync(report, "| killed at | server | direction | outcome | after its restart |\n|---|---|---|---|---|\n");
        output.WriteLine($"The report is in {report}");
        var atSource = true;
        var client = 0;
        foreach (var (point, killSource) in Full ? Everything() : [("switch.catch-up.before", true), ("switch.flip.before", false), ("switch.release.before", true)])
        {
            var (from, victim) = (atSource, killSource ? source : target);
            var dies = killSource == atSource ? "the authoritative side" : "the side that follows";
            await using var load = Workload.Start(world, 2, client += 2);
            await load.UntilWrittenAsync();
            string outcome;
            using (FaultPoints.Arm(point, async _ => await victim.KillAsync()))
            {
                try
                {
                    var done = atSource ? await world.Service.SwitchAsync(world.Schema, s_request, default) : await world.Service.ReverseAsync(world.Schema, s_request, default);
                    outcome = done.Error is null ? done.Result : $"{done.Result}, to be finished by repair";
                    atSource = !atSource;
                }
                catch (MigrationException e) when (e.ExitCode == 5)
                {
                    outcome = e.Message.Contains("Not everything", StringComparison.Ordinal) ? "not switched, to be finished by repair" : "not switched";
                }
            }

            var writes = (await world.Service.StatusAsync(world.Schema, default)).Writes;
            Assert.True((atSource ? "a" : "b") == writes, $"{point}, {dies} killed: {outcome}, but writes go to {writes}.\n{world}");
            if (killSource != atSource)
            {
                // The authoritative side lives: its clients go on, and have seen nothing where it was authoritative all along.
                await using var other = Workload.Start(world, 1, client += 2);
                await other.UntilWrittenAsync();
                Assert.True(other.Errors.Count == 0, $"{point}: {string.Join("\n", other.Errors)}\n{world}");
                Assert.True(from != atSource || load.Errors.Count == 0, $"{point}: {string.Join("\n", load.Errors)}\n{world}");
            }

            await victim.RestartAsync();
            await world.UntilFollowingAsync(repairs: true);
            Assert.Equal(atSource ? "a" : "b", (await world.Service.StatusAsync(world.Schema, default)).Writes);
            await using var authoritative = atSource ? await world.OpenSourceAsync() : await world.OpenTargetAsync();
            var lost = await load.StopAndCountLostAsync(authoritative);
            Assert.True(lost == 0, $"{point}, {dies} killed: {lost} acknowledged writes lost.\n{world}");
            await File.AppendAllTextAsync(report, $"| {point} | {(killSource ? "source" : "target")}, {dies} | {(from ? "switch" : "reverse")} | {outcome} | {(atSource ? "source" : "target")} authoritative, following again, 0 lost |\n");
        }

        var diff = await world.DiffAsync();
        Assert.True(diff.State == "clean", $"{diff.Summary}");
    }

    private static IEnumerable<(string Point, bool KillSource)> Everything() =>
        from step in CutoverSteps.All.Where(s => s is not (CutoverSteps.Precheck or CutoverSteps.Lock))
        from moment in (string[])["before", "after"]
        from source in (bool[])[true, false]
        from twice in (int[])[1, 2]
        select ($"switch.{step}.{moment}", source);
}
