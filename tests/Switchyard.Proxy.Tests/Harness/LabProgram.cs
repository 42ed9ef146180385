using System.Diagnostics;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>Programs that come with the lab's servers, and those of the machine.</summary>
internal static class LabProgram
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(5);

    /// <summary>Runs a program of the server's own release, where the lab has unpacked one, else the machine's; returns what it printed.</summary>
    public static Task<string> RunAsync(string server, string program, string input, params string[] arguments)
    {
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } home ? home : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        var prefix = Path.Combine(cache, "switchyard", "lab", "1", "prefix", server);
        var path = Path.Combine(prefix, "usr", "bin", program);
        var libraries = Path.Combine(prefix, "usr", "lib", "x86_64-linux-gnu");
        var loader = Path.Combine(libraries, "ld-linux-x86-64.so.2");
        if (!File.Exists(path) || !File.Exists(loader))
        {
            return RunAsync(program, arguments, input);
        }

        // By its release's own loader and libraries, as the lab starts the server.
        return RunAsync(loader, ["--library-path", libraries, path, .. arguments], input);
    }

    private static async Task<string> RunAsync(string program, string[] arguments, string input)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(s_limit);
        await process.WaitForExitAsync(limit.Token);
        return await output + await errors;
    }
}
