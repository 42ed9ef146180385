using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>Something that keeps a gate from being drained. <see cref="Statement"/> is the statement's shape, without values.</summary>
public sealed record Blocker(long SessionId, string Client, string? Statement, long AgeMs, string Reason);

/// <summary>
/// One proxy's answer to a gate. <see cref="Held"/>: no new statement on the gated tables is sent. <see cref="Drained"/>: none is without its
/// answer and no transaction on them is open. <see cref="Released"/>: the held statements went out after the gate ended.
/// </summary>
public sealed record GateAck(
    string GateId,
    string ProxyId,
    bool Held,
    bool Drained,
    int HeldStatements,
    double LongestHoldMs,
    bool Released,
    ImmutableArray<Blocker> Blockers)
{
    /// <summary>Connections of the proxy on the gate's source that ran a statement, which the gate does not hold, when it answered; by that server's ids.</summary>
    public ImmutableArray<ulong> Busy { get; init; } = [];
}
