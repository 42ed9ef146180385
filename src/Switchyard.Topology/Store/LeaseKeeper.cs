namespace Switchyard.Topology;

/// <summary>
/// Keeps a lease alive, three times per time to live. <see cref="Lost"/> fires when the lease has ended, and also two thirds of the time
/// to live after the last confirmed renewal began, so that the holder stops acting before anybody can see the lease expire.
/// </summary>
public sealed class LeaseKeeper : IAsyncDisposable
{
    private readonly ITopologyStore _store;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _lost = new();
    private readonly Task _loop;
    private long _confirmedAt;

    private LeaseKeeper(ITopologyStore store, Lease lease, TimeProvider time)
    {
        _store = store;
        _time = time;
        Lease = lease;
        _confirmedAt = time.GetTimestamp();
        _loop = RunAsync();
    }

    public Lease Lease { get; }

    /// <summary>Cancelled when the lease can no longer be relied on.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Grants a lease and begins to keep it alive.</summary>
    public static async Task<LeaseKeeper> StartAsync(ITopologyStore store, TimeSpan timeToLive, TimeProvider time, CancellationToken cancellationToken = default)
    {
        var lease = await store.GrantLeaseAsync(timeToLive, cancellationToken);
        return new LeaseKeeper(store, lease, time);
    }

    /// <summary>Stops renewing and revokes the lease, which deletes its keys.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        await _stop.CancelAsync();
        await _loop;
        try
        {
            await _store.RevokeAsync(Lease, CancellationToken.None);
        }
        catch (TopologyStoreException)
        {
            // The lease then ends by itself when its time is over.
        }

        _lost.Cancel();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var interval = Lease.TimeToLive / 3;
        using var timer = new PeriodicTimer(interval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                var began = _time.GetTimestamp();
                var renewal = await RenewAsync(interval);
                if (renewal == Renewal.Confirmed)
                {
                    _confirmedAt = began;
                }
                else if (renewal == Renewal.Ended || _time.GetElapsedTime(_confirmedAt) >= interval * 2)
                {
                    await _lost.CancelAsync();
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private async Task<Renewal> RenewAsync(TimeSpan limit)
    {
        using var deadline = new CancellationTokenSource(limit, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stop.Token);
        try
        {
            return await _store.KeepAliveAsync(Lease, either.Token) ? Renewal.Confirmed : Renewal.Ended;
        }
        catch (TopologyStoreException)
        {
            return Renewal.Unknown;
        }
        catch (OperationCanceledException) when (!_stop.IsCancellationRequested)
        {
            return Renewal.Unknown;
        }
    }

    private enum Renewal
    {
        Confirmed,
        Unknown,
        Ended,
    }
}
