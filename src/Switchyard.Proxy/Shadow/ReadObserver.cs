using Switchyard.Proxy.Reads;
using Switchyard.Topology;

namespace Switchyard.Proxy.Shadow;

/// <summary>Tells what this proxy has found out of a migration's reads: its clients' own and their shadows.</summary>
internal sealed class ReadObserver(ReadRouter routed, ShadowReads shadow) : IReadObserver
{
    public void Begin(string migration) => routed.BeginCount(migration);

    public ReadFindings? Show(string migration)
    {
        var (own, shadows) = (routed.Show(migration), shadow.Show(migration));
        return own is null && shadows is null ? null : new ReadFindings(own ?? new RoutedReads(), shadows ?? new ShadowReadCounts());
    }
}
