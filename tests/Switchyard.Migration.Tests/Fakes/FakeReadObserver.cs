using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

/// <summary>A proxy that has found this of every migration's reads.</summary>
internal sealed class FakeReadObserver(ShadowReadCounts counts, RoutedReads? routed = null) : IReadObserver
{
    public void Begin(string migration)
    {
    }

    public ReadFindings? Show(string migration) => new(routed ?? new RoutedReads(), counts);
}
