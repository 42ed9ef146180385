using Switchyard.Topology;

namespace Switchyard.Proxy.Gates;

/// <summary>The sessions of a proxy, as a gate sees them.</summary>
internal interface IGatedSessions
{
    /// <summary>What keeps the gate from being drained now, at most <paramref name="limit"/> of them.</summary>
    List<Blocker> FindBlockers(Gate gate, int limit);

    /// <summary>Has sessions whose transaction may have ended unnoticed ask their backend; returns when all have.</summary>
    Task RefreshUncertainAsync(CancellationToken cancellationToken);

    /// <summary>The ids of the connections to a backend that run a statement now.</summary>
    IEnumerable<ulong> FindBusy(string backend);

    /// <summary>Ends the sessions that block the gate.</summary>
    void KillBlockers(Gate gate);
}
