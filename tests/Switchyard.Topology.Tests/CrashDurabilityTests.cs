using System.Diagnostics;
using System.Globalization;

namespace Switchyard.Topology.Tests;

public sealed class CrashDurabilityTests
{
    private const int AnswersBeforeKill = 50;

    [Fact]
    public async Task What_the_store_answered_is_there_after_the_process_is_killed()
    {
        using var directory = new StoreDirectory();
        var start = new ProcessStartInfo(Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet")
        {
            RedirectStandardOutput = true,
        };
        start.ArgumentList.Add("exec");
        start.ArgumentList.Add(typeof(CrashDurabilityTests).Assembly.Location);
        start.ArgumentList.Add("crash-child");
        start.ArgumentList.Add(directory.StorePath);
        using var child = Process.Start(start)!;
        var answered = 0L;
        for (var i = 0; i < AnswersBeforeKill; i++)
        {
            var line = await child.StandardOutput.ReadLineAsync(Limit.Token()) ?? throw new InvalidOperationException("The child ended early.");
            answered = long.Parse(line, CultureInfo.InvariantCulture);
        }

        child.Kill();
        await child.WaitForExitAsync(Limit.Token());

        await using var store = await directory.OpenAsync();
        Assert.True(store.Revision >= answered);
        for (var revision = 1L; revision <= answered; revision++)
        {
            var entry = await store.GetAsync($"written/{revision}");
            Assert.Equal(revision, entry?.ModRevision);
        }

        Assert.Empty((await store.ReadAsync("leased/")).Entries);
    }

    internal static async Task<int> RunChildAsync(string path)
    {
        await using var store = await SqliteTopologyStore.OpenAsync(path, TimeProvider.System);
        var lease = await store.GrantLeaseAsync(TimeSpan.FromHours(1));
        while (true)
        {
            var next = store.Revision + 1;
            var result = await store.CommitAsync(StoreTransaction.Empty
                .Put($"written/{next}", "value")
                .Put("leased/key", "value", lease));
            Console.WriteLine(result.Revision.ToString(CultureInfo.InvariantCulture));
        }
    }
}
