using System.Collections.Concurrent;
using Switchyard.Lab;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>Servers that let packets be large and files be loaded, one of each name for all tests of the process.</summary>
internal static class WideServers
{
    private static readonly ConcurrentDictionary<string, Lazy<Task<LabServer>>> Started = new();

    public static Task<LabServer> GetAsync(string name) => Started.GetOrAdd(
        name, key => new Lazy<Task<LabServer>>(() => LabServer.StartAsync(key, "--local-infile=1", "--max-allowed-packet=256M"))).Value;
}
