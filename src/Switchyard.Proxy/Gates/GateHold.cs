using Switchyard.Topology;

namespace Switchyard.Proxy.Gates;

/// <summary>The statements one gate holds in this proxy. Safe from any thread.</summary>
internal sealed class GateHold(Gate gate, TimeProvider time)
{
    /// <summary>Timers take no longer times.</summary>
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(40);

    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _overLimit = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource? _empty;
    private long _bytes;
    private long _longestTicks;
    private bool _drained;

    public Gate Gate { get; } = gate;

    /// <summary>Completes when the gate has ended, one way or the other.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Completes when more is held than the gate allows; the gate is then given up.</summary>
    public Task OverLimit => _overLimit.Task;

    /// <summary>Statements held now.</summary>
    public int Held { get; private set; }

    /// <summary>Statements held since the gate came up.</summary>
    public int HeldInAll { get; private set; }

    public double LongestHoldMs => new TimeSpan(Interlocked.Read(ref _longestTicks)).TotalMilliseconds;

    public bool IsDrained
    {
        get
        {
            lock (_lock)
            {
                return _drained;
            }
        }
    }

    /// <summary>
    /// A statement of a transaction that began before the gate may run as long as the gate is not drained. The caller must have made its
    /// session visible as a blocker before.
    /// </summary>
    public bool TryEnterLate()
    {
        lock (_lock)
        {
            return !_drained;
        }
    }

    /// <summary>Decides "drained" while no late statement can enter: <paramref name="isClear"/> runs under the same lock.</summary>
    public bool TryDrain(Func<bool> isClear)
    {
        lock (_lock)
        {
            return _drained |= isClear();
        }
    }

    /// <summary>Holds a statement until the gate has ended.</summary>
    /// <param name="bytes">The statement's length.</param>
    /// <param name="grace">How long after the gate's deadline its end is waited for yet.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="TimeoutException">Nobody has said how the gate ended, so that the statement belongs nowhere.</exception>
    public async Task WaitAsync(int bytes, TimeSpan grace, CancellationToken cancellationToken)
    {
        Enter(bytes);
        try
        {
            var left = Gate.Deadline - time.GetUtcNow() + grace;
            await _ended.Task.WaitAsync(left < TimeSpan.Zero ? TimeSpan.Zero : left < s_longest ? left : s_longest, time, cancellationToken);
        }
        catch
        {
            Exit(bytes);
            throw;
        }
    }

    /// <summary>A held statement has gone on to a backend, or given up.</summary>
    public void Resumed(int bytes, long heldSince)
    {
        var ticks = time.GetElapsedTime(heldSince).Ticks;
        lock (_lock)
        {
            _longestTicks = Math.Max(_longestTicks, ticks);
        }

        Exit(bytes);
    }

    public void End() => _ended.TrySetResult();

    /// <summary>Completes when no statement is held any more.</summary>
    public Task WhenEmpty()
    {
        lock (_lock)
        {
            if (Held == 0)
            {
                return Task.CompletedTask;
            }

            _empty ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _empty.Task;
        }
    }

    private void Enter(int bytes)
    {
        lock (_lock)
        {
            Held++;
            HeldInAll++;
            _bytes += bytes;
            if (Held > Gate.MaxHeldStatements || _bytes > Gate.MaxHeldBytes)
            {
                _overLimit.TrySetResult();
            }
        }
    }

    private void Exit(int bytes)
    {
        lock (_lock)
        {
            Held--;
            _bytes -= bytes;
            if (Held == 0)
            {
                _empty?.TrySetResult();
                _empty = null;
            }
        }
    }
}
