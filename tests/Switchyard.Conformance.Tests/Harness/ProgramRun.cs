using System.Diagnostics;
using System.Text;

namespace Switchyard.Conformance.Tests.Harness;

/// <summary>Runs programs nobody here wrote and keeps what they print.</summary>
internal static class ProgramRun
{
    /// <summary>Where <c>test.sh</c> keeps downloads, and the node modules among them.</summary>
    public static string Cache { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } cache ? cache : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "switchyard",
        "lab");

    /// <summary>Everything is tried, not only what fits into the usual time.</summary>
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("SWITCHYARD_FULL") == "1";

    /// <summary>Runs a program to its end; a program that does not end is killed and said to have hung.</summary>
    public static async Task<ProgramResult> RunAsync(
        IReadOnlyList<string> command, string? input = null, IReadOnlyDictionary<string, string>? environment = null, string? directory = null, TimeSpan? limit = null)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.Latin1,
            StandardErrorEncoding = Encoding.Latin1,
            WorkingDirectory = directory ?? Path.Combine(AppContext.BaseDirectory, "Clients"),
        };
        start.Environment["LC_ALL"] = "C.UTF-8";
        start.Environment["NODE_PATH"] = Path.Combine(Cache, "npm", "node_modules");
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input ?? "");
        process.StandardInput.Close();
        using var deadline = new CancellationTokenSource(limit ?? TimeSpan.FromMinutes(6));
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            return new ProgramResult(-1, await output + await errors + "\n(it hung and was killed)\n");
        }

        return new ProgramResult(process.ExitCode, await output + await errors);
    }
}

/// <summary>How a program ended, and what it printed, byte by byte as characters.</summary>
internal sealed record ProgramResult(int ExitCode, string Output)
{
    /// <summary>The lines, with what may differ (the port) under one name.</summary>
    public string[] Lines(params int[] ports)
    {
        var text = Output;
        foreach (var port in ports)
        {
            text = text.Replace(port.ToString(), "PORT", StringComparison.Ordinal);
        }

        return text.Split('\n');
    }
}

/// <summary>What two runs of one program say differently.</summary>
internal static class Difference
{
    private const int MaxShown = 12;
    private const int MaxWidth = 300;

    /// <summary>Empty when the runs are equal; else the first places where they are not.</summary>
    public static string Of(IReadOnlyList<string> direct, IReadOnlyList<string> proxied)
    {
        var text = new StringBuilder();
        var shown = 0;
        for (var i = 0; i < Math.Max(direct.Count, proxied.Count) && shown < MaxShown; i++)
        {
            var (a, b) = (i < direct.Count ? direct[i] : "(nothing)", i < proxied.Count ? proxied[i] : "(nothing)");
            if (a != b)
            {
                text.Append(System.Globalization.CultureInfo.InvariantCulture, $"line {i + 1}\n  direct:  {Cut(a)}\n  proxied: {Cut(b)}\n");
                shown++;
            }
        }

        return text.ToString();
    }

    /// <summary>Fails the test with all of it when there is any.</summary>
    public static void AssertNone(string difference) => Assert.True(difference.Length == 0, difference);

    private static string Cut(string line) => line.Length <= MaxWidth ? line : line[..MaxWidth] + "...";
}
