using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>What must hold of the key <see cref="Key"/> for a transaction to apply: its last write is of <see cref="ModRevision"/> (0: it is absent).</summary>
public readonly record struct KeyCompare(string Key, long ModRevision);

/// <summary>No present key under <see cref="Prefix"/> was written after <see cref="Revision"/>. Deletions are not seen by it: compare those keys one by one.</summary>
public readonly record struct PrefixCompare(string Prefix, long Revision);

/// <summary>A key to write, under a lease when <see cref="LeaseId"/> is not 0.</summary>
public readonly record struct KeyPut(string Key, string Value, long LeaseId);

/// <summary>
/// Compares, puts and deletes that happen together or not at all. Immutable; each method returns a larger transaction. A key may be written
/// or deleted once.
/// </summary>
public sealed record StoreTransaction
{
    public static StoreTransaction Empty { get; } = new();

    public ImmutableArray<KeyCompare> Compares { get; init; } = [];

    public ImmutableArray<PrefixCompare> PrefixCompares { get; init; } = [];

    public ImmutableArray<KeyPut> Puts { get; init; } = [];

    public ImmutableArray<string> Deletes { get; init; } = [];

    public StoreTransaction Expect(string key, long modRevision) => this with { Compares = Compares.Add(new KeyCompare(key, modRevision)) };

    public StoreTransaction ExpectAbsent(string key) => Expect(key, 0);

    public StoreTransaction ExpectUnchanged(string prefix, long sinceRevision) =>
        this with { PrefixCompares = PrefixCompares.Add(new PrefixCompare(prefix, sinceRevision)) };

    public StoreTransaction Put(string key, string value, Lease? lease = null) => this with { Puts = Puts.Add(new KeyPut(key, value, lease?.Id ?? 0)) };

    public StoreTransaction Delete(string key) => this with { Deletes = Deletes.Add(key) };
}
