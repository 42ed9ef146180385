namespace Switchyard.Topology;

/// <summary>
/// The one place that says what is true: revisioned keys with compare-and-set transactions, leases and watches, shaped like etcd so that
/// one process and many run the same program. Every commit has one revision, larger than all before it. All members are safe to call from
/// any thread.
/// </summary>
public interface ITopologyStore : IAsyncDisposable
{
    /// <summary>Reads one key; null when it is absent.</summary>
    Task<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Reads every key that begins with <paramref name="prefix"/> (empty: all), in key order, as of one revision.</summary>
    Task<StoreSnapshot> ReadAsync(string prefix, CancellationToken cancellationToken = default);

    /// <summary>
    /// Applies all puts and deletes if every compare holds, nothing otherwise. When the task completes with success the commit is durable.
    /// </summary>
    /// <exception cref="TopologyStoreException">The store could not answer; whether the commit happened is not known.</exception>
    Task<CommitResult> CommitAsync(StoreTransaction transaction, CancellationToken cancellationToken = default);

    /// <summary>
    /// Yields every commit that touched a key under <paramref name="prefix"/> after <paramref name="afterRevision"/>, in order, without a gap,
    /// one element per commit, so that what was committed together is seen together. Never ends by itself.
    /// </summary>
    /// <exception cref="WatchGapException">Changes after that revision are no longer kept; read again and watch from there.</exception>
    IAsyncEnumerable<StoreChange> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default);

    /// <summary>Grants a lease. Keys put under it are deleted when it is not kept alive for <paramref name="timeToLive"/>.</summary>
    Task<Lease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default);

    /// <summary>Renews a lease for its whole time to live; false when it has expired or was revoked.</summary>
    Task<bool> KeepAliveAsync(Lease lease, CancellationToken cancellationToken = default);

    /// <summary>Ends a lease now and deletes its keys; does nothing when it has ended already.</summary>
    Task RevokeAsync(Lease lease, CancellationToken cancellationToken = default);
}
