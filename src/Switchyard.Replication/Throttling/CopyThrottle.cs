namespace Switchyard.Replication;

/// <summary>Holds a copy's new chunks back while the operator or a server's load says so. Members may be called from any thread.</summary>
public sealed class CopyThrottle(TimeProvider clock)
{
    private readonly Lock _lock = new();
    private ThrottleLimits _limits = new();
    private string? _load;
    private TaskCompletionSource _changed = NewSignal();
    private TaskCompletionSource _limitsChanged = NewSignal();
    private long _since;
    private TimeSpan _held;

    /// <summary>Takes effect at once: whoever waits looks again.</summary>
    public ThrottleLimits Limits
    {
        get
        {
            lock (_lock)
            {
                return _limits;
            }
        }

        set
        {
            TaskCompletionSource limitsChanged;
            lock (_lock)
            {
                var before = ReasonNow;
                _limits = value;
                // What was measured against other limits says nothing about these.
                _load = null;
                Account(before);
                limitsChanged = _limitsChanged;
                _limitsChanged = NewSignal();
            }

            limitsChanged.TrySetResult();
            Wake();
        }
    }

    /// <summary>Why the copy is held; null while it is not.</summary>
    public string? Reason
    {
        get
        {
            lock (_lock)
            {
                return ReasonNow;
            }
        }
    }

    /// <summary>How long it has been held in all, since the process began to copy.</summary>
    public TimeSpan Held
    {
        get
        {
            lock (_lock)
            {
                return _held + (ReasonNow is null ? TimeSpan.Zero : clock.GetElapsedTime(_since));
            }
        }
    }

    internal Task LimitsChanged
    {
        get
        {
            lock (_lock)
            {
                return _limitsChanged.Task;
            }
        }
    }

    private string? ReasonNow => _limits.IsPaused ? "paused by the operator" : _load;

    /// <summary>Returns while nothing holds the copy: a wake-up, not a poll.</summary>
    internal async Task WaitAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (ReasonNow is null)
                {
                    return;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>What the monitor found beyond a limit; null for nothing.</summary>
    internal void Report(string? load, ThrottleLimits measuredAgainst)
    {
        lock (_lock)
        {
            if (!ReferenceEquals(measuredAgainst, _limits) || load == _load)
            {
                return;
            }

            var before = ReasonNow;
            _load = load;
            Account(before);
        }

        Wake();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Account(string? before)
    {
        if (before is null && ReasonNow is not null)
        {
            _since = clock.GetTimestamp();
        }
        else if (before is not null && ReasonNow is null)
        {
            _held += clock.GetElapsedTime(_since);
        }
    }

    private void Wake()
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            changed = _changed;
            _changed = NewSignal();
        }

        changed.TrySetResult();
    }
}
