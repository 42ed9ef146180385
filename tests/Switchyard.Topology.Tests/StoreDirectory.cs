namespace Switchyard.Topology.Tests;

/// <summary>A directory of its own for a test's store, removed afterwards.</summary>
internal sealed class StoreDirectory : IDisposable
{
    public StoreDirectory() => Path = Directory.CreateTempSubdirectory("switchyard-topology-").FullName;

    public string Path { get; }

    public string StorePath => System.IO.Path.Combine(Path, "switchyard.db");

    public string KeyPath => System.IO.Path.Combine(Path, "switchyard.key");

    public Task<SqliteTopologyStore> OpenAsync(TimeProvider? time = null) => SqliteTopologyStore.OpenAsync(StorePath, time ?? TimeProvider.System);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>A limit for waits that must end; it decides no result, it only keeps a broken build from hanging.</summary>
internal static class Limit
{
    public static TimeSpan Time { get; } = TimeSpan.FromMinutes(4);

    public static CancellationToken Token() => new CancellationTokenSource(Time).Token;
}
