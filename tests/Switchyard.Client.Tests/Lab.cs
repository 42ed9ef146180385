using Switchyard.Lab;
using Xunit;

namespace Switchyard.Client.Tests;

/// <summary>The lab's servers as tests see them.</summary>
internal static class Lab
{
    public const string Category = "Integration";

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(6);

    /// <summary>Ends a test that hangs; no result depends on it.</summary>
    public static CancellationToken Limit() => new CancellationTokenSource(s_limit).Token;

    public static async Task<ConnectionOptions> OptionsAsync(string name) =>
        ConnectionOptions.Parse((await LabServer.SharedAsync(name, "client")).Dsn);

    public static async Task<BackendConnection> OpenAsync(string name, Func<ConnectionOptions, ConnectionOptions>? change = null)
    {
        var options = await OptionsAsync(name);
        return await BackendConnection.OpenAsync(change?.Invoke(options) ?? options, Limit());
    }
}

/// <summary>Every server of the lab.</summary>
public sealed class AllServers : TheoryData<string>
{
    public AllServers() => AddRange([.. LabServer.All]);
}
