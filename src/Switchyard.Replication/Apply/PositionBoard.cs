using Switchyard.Binlog;

namespace Switchyard.Replication.Apply;

/// <summary>The applied position as others see it: published after the target's answer, and a wake-up for those who wait for it.</summary>
internal sealed class PositionBoard(BinlogPosition start)
{
    private readonly Lock _lock = new();
    private readonly List<(BinlogPosition Position, TaskCompletionSource Done)> _waiters = [];
    private BinlogPosition _applied = start;
    private Exception? _failure;

    public event Action<BinlogPosition>? Applied;

    public BinlogPosition Current
    {
        get
        {
            lock (_lock)
            {
                return _applied;
            }
        }
    }

    public void Publish(BinlogPosition position)
    {
        List<TaskCompletionSource>? reached = null;
        lock (_lock)
        {
            if (position <= _applied)
            {
                return;
            }

            _applied = position;
            for (var i = _waiters.Count - 1; i >= 0; i--)
            {
                if (_waiters[i].Position <= position)
                {
                    (reached ??= []).Add(_waiters[i].Done);
                    _waiters.RemoveAt(i);
                }
            }
        }

        Applied?.Invoke(position);
        if (reached is not null)
        {
            foreach (var waiter in reached)
            {
                waiter.TrySetResult();
            }
        }
    }

    /// <summary>Ends every wait with the failure, and those to come; null lifts it.</summary>
    public void Fail(Exception? failure)
    {
        List<(BinlogPosition Position, TaskCompletionSource Done)> waiters = [];
        lock (_lock)
        {
            _failure = failure;
            if (failure is not null)
            {
                waiters.AddRange(_waiters);
                _waiters.Clear();
            }
        }

        foreach (var (_, done) in waiters)
        {
            done.TrySetException(failure!);
        }
    }

    public async Task WaitAsync(BinlogPosition position, CancellationToken cancellationToken)
    {
        TaskCompletionSource done;
        lock (_lock)
        {
            if (_applied >= position)
            {
                return;
            }

            if (_failure is not null)
            {
                throw new ReplicationException(_failure.Message, _failure);
            }

            done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiters.Add((position, done));
        }

        using (cancellationToken.Register(static state => ((TaskCompletionSource)state!).TrySetCanceled(), done))
        {
            try
            {
                await done.Task.ConfigureAwait(false);
            }
            finally
            {
                lock (_lock)
                {
                    _waiters.RemoveAll(w => ReferenceEquals(w.Done, done));
                }
            }
        }
    }
}
