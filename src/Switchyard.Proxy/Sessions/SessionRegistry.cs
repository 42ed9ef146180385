using System.Collections.Concurrent;
using Switchyard.Proxy.Gates;
using Switchyard.Proxy.Legs;
using Switchyard.Topology;

namespace Switchyard.Proxy.Sessions;

/// <summary>All sessions of a proxy. Safe from any thread.</summary>
internal sealed class SessionRegistry(TopologyView view, LegReaper reaper) : IGatedSessions
{
    /// <summary>
    /// Ids begin here, above any connection id a server reaches in practice, so that one number never means a session of ours and a connection
    /// of a backend's.
    /// </summary>
    private const long FirstId = 0x4000_0000;

    private readonly ConcurrentDictionary<long, ProxySession> _sessions = new();
    private long _lastId = FirstId;

    public int Count => _sessions.Count;

    public IEnumerable<ProxySession> All => _sessions.Values;

    public long NextId() => Interlocked.Increment(ref _lastId);

    public void Add(ProxySession session) => _sessions[session.Id] = session;

    public void Remove(ProxySession session) => _sessions.TryRemove(session.Id, out _);

    public ProxySession? Find(long id) => _sessions.GetValueOrDefault(id);

    /// <summary>Asks every session to end after its running statement, and waits until they have or the wait is cancelled.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Task.WhenAll(_sessions.Values.Select(session => session.EndAsync(cancellationToken)));
        }
        catch (OperationCanceledException)
        {
            // The caller closes what is left.
        }
    }

    public List<Blocker> FindBlockers(Gate gate, int limit)
    {
        var ignoreCase = view.Current.Routing.IgnoreCase;
        List<Blocker> blockers = [.. reaper.BlockersOf(gate).Take(limit)];
        foreach (var (_, session) in _sessions)
        {
            if (blockers.Count >= limit)
            {
                break;
            }

            if (session.BlockerOf(gate, ignoreCase) is { } blocker)
            {
                blockers.Add(blocker);
            }
        }

        return blockers;
    }

    public Task RefreshUncertainAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(_sessions.Values.Select(session => session.RefreshStatusAsync(cancellationToken)));

    public void KillBlockers(Gate gate)
    {
        foreach (var blocker in FindBlockers(gate, int.MaxValue))
        {
            Find(blocker.SessionId)?.Kill($"it blocked the switch of migration {gate.Migration}");
        }
    }
}
