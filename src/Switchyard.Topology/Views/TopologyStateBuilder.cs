using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>Makes the next state from the last one and one commit.</summary>
internal sealed class TopologyStateBuilder(SecretProtector secrets)
{
    public TopologyState Build(StoreSnapshot snapshot) =>
        Apply(TopologyState.Empty, new StoreChange(snapshot.Revision, [.. snapshot.Entries.Select(entry => new KeyChange(entry.Key, entry))]));

    public TopologyState Apply(TopologyState state, StoreChange change)
    {
        foreach (var key in change.Keys)
        {
            state = Apply(state, key);
        }

        var held = state.Gates.Values.Where(gate => gate.Value.State == GateState.Held).Select(gate => gate.Value).OrderBy(gate => gate.Id, StringComparer.Ordinal);
        return state with { Revision = change.Revision, HeldGates = [.. held] };
    }

    private TopologyState Apply(TopologyState state, KeyChange change)
    {
        var key = change.Key;
        if (key == TopologyKeys.Routing)
        {
            return state with { Routing = change.Entry is { } entry ? TopologyJson.Read<RoutingTable>(key, entry.Value) : RoutingTable.Empty };
        }

        var parts = key.Split('/');
        var first = parts.Length > 1 ? Uri.UnescapeDataString(parts[1]) : "";
        var second = parts.Length > 2 ? Uri.UnescapeDataString(parts[2]) : "";
        return (parts[0] + "/") switch
        {
            TopologyKeys.Backends => state with { Backends = Set(state.Backends, first, change, entry => BackendRecord.Read(entry, secrets)) },
            TopologyKeys.Gates => state with { Gates = Set(state.Gates, first, change, entry => new Versioned<Gate>(key, Json<Gate>(entry), entry.ModRevision)) },
            TopologyKeys.GateAcks => state with { GateAcks = Set(state.GateAcks, (first, second), change, Json<GateAck>) },
            TopologyKeys.WarmRequests => state with { WarmRequests = Set(state.WarmRequests, first, change, Json<WarmRequest>) },
            TopologyKeys.WarmAcks => state with { WarmAcks = Set(state.WarmAcks, (first, second), change, Json<WarmAck>) },
            TopologyKeys.Proxies => state with { Proxies = Set(state.Proxies, first, change, Json<ProxyMember>) },
            _ => state,
        };
    }

    private static T Json<T>(StoreEntry entry) => TopologyJson.Read<T>(entry.Key, entry.Value);

    private static ImmutableDictionary<TKey, TValue> Set<TKey, TValue>(
        ImmutableDictionary<TKey, TValue> map, TKey key, KeyChange change, Func<StoreEntry, TValue> read)
        where TKey : notnull =>
        change.Entry is { } entry ? map.SetItem(key, read(entry)) : map.Remove(key);
}
