using System.Diagnostics;

namespace Switchyard.Lab;

/// <summary>Runs the checkout's <c>lab/server</c>.</summary>
internal static class LabScript
{
    /// <summary>A first start downloads the server's packages; the slowest link deserves minutes.</summary>
    private static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(10);

    private static readonly string Path = Find();

    /// <summary>Runs one command and returns its standard output.</summary>
    /// <exception cref="LabException">The script answered with an error, or not within the time limit.</exception>
    public static async Task<string> RunAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Path, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        }) ?? throw new LabException($"{Path} could not be run");
        using var limit = new CancellationTokenSource(TimeLimit);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var messages = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return process.ExitCode == 0
                ? await output
                : throw new LabException($"lab/server {string.Join(' ', arguments)} failed with exit code {process.ExitCode}: {await messages}");
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new LabException($"lab/server {string.Join(' ', arguments)} did not end within {TimeLimit.TotalMinutes} minutes");
        }
    }

    private static string Find()
    {
        for (var directory = new DirectoryInfo(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            var path = System.IO.Path.Combine(directory.FullName, "lab", "server");
            if (File.Exists(path))
            {
                return path;
            }
        }

        throw new LabException($"no lab/server in any directory above {AppContext.BaseDirectory}; run the tests from a checkout");
    }
}
