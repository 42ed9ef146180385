using Switchyard.Faults;
using Switchyard.Lab;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>A server stands still with its connections open: nobody is told by the network.</summary>
[Trait("Category", "Integration")]
[Collection(StreamCollection.Name)]
public sealed class FrozenServerTests
{
    [Theory]
    [InlineData("mariadb-10.11", true, false)]
    [InlineData("mariadb-10.11", false, true)]
    [InlineData("mysql-9.7", false, false)]
    [InlineData("mysql-9.7", true, true)]
    public async Task A_server_that_freezes_is_told_of_and_copy_and_stream_go_on_once_it_thaws_or_is_restarted(string name, bool isSource, bool dies)
    {
        await using var from = await LabServer.StartAsync(name);
        await using var to = await LabServer.StartAsync(name);
        var server = isSource ? from : to;
        await using var scenario = await Scenario.CreateAsync(from, to, CopyUnderWritesTests.Tables);
        await CopyUnderWritesTests.FillAsync(scenario, 600);
        await scenario.RecordAsync(change: d => d with { SilenceLimit = TimeSpan.FromSeconds(3) });
        await using var stream = await scenario.OpenAsync();
        TimeSpan? Silence() => isSource ? stream.Progress.SourceSilence : stream.Progress.TargetSilence;

        var chunks = 0;
        using (FaultPoints.Arm(isSource ? "copy.snapshot.before" : "copy.insert.before", async _ =>
        {
            if (Interlocked.Increment(ref chunks) == 3)
            {
                await server.FreezeAsync();
            }
        }))
        {
            var copying = new TableCopier(stream, new CopyOptions { Threads = 2, FirstChunkRows = 60, MaxChunkRows = 60 }).RunAsync(default);
            await UntilAsync(() => Silence() is not null);
            Assert.False(copying.IsCompleted);
            Assert.Null(isSource ? stream.Progress.TargetSilence : stream.Progress.SourceSilence);
            await ReviveAsync(server, dies);
            await copying.WaitAsync(TimeSpan.FromMinutes(4));
        }

        await using (var application = await scenario.ConnectSourceAsync())
        {
            await server.FreezeAsync();
            if (!isSource)
            {
                await WriteAsync(application, "while frozen");
            }

            await UntilAsync(() => Silence() is not null);
            await ReviveAsync(server, dies);
        }

        await using (var application = await scenario.ConnectSourceAsync())
        {
            await WriteAsync(application, "after");
        }

        await Scenario.CatchUpAsync(stream);
        await scenario.AssertSameAsync();
        await UntilAsync(() => Silence() is null);
        await stream.StopAsync();
    }

    private static async Task WriteAsync(Client.BackendConnection application, string note)
    {
        for (var id = 1; id <= 20; id++)
        {
            await application.ExecuteAsync($"UPDATE items SET note='{note}' WHERE id={id}", default);
        }
    }

    private static async Task ReviveAsync(LabServer server, bool dies)
    {
        if (dies)
        {
            await server.KillAsync();
            await server.RestartAsync();
        }
        else
        {
            await server.ThawAsync();
        }
    }

    private static async Task UntilAsync(Func<bool> there)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        while (!there())
        {
            await Task.Delay(50, limit.Token);
        }
    }
}
