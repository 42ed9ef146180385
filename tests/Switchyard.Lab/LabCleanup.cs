using System.Collections.Concurrent;
using System.Globalization;

namespace Switchyard.Lab;

/// <summary>No server outlives the test process that started it by more than the next test run.</summary>
internal static class LabCleanup
{
    /// <summary>Marks the instances of test processes; what follows is the process id.</summary>
    public const string IdPrefix = "test-";

    private static readonly ConcurrentDictionary<string, byte> Mine = new();
    private static readonly Lazy<Task> Sweep = new(SweepAsync);

    static LabCleanup() => AppDomain.CurrentDomain.ProcessExit += (_, _) => WipeMine();

    public static void Remember(string id) => Mine[id] = 0;

    public static void Forget(string id) => Mine.TryRemove(id, out _);

    /// <summary>Once per process: removes what a killed test process left running.</summary>
    public static Task SweepOnceAsync() => Sweep.Value;

    private static async Task SweepAsync()
    {
        var listing = await LabScript.RunAsync("list");
        foreach (var id in listing.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Where(IsOrphan))
        {
            await TryWipeAsync(id);
        }
    }

    private static bool IsOrphan(string id) =>
        id.StartsWith(IdPrefix, StringComparison.Ordinal)
        && int.TryParse(id.AsSpan(IdPrefix.Length).ToString().Split('-')[0], CultureInfo.InvariantCulture, out var pid)
        && !Directory.Exists($"/proc/{pid}");

    // The process is ending: there is nobody to await.
    private static void WipeMine() => Task.WhenAll(Mine.Keys.Select(TryWipeAsync)).GetAwaiter().GetResult();

    private static async Task TryWipeAsync(string id)
    {
        try
        {
            await LabScript.RunAsync("stop", id, "--wipe");
        }
        catch (LabException)
        {
            // It never came to be, or another process swept it first.
        }
    }
}
