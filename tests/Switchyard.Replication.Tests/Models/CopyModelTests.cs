using System.Diagnostics;

namespace Switchyard.Replication.Tests.Models;

/// <summary>The model of chunks and the stream (tests/models/copy.pml), searched completely by spin; it must fail once a rule of it is taken away.</summary>
[Trait("Category", "Integration")]
public sealed class CopyModelTests
{
    [Fact]
    public async Task The_model_of_the_copy_holds_in_every_interleaving()
    {
        var report = await CheckAsync();
        Assert.Contains("errors: 0", report, StringComparison.Ordinal);
        Assert.DoesNotContain("max search depth too small", report, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DELIVERED_IS_VISIBLE")]
    [InlineData("END_BEFORE_READ")]
    [InlineData("NO_PERSIST")]
    [InlineData("KEEP_OLD_ROWS")]
    [InlineData("FORGET_TOUCHED")]
    [InlineData("DROP_LEFT")]
    public async Task The_model_fails_when_a_rule_is_taken_away(string broken)
    {
        var report = await CheckAsync(broken);
        Assert.Contains("assertion violated", report, StringComparison.Ordinal);
        Assert.Contains("errors: 1", report, StringComparison.Ordinal);
    }

    private static async Task<string> CheckAsync(string? broken = null)
    {
        var directory = Directory.CreateTempSubdirectory("switchyard-model-").FullName;
        try
        {
            await RunAsync(directory, "spin", [.. broken is null ? Array.Empty<string>() : [$"-D{broken}"], "-a", Path.Combine(AppContext.BaseDirectory, "copy.pml")]);
            await RunAsync(directory, "gcc", ["-O1", "-DSAFETY", "-o", "pan", "pan.c"]);
            return await RunAsync(directory, Path.Combine(directory, "pan"), ["-m10000"]);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<string> RunAsync(string directory, string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program}: {await output}{await errors}");
        return await output;
    }
}
