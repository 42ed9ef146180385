namespace Switchyard.Topology;

/// <summary>Live leases and the timer that ends them. A lease past its time is dead for every question, even before the timer fires.</summary>
internal sealed class LeaseTable : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Held> _leases = [];
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private long _lastId;

    public LeaseTable(TimeProvider time, Func<Task> expire)
    {
        _time = time;
        _timer = time.CreateTimer(_ => _ = expire(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public Lease Grant(TimeSpan timeToLive)
    {
        if (timeToLive <= TimeSpan.Zero || timeToLive > TimeSpan.FromDays(1))
        {
            throw new ArgumentOutOfRangeException(nameof(timeToLive), timeToLive, "A lease lives longer than zero and at most a day.");
        }

        lock (_lock)
        {
            var lease = new Lease(++_lastId, timeToLive);
            _leases[lease.Id] = new Held(_time.GetTimestamp(), timeToLive);
            Arm();
            return lease;
        }
    }

    public bool KeepAlive(Lease lease)
    {
        lock (_lock)
        {
            if (!IsAlive(lease.Id))
            {
                return false;
            }

            _leases[lease.Id] = new Held(_time.GetTimestamp(), lease.TimeToLive);
            Arm();
            return true;
        }
    }

    public void Remove(long id)
    {
        lock (_lock)
        {
            _leases.Remove(id);
        }
    }

    /// <summary>A put under a dead lease must not happen: nothing would ever delete it.</summary>
    public bool AllAlive(StoreTransaction transaction)
    {
        lock (_lock)
        {
            foreach (var put in transaction.Puts)
            {
                if (put.LeaseId != 0 && !IsAlive(put.LeaseId))
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>Removes and returns the leases whose time is over.</summary>
    public IReadOnlyList<long> TakeExpired()
    {
        lock (_lock)
        {
            var expired = _leases.Keys.Where(id => !IsAlive(id)).ToList();
            expired.ForEach(id => _leases.Remove(id));
            Arm();
            return expired;
        }
    }

    public void Dispose() => _timer.Dispose();

    private bool IsAlive(long id) => _leases.TryGetValue(id, out var held) && _time.GetElapsedTime(held.Since) < held.TimeToLive;

    private void Arm()
    {
        if (_leases.Count == 0)
        {
            return;
        }

        var next = _leases.Values.Min(held => held.TimeToLive - _time.GetElapsedTime(held.Since));

        // A timer may fire a moment early; a millisecond later the lease is over for certain.
        _timer.Change((next > TimeSpan.Zero ? next : TimeSpan.Zero) + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
    }

    private readonly record struct Held(long Since, TimeSpan TimeToLive);
}
