using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Switchyard.Migration.Tests;

/// <summary>
/// The switch as a model that is checked over every order of events (<c>tests/models/switch.pml</c>, by <c>spin</c>). Each rule it rests on is left out
/// once, to see that the checker would notice.
/// </summary>
[Trait("Category", "Integration")]
public sealed partial class SwitchModelTests
{
    private static readonly string s_model = Path.Combine(AppContext.BaseDirectory, "models", "switch.pml");

    /// <summary>There, and there and back.</summary>
    public static TheoryData<string> Whole() => Full ? new() { "", "-DFENCE", "-DDEEP", "-DBACK", "-DBACK -DFENCE" } : new() { "", "-DBACK" };

    public static TheoryData<string> Broken() => Full
        ? new()
        {
            "-DBROKEN_GUESS", "-DBROKEN_COMPARE", "-DBROKEN_JOIN", "-DBROKEN_LEGS", "-DBROKEN_REJOIN", "-DBACK -DBROKEN_GUESS", "-DBACK -DBROKEN_COMPARE", "-DBACK -DBROKEN_JOIN",
            "-DBACK -DBROKEN_LEGS", "-DBACK -DBROKEN_REJOIN", "-DBACK -DBROKEN_ACKS",
        }
        : new() { "-DBROKEN_GUESS", "-DBACK -DBROKEN_COMPARE", "-DBACK -DBROKEN_ACKS" };

    private static bool Full => Environment.GetEnvironmentVariable("SWITCHYARD_FULL") == "1";

    [Theory]
    [MemberData(nameof(Whole))]
    public async Task In_every_order_of_events_there_is_one_writer_and_no_acknowledged_write_is_lost(string variant) =>
        Assert.Contains("errors: 0", await CheckAsync(variant), StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task With_any_rule_left_out_the_checker_finds_what_goes_wrong(string variant) =>
        Assert.Contains("assertion violated", await CheckAsync(variant), StringComparison.Ordinal);

    [Fact]
    public async Task The_models_steps_are_the_codes()
    {
        var controller = (await File.ReadAllTextAsync(s_model)).Split("proctype Controller(byte op; bit from)")[1];
        var labels = Label().Matches(controller).Select(m => m.Groups[1].Value.Replace('_', '-'));
        Assert.Equal(CutoverSteps.All, labels.TakeWhile(l => l != "undo"));
    }

    private static async Task<string> CheckAsync(string variant)
    {
        var directory = Directory.CreateTempSubdirectory("switchyard-model-");
        try
        {
            await RunAsync(directory, "spin", [.. variant.Split(' ', StringSplitOptions.RemoveEmptyEntries), "-a", s_model]);
            await RunAsync(directory, "gcc", ["-O1", "-DSAFETY", "-o", "pan", "pan.c"]);
            var result = await RunAsync(directory, Path.Combine(directory.FullName, "pan"), ["-m10000", "-w24"]);
            Assert.DoesNotContain("max search depth too small", result, StringComparison.Ordinal);
            return result;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task<string> RunAsync(DirectoryInfo directory, string program, IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = directory.FullName,
            RedirectStandardOutput = true,
        })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} ended with {process.ExitCode}: {output}");
        return output;
    }

    [GeneratedRegex(@"^([a-z_]+):(?!:)", RegexOptions.Multiline)]
    private static partial Regex Label();
}
