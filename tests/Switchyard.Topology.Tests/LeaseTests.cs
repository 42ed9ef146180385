namespace Switchyard.Topology.Tests;

public sealed class LeaseTests
{
    private static readonly TimeSpan s_ttl = TimeSpan.FromSeconds(15);

    [Fact]
    public async Task Keys_go_when_their_lease_is_not_renewed_and_the_watchers_see_it()
    {
        var time = new ManualTimeProvider();
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync(time);
        var lease = await store.GrantLeaseAsync(s_ttl);
        await store.CommitAsync(StoreTransaction.Empty.Put("proxies/one", "x", lease).Put("stays", "x"));

        time.Advance(s_ttl - TimeSpan.FromMilliseconds(1));
        Assert.NotNull(await store.GetAsync("proxies/one"));
        time.Advance(TimeSpan.FromMilliseconds(2));

        var change = await store.WatchAsync("proxies/", 1, Limit.Token()).FirstAsync();
        Assert.True(Assert.Single(change.Keys).IsDelete);
        Assert.Null(await store.GetAsync("proxies/one"));
        Assert.NotNull(await store.GetAsync("stays"));
        Assert.False(await store.KeepAliveAsync(lease));
    }

    [Fact]
    public async Task A_renewed_lease_lives_its_whole_time_again()
    {
        var time = new ManualTimeProvider();
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync(time);
        var lease = await store.GrantLeaseAsync(s_ttl);
        await store.CommitAsync(StoreTransaction.Empty.Put("k", "x", lease));
        for (var i = 0; i < 5; i++)
        {
            time.Advance(s_ttl - TimeSpan.FromSeconds(1));
            Assert.True(await store.KeepAliveAsync(lease));
        }

        Assert.NotNull(await store.GetAsync("k"));
    }

    [Fact]
    public async Task Nothing_can_be_put_under_a_lease_that_is_over()
    {
        var time = new ManualTimeProvider();
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync(time);
        var lease = await store.GrantLeaseAsync(s_ttl);
        await store.RevokeAsync(lease);
        Assert.False((await store.CommitAsync(StoreTransaction.Empty.Put("k", "x", lease))).Succeeded);
        Assert.Null(await store.GetAsync("k"));
    }

    [Fact]
    public async Task A_key_written_again_without_the_lease_outlives_it()
    {
        var time = new ManualTimeProvider();
        using var directory = new StoreDirectory();
        await using var store = await directory.OpenAsync(time);
        var lease = await store.GrantLeaseAsync(s_ttl);
        await store.CommitAsync(StoreTransaction.Empty.Put("k", "x", lease));
        await store.CommitAsync(StoreTransaction.Empty.Put("k", "y"));
        await store.RevokeAsync(lease);
        Assert.Equal("y", (await store.GetAsync("k"))!.Value);
    }

    [Fact]
    public async Task The_leases_of_a_process_that_is_gone_are_over_when_the_store_is_opened()
    {
        using var directory = new StoreDirectory();
        await using (var store = await directory.OpenAsync())
        {
            var lease = await store.GrantLeaseAsync(s_ttl);
            await store.CommitAsync(StoreTransaction.Empty.Put("locks/m", "x", lease));
        }

        await using var again = await directory.OpenAsync();
        Assert.Null(await again.GetAsync("locks/m"));
    }

    [Fact]
    public async Task A_keeper_that_cannot_renew_gives_up_before_the_lease_can_end()
    {
        var time = new ManualTimeProvider();
        using var directory = new StoreDirectory();
        var inner = await directory.OpenAsync(time);
        var store = new UnreachableStore(inner);
        var keeper = await LeaseKeeper.StartAsync(store, s_ttl, time);
        await inner.CommitAsync(StoreTransaction.Empty.Put("k", "x", keeper.Lease));
        var lost = new TaskCompletionSource();
        keeper.Lost.Register(lost.SetResult);

        store.Unreachable = true;
        time.Advance(s_ttl / 3);
        await store.NextTry();
        Assert.False(keeper.Lost.IsCancellationRequested);
        time.Advance(s_ttl / 3);
        await lost.Task.WaitAsync(Limit.Time);

        Assert.NotNull(await inner.GetAsync("k"));
        store.Unreachable = false;
        await keeper.DisposeAsync();
        Assert.Null(await inner.GetAsync("k"));
        await inner.DisposeAsync();
    }

    /// <summary>A store behind a network that can be cut.</summary>
    private sealed class UnreachableStore(ITopologyStore inner) : ITopologyStore
    {
        private readonly SemaphoreSlim _tries = new(0);

        public bool Unreachable { get; set; }

        public Task NextTry() => _tries.WaitAsync(Limit.Token());

        public Task<bool> KeepAliveAsync(Lease lease, CancellationToken cancellationToken = default)
        {
            _tries.Release();
            return Unreachable ? throw new TopologyStoreException("Cut.") : inner.KeepAliveAsync(lease, cancellationToken);
        }

        public Task<Lease> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) => inner.GrantLeaseAsync(timeToLive, cancellationToken);

        public Task RevokeAsync(Lease lease, CancellationToken cancellationToken = default) => inner.RevokeAsync(lease, cancellationToken);

        public Task<StoreEntry?> GetAsync(string key, CancellationToken cancellationToken = default) => inner.GetAsync(key, cancellationToken);

        public Task<StoreSnapshot> ReadAsync(string prefix, CancellationToken cancellationToken = default) => inner.ReadAsync(prefix, cancellationToken);

        public Task<CommitResult> CommitAsync(StoreTransaction transaction, CancellationToken cancellationToken = default) => inner.CommitAsync(transaction, cancellationToken);

        public IAsyncEnumerable<StoreChange> WatchAsync(string prefix, long afterRevision, CancellationToken cancellationToken = default) =>
            inner.WatchAsync(prefix, afterRevision, cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
