using Switchyard.Topology;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>A store that can be made to answer nobody.</summary>
internal sealed class FlakyStore(ITopologyStore inner) : ITopologyStore
{
    private volatile bool _isDown;
    private int _refusedCommits;

    /// <summary>Commits that were tried while it was down.</summary>
    public int RefusedCommits => Volatile.Read(ref _refusedCommits);

    /// <summary>While true, nothing can be read, committed or renewed; watches stay silent by themselves.</summary>
    public bool IsDown
    {
        get => _isDown;
        set => _isDown = value;
    }

    public Task<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default) => Up().GetAsync(key, cancellationToken);

    public Task<StoreSnapshot> ReadAsync(string prefix, CancellationToken cancellationToken = default) => Up().ReadAsync(prefix, cancellationToken);

    public Task<CommitResult> CommitAsync(StoreTransaction transaction, CancellationToken cancellationToken = default)
    {
        if (_isDown)
        {
            Interlocked.Increment(ref _refusedCommits);
        }

        return Up().CommitAsync(transaction, cancellationToken);
    }

    public IAsyncEnumerable<StoreChange> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
        inner.WatchAsync(prefix, afterRevision, cancellationToken);

    public Task<Lease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) => Up().GrantLeaseAsync(timeToLive, cancellationToken);

    public Task<bool> KeepAliveAsync(Lease lease, CancellationToken cancellationToken = default) => Up().KeepAliveAsync(lease, cancellationToken);

    public Task RevokeAsync(Lease lease, CancellationToken cancellationToken = default) => Up().RevokeAsync(lease, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private ITopologyStore Up() => _isDown ? throw new TopologyStoreException("The test has cut the store off.") : inner;
}
