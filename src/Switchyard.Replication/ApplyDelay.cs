namespace Switchyard.Replication;

/// <summary>What a stream's applier waits for the target to answer, as the target itself lists it.</summary>
/// <param name="ConnectionId">The target's id of the connection.</param>
/// <param name="Verb">The first word of the statement.</param>
/// <param name="State">What the target is doing, in its own words; empty where it says nothing.</param>
/// <param name="Seconds">For how long.</param>
/// <param name="IsDiskFull">The target says that its disk is full.</param>
public sealed record ApplyDelay(ulong ConnectionId, string Verb, string State, long Seconds, bool IsDiskFull);
