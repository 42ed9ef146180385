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
    public const long FirstId = 0x4000_0000;

    private readonly ConcurrentDictionary<long, ProxySession> _sessions = new();
    private long _lastId = FirstId;

    public int Count => _sessions.Count;

    public IEnumerable<ProxySession> All => _sessions.Values;

    public long NextId() => Interlocked.Increment(ref _lastId);

    public void Add(ProxySession session) => _sessions[session.Id] = session;

    public void Remove(ProxySession session) => _sessions.TryRemove(session.Id, out _);

    public ProxySession? Find(long id) => _sessions.GetValueOrDefault(id);

    /// <summary>Sessions whose clients were greeted with this connection id; several only when they were greeted for different backends.</summary>
    public List<ProxySession> GreetedWith(ulong connectionId) => [.. _sessions.Values.Where(session => session.ConnectionId == connectionId && session.IsEstablished)];

    /// <summary>The session one of whose legs is this connection of a backend; null when it is none of ours.</summary>
    public ProxySession? HolderOf(string backend, ulong connectionId) => _sessions.Values.FirstOrDefault(session => session.Holds(backend, connectionId));

    /// <summary>Asks every session to end after its running statement and open transaction, and waits until they have or the wait is cancelled.</summary>
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

    public IEnumerable<ulong> FindBusy(string backend) => _sessions.Values.SelectMany(session => session.BusyOn(backend));

    public void KillBlockers(Gate gate)
    {
        foreach (var blocker in FindBlockers(gate, int.MaxValue))
        {
            Find(blocker.SessionId)?.Kill($"it blocked the switch of migration {gate.Migration}");
        }
    }
}
