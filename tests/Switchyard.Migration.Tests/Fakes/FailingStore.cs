using System.Runtime.CompilerServices;
using Switchyard.Topology;

namespace Switchyard.Migration.Tests;

/// <summary>A store whose disk can fail for good, at once or in the commit of a flip, which the disk then has or has not.</summary>
internal sealed class FailingStore(ITopologyStore inner) : ITopologyStore
{
    private volatile bool _hasFailed;

    /// <summary>From the next flip on it fails; true where that flip is on the disk all the same.</summary>
    public bool? SurvivesFailingFlip { get; set; }

    public void Fail() => _hasFailed = true;

    public Task<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default) => Working().GetAsync(key, cancellationToken);

    public Task<StoreSnapshot> ReadAsync(string prefix, CancellationToken cancellationToken = default) => Working().ReadAsync(prefix, cancellationToken);

    public async Task<CommitResult> CommitAsync(StoreTransaction transaction, CancellationToken cancellationToken = default)
    {
        if (SurvivesFailingFlip is { } survives && transaction.Puts.Any(put => put.Key.StartsWith(TopologyKeys.Gates, StringComparison.Ordinal) && put.Value.Contains("\"flipped\"", StringComparison.OrdinalIgnoreCase)))
        {
            _hasFailed = true;
            if (survives)
            {
                Assert.True((await inner.CommitAsync(transaction, cancellationToken)).Succeeded);
            }
        }

        return await Working().CommitAsync(transaction, cancellationToken);
    }

    public async IAsyncEnumerable<StoreChange> WatchAsync(string prefix, long afterRevision, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var change in inner.WatchAsync(prefix, afterRevision, cancellationToken))
        {
            _ = Working();
            yield return change;
        }
    }

    public Task<Lease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) => Working().GrantLeaseAsync(timeToLive, cancellationToken);

    public Task<bool> KeepAliveAsync(Lease lease, CancellationToken cancellationToken = default) => Working().KeepAliveAsync(lease, cancellationToken);

    public Task RevokeAsync(Lease lease, CancellationToken cancellationToken = default) => Working().RevokeAsync(lease, cancellationToken);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private ITopologyStore Working() => _hasFailed ? throw new TopologyStoreException("The test's disk has failed.") : inner;
}
