using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>One key as stored. <see cref="ModRevision"/> is the revision of the commit that last wrote it; <see cref="LeaseId"/> is 0 without a lease.</summary>
public sealed record StoreEntry(string Key, string Value, long CreateRevision, long ModRevision, long LeaseId = 0)
{
    /// <summary>Values may hold protected secrets; only the key and the revision are printed.</summary>
    public override string ToString() => $"{Key}@{ModRevision}";
}

/// <summary>Entries in key order, as they were at <see cref="Revision"/> of the whole store.</summary>
public sealed record StoreSnapshot(long Revision, ImmutableArray<StoreEntry> Entries);

/// <summary>The part of one commit that a watch asked for.</summary>
public sealed record StoreChange(long Revision, ImmutableArray<KeyChange> Keys);

/// <summary>A key written (<see cref="Entry"/> is set) or deleted (null).</summary>
public readonly record struct KeyChange(string Key, StoreEntry? Entry)
{
    /// <summary>True when the key is gone.</summary>
    public bool IsDelete => Entry is null;
}

/// <summary>The answer to a commit. When a compare did not hold, <see cref="Revision"/> is the store's current revision and nothing was changed.</summary>
public readonly record struct CommitResult(bool Succeeded, long Revision);

/// <summary>A lease granted by a store; see <see cref="LeaseKeeper"/> for keeping one alive.</summary>
public sealed record Lease(long Id, TimeSpan TimeToLive);
