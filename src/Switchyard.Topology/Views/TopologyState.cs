using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>Everything proxies need to know, as of one revision. Immutable: one statement reads one state from start to end.</summary>
public sealed record TopologyState
{
    public static TopologyState Empty { get; } = new();

    public long Revision { get; init; }

    public RoutingTable Routing { get; init; } = RoutingTable.Empty;

    /// <summary>Backends by name, with their DSNs in the clear.</summary>
    public ImmutableDictionary<string, Backend> Backends { get; init; } = ImmutableDictionary<string, Backend>.Empty;

    /// <summary>Gates by id, ended ones included until they are deleted. <see cref="Versioned{T}.Revision"/> is what an abandon compares.</summary>
    public ImmutableDictionary<string, Versioned<Gate>> Gates { get; init; } = ImmutableDictionary<string, Versioned<Gate>>.Empty;

    /// <summary>Acknowledgements by gate id, then proxy id.</summary>
    public ImmutableDictionary<(string GateId, string ProxyId), GateAck> GateAcks { get; init; } = ImmutableDictionary<(string, string), GateAck>.Empty;

    public ImmutableDictionary<string, WarmRequest> WarmRequests { get; init; } = ImmutableDictionary<string, WarmRequest>.Empty;

    public ImmutableDictionary<(string RequestId, string ProxyId), WarmAck> WarmAcks { get; init; } = ImmutableDictionary<(string, string), WarmAck>.Empty;

    public ImmutableDictionary<string, ProxyMember> Proxies { get; init; } = ImmutableDictionary<string, ProxyMember>.Empty;

    /// <summary>Gates that hold now. Computed when the state is made, so that the fast path reads one field.</summary>
    public ImmutableArray<Gate> HeldGates { get; init; } = [];
}
