using System.Collections.Immutable;

namespace Switchyard.Topology;

/// <summary>All entries at one revision. Immutable, so readers never meet a half-made commit.</summary>
internal sealed record StoreImage(long Revision, ImmutableSortedDictionary<string, StoreEntry> Entries)
{
    public static ImmutableSortedDictionary<string, StoreEntry> NoEntries { get; } =
        ImmutableSortedDictionary.Create<string, StoreEntry>(StringComparer.Ordinal);

    public StoreSnapshot Read(string prefix) => new(
        Revision,
        prefix.Length == 0 ? [.. Entries.Values] : [.. Entries.Values.Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal))]);

    public bool Satisfies(StoreTransaction transaction)
    {
        foreach (var compare in transaction.Compares)
        {
            if ((Entries.GetValueOrDefault(compare.Key)?.ModRevision ?? 0) != compare.ModRevision)
            {
                return false;
            }
        }

        foreach (var compare in transaction.PrefixCompares)
        {
            foreach (var entry in Entries.Values)
            {
                if (entry.ModRevision > compare.Revision && entry.Key.StartsWith(compare.Prefix, StringComparison.Ordinal))
                {
                    return false;
                }
            }
        }

        return true;
    }

    /// <exception cref="ArgumentException">The transaction writes a key twice.</exception>
    public (StoreImage Next, StoreChange Change) Apply(StoreTransaction transaction)
    {
        var revision = Revision + 1;
        var entries = Entries.ToBuilder();
        var changes = ImmutableArray.CreateBuilder<KeyChange>(transaction.Puts.Length + transaction.Deletes.Length);
        var touched = new HashSet<string>(StringComparer.Ordinal);
        foreach (var put in transaction.Puts)
        {
            Touch(touched, put.Key);
            var created = entries.GetValueOrDefault(put.Key)?.CreateRevision ?? revision;
            var entry = new StoreEntry(put.Key, put.Value, created, revision, put.LeaseId);
            entries[put.Key] = entry;
            changes.Add(new KeyChange(put.Key, entry));
        }

        foreach (var key in transaction.Deletes)
        {
            Touch(touched, key);
            if (entries.Remove(key))
            {
                changes.Add(new KeyChange(key, null));
            }
        }

        var change = new StoreChange(revision, changes.ToImmutable());
        return (change.Keys.IsEmpty ? this : new StoreImage(revision, entries.ToImmutable()), change);
    }

    private static void Touch(HashSet<string> touched, string key)
    {
        if (!touched.Add(key))
        {
            throw new ArgumentException($"The transaction writes or deletes the key {key} twice.", nameof(key));
        }
    }
}

internal static class StoreChangeFilter
{
    /// <summary>The part of a commit under a prefix; null when there is none.</summary>
    public static StoreChange? Under(this StoreChange change, string prefix)
    {
        if (prefix.Length == 0)
        {
            return change;
        }

        var keys = change.Keys.Where(key => key.Key.StartsWith(prefix, StringComparison.Ordinal)).ToImmutableArray();
        return keys.IsEmpty ? null : change with { Keys = keys };
    }
}
