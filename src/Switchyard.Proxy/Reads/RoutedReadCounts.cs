using Switchyard.Topology;

namespace Switchyard.Proxy.Reads;

/// <summary>Where a migration's reads have gone since the count began. Safe from any thread.</summary>
internal sealed class RoutedReadCounts
{
    private long _onTarget;
    private long _waited;
    private int _waiting;
    private long _byLag;
    private long _byError;
    private long _byConnection;

    public void OnTarget() => Interlocked.Increment(ref _onTarget);

    public void BeginsToWait() => Interlocked.Increment(ref _waiting);

    public void HasWaited(bool inVain)
    {
        Interlocked.Decrement(ref _waiting);
        if (!inVain)
        {
            Interlocked.Increment(ref _waited);
        }
    }

    public void FellBackByLag() => Interlocked.Increment(ref _byLag);

    public void FellBackByError() => Interlocked.Increment(ref _byError);

    public void FellBackByConnection() => Interlocked.Increment(ref _byConnection);

    /// <summary>Begins anew; who waits now goes on waiting.</summary>
    public void Begin()
    {
        Interlocked.Exchange(ref _onTarget, 0);
        Interlocked.Exchange(ref _waited, 0);
        Interlocked.Exchange(ref _byLag, 0);
        Interlocked.Exchange(ref _byError, 0);
        Interlocked.Exchange(ref _byConnection, 0);
    }

    public RoutedReads Show() => new()
    {
        OnTarget = Interlocked.Read(ref _onTarget),
        Waited = Interlocked.Read(ref _waited),
        Waiting = Volatile.Read(ref _waiting),
        FellBackByLag = Interlocked.Read(ref _byLag),
        FellBackByError = Interlocked.Read(ref _byError),
        FellBackByConnection = Interlocked.Read(ref _byConnection),
    };
}
