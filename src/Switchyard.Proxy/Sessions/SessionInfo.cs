using System.Collections.Immutable;

namespace Switchyard.Proxy;

/// <summary>A session as of one moment, for lists.</summary>
/// <param name="Id">The proxy's number of it.</param>
/// <param name="ConnectionId">The connection id its client was greeted with.</param>
/// <param name="Client">Address and port.</param>
/// <param name="User">The account's user name.</param>
/// <param name="Schema">Its current schema.</param>
/// <param name="Backend">The backend that has its state.</param>
/// <param name="Legs">Backends it has connections to.</param>
/// <param name="State"><c>idle</c>, <c>running</c>, <c>held</c> or <c>login</c>.</param>
/// <param name="InTransaction">A transaction is open.</param>
/// <param name="Statement">Kind and tables of the statement under way, without values; null when idle.</param>
/// <param name="AgeMs">How long it has been in that state, in milliseconds.</param>
/// <param name="Pins">Why it cannot move to another backend; empty when it can.</param>
public sealed record SessionInfo(
    long Id,
    uint ConnectionId,
    string Client,
    string User,
    string? Schema,
    string? Backend,
    ImmutableArray<string> Legs,
    string State,
    bool InTransaction,
    string? Statement,
    long AgeMs,
    ImmutableArray<string> Pins)
{
    /// <summary>Backends that do not let its account in, as found when a connection was last tried; empty when none is known.</summary>
    public ImmutableArray<SessionRefusal> Refusals { get; init; } = [];
}

/// <summary>A backend does not let a session's account in.</summary>
/// <param name="Backend">Which.</param>
/// <param name="Reason">The backend's words, or why the proxy cannot log in there.</param>
/// <param name="Since">When it first did not; it has let nobody in for this session since.</param>
public sealed record SessionRefusal(string Backend, string Reason, DateTimeOffset Since);
