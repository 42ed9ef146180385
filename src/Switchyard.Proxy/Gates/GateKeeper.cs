using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Switchyard.Faults;
using Switchyard.Topology;

namespace Switchyard.Proxy.Gates;

/// <summary>
/// Plays the proxy's part of every gate: holds, says when it is drained, gives it up after its deadline, releases and reports. One task per
/// gate; sessions touch it only through <see cref="HoldOf"/> and <see cref="AfterStatement"/>.
/// </summary>
internal sealed class GateKeeper(
    ProxyOptions options, TopologyView view, ITopologyStore store, ProxyMembership membership, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>Blockers named in an acknowledgement; more would not help whoever reads them.</summary>
    private const int MaxBlockersNamed = 20;

    /// <summary>How often the list of blockers is written anew while waiting; the drain itself is never waited for by time.</summary>
    private static readonly TimeSpan s_reportInterval = TimeSpan.FromMilliseconds(500);

    /// <summary>The first list comes sooner, so that a switch with little patience can name its blockers too; one that drains at once writes none.</summary>
    private static readonly TimeSpan s_firstReport = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan s_retryInterval = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<string, GateHold> _holds = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Task> _tasks = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private IGatedSessions _sessions = null!;
    private volatile TaskCompletionSource _pulse = NewSignal();
    private int _draining;

    public ProxyMembership Membership => membership;

    public void Start(IGatedSessions sessions)
    {
        _sessions = sessions;
        view.Changed += OnChanged;
        OnChanged(view.Current);
    }

    /// <summary>The hold of a gate seen held in some state of the topology. It may have ended since; waiting on it then returns at once.</summary>
    public GateHold HoldOf(Gate gate)
    {
        var hold = _holds.GetOrAdd(gate.Id, static (_, arguments) => new GateHold(arguments.gate, arguments.time), (gate, time));
        if (!view.Current.Gates.TryGetValue(gate.Id, out var now) || now.Value.State != GateState.Held)
        {
            hold.End();
            if (!_tasks.ContainsKey(gate.Id))
            {
                _holds.TryRemove(gate.Id, out _);
            }
        }

        return hold;
    }

    /// <summary>
    /// Called by every session after it has left the count. The session's leaving is a full fence, so either this sees the draining gate
    /// or the gate's look at the session sees it gone.
    /// </summary>
    public void AfterStatement()
    {
        if (Volatile.Read(ref _draining) != 0)
        {
            _pulse.TrySetResult();
        }
    }

    public async ValueTask DisposeAsync()
    {
        view.Changed -= OnChanged;
        await _stop.CancelAsync();
        foreach (var hold in _holds.Values)
        {
            hold.End();
        }

        await Task.WhenAll(_tasks.Values);
        _stop.Dispose();
    }

    /// <summary>The end of the next statement. One for all gates that wait; a new one only when the last was given.</summary>
    private TaskCompletionSource NextPulse()
    {
        var pulse = _pulse;
        if (pulse.Task.IsCompleted)
        {
            Interlocked.CompareExchange(ref _pulse, NewSignal(), pulse);
        }

        return _pulse;
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void OnChanged(TopologyState state)
    {
        foreach (var gate in state.HeldGates)
        {
            var hold = HoldOf(gate);
            _tasks.GetOrAdd(gate.Id, static (_, arguments) => arguments.keeper.RunAsync(arguments.hold), (keeper: this, hold));
        }

        foreach (var (id, hold) in _holds)
        {
            if (!state.Gates.TryGetValue(id, out var gate) || gate.Value.State != GateState.Held)
            {
                hold.End();
                if (!_tasks.ContainsKey(id))
                {
                    _holds.TryRemove(id, out _);
                }
            }
        }
    }

    private async Task RunAsync(GateHold hold)
    {
        var gate = hold.Gate;
        await Task.Yield();
        try
        {
            var began = time.GetTimestamp();
            ProxyLog.GateHeld(logger, gate.Id, gate.Epoch);
            await FaultPoints.HitAsync("proxy.gate.held.before", _stop.Token);
            await AcknowledgeAsync(hold, [], released: false);
            await FaultPoints.HitAsync("proxy.gate.held.after", _stop.Token);
            await DrainAsync(hold, began);
            await AwaitEndAsync(hold);
            await FaultPoints.HitAsync("proxy.gate.release.before", _stop.Token);
            await ReleaseAsync(hold);
            await FaultPoints.HitAsync("proxy.gate.release.after", _stop.Token);
        }
        catch (OperationCanceledException)
        {
            // The proxy stops.
        }
        catch (FaultInjectedException exception)
        {
            ProxyLog.GateStoreFailed(logger, gate.Id, exception.Message);
        }
        finally
        {
            // A hold that has not ended stays: its statements wait for the topology's word, whatever became of this task.
            _tasks.TryRemove(gate.Id, out _);
            if (hold.Ended.IsCompleted)
            {
                _holds.TryRemove(gate.Id, out _);
            }
        }
    }

    /// <summary>Waits, woken by ending statements, until nothing blocks the gate; returns early when the gate ends or may be given up.</summary>
    private async Task DrainAsync(GateHold hold, long began)
    {
        var gate = hold.Gate;
        var wait = s_firstReport;
        Interlocked.Increment(ref _draining);
        try
        {
            await _sessions.RefreshUncertainAsync(_stop.Token);
            while (!hold.Ended.IsCompleted)
            {
                var signal = NextPulse();

                // The gate is published, then this fence, then the look at the sessions: what the look misses has seen the gate.
                Interlocked.MemoryBarrier();
                if (hold.TryDrain(() => _sessions.FindBlockers(gate, 1).Count == 0))
                {
                    await FaultPoints.HitAsync("proxy.gate.drained.before", _stop.Token);
                    await AcknowledgeAsync(hold, [], released: false);
                    ProxyLog.GateDrained(logger, gate.Id, time.GetElapsedTime(began).TotalMilliseconds);
                    await FaultPoints.HitAsync("proxy.gate.drained.after", _stop.Token);
                    return;
                }

                // The order may come later than the gate, when waiting has not helped.
                if (view.Current.Gates.TryGetValue(gate.Id, out var current) && current.Value.KillBlockers)
                {
                    _sessions.KillBlockers(gate);
                }

                if (await GiveUpIfDueAsync(hold))
                {
                    return;
                }

                using var interval = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
                var report = Task.Delay(wait, time, interval.Token);
                var first = await Task.WhenAny(signal.Task, hold.Ended, hold.OverLimit, report);
                await interval.CancelAsync();
                if (first == report && !hold.Ended.IsCompleted)
                {
                    _stop.Token.ThrowIfCancellationRequested();
                    wait = s_reportInterval;
                    await AcknowledgeAsync(hold, [.. _sessions.FindBlockers(gate, MaxBlockersNamed)], released: false);
                    await _sessions.RefreshUncertainAsync(_stop.Token);
                }
            }
        }
        finally
        {
            Interlocked.Decrement(ref _draining);
        }
    }

    /// <summary>Waits for the gate's end; from its deadline on, or over its limits, tries to be the one that abandons it.</summary>
    private async Task AwaitEndAsync(GateHold hold)
    {
        while (!hold.Ended.IsCompleted)
        {
            await GiveUpIfDueAsync(hold);
            if (hold.Ended.IsCompleted)
            {
                return;
            }

            var left = hold.Gate.Deadline - time.GetUtcNow();
            using var interval = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var wait = Task.Delay(left > TimeSpan.Zero && left < s_reportInterval ? left : s_reportInterval, time, interval.Token);
            var first = await (hold.OverLimit.IsCompleted ? Task.WhenAny(hold.Ended, wait) : Task.WhenAny(hold.Ended, hold.OverLimit, wait));
            await interval.CancelAsync();
            _stop.Token.ThrowIfCancellationRequested();
            if (first == wait && hold.IsDrained && !hold.Ended.IsCompleted)
            {
                // What its sessions are at work on elsewhere changes meanwhile, and a switch may have to tell that from what a dead proxy left.
                await TryAcknowledgeAsync(hold, [], released: false);
            }
        }
    }

    /// <summary>
    /// Turns the gate to abandoned by compare-and-set when its time or its limits are over. Losing the compare is no failure: somebody decided.
    /// Either way nothing resumes before the view has read the outcome.
    /// </summary>
    private async Task<bool> GiveUpIfDueAsync(GateHold hold)
    {
        var reason = hold.OverLimit.IsCompleted ? $"more was held than its limits of {hold.Gate.MaxHeldStatements} statements and {hold.Gate.MaxHeldBytes} bytes allow"
            : time.GetUtcNow() >= hold.Gate.Deadline ? "its deadline passed"
            : null;
        if (reason is null || !view.Current.Gates.TryGetValue(hold.Gate.Id, out var current) || current.Value.State != GateState.Held)
        {
            return false;
        }

        ProxyLog.GateAbandoned(logger, hold.Gate.Id, reason);
        try
        {
            var abandoned = current.Value with { State = GateState.Abandoned, Reason = $"Proxy {options.Id}: {reason}." };
            await store.CommitAsync(
                StoreTransaction.Empty.Expect(current.Key, current.Revision).Put(current.Key, TopologyJson.Write(abandoned)), _stop.Token);
            await hold.Ended.WaitAsync(s_reportInterval, time, _stop.Token);
        }
        catch (TimeoutException)
        {
            // The view lags; the caller looks again.
        }
        catch (TopologyStoreException exception)
        {
            // Not known to be abandoned: go on holding.
            ProxyLog.GateStoreFailed(logger, hold.Gate.Id, exception.Message);
        }

        return true;
    }

    private async Task ReleaseAsync(GateHold hold)
    {
        try
        {
            await hold.WhenEmpty().WaitAsync(options.HoldLimit, time, _stop.Token);
        }
        catch (TimeoutException)
        {
            // Reported as it is: some held statement has not found its way to a backend.
        }

        var state = view.Current.Gates.TryGetValue(hold.Gate.Id, out var gate) ? gate.Value.State.ToString() : "deleted";
        ProxyLog.GateReleased(logger, hold.Gate.Id, state, hold.HeldInAll, hold.LongestHoldMs);
        await AcknowledgeAsync(hold, [], released: true);
    }

    /// <summary>Acknowledges, again and again until the store has it or the gate has ended.</summary>
    private async Task AcknowledgeAsync(GateHold hold, ImmutableArray<Blocker> blockers, bool released)
    {
        while (!await TryAcknowledgeAsync(hold, blockers, released))
        {
            await Task.Delay(s_retryInterval, time, _stop.Token);
            if (hold.Ended.IsCompleted)
            {
                return;
            }
        }
    }

    private async Task<bool> TryAcknowledgeAsync(GateHold hold, ImmutableArray<Blocker> blockers, bool released)
    {
        // Without a membership nobody counts this proxy, and it serves no gated table meanwhile.
        if (membership.Lease is not { } lease)
        {
            return false;
        }

        var ack = new GateAck(hold.Gate.Id, options.Id, Held: true, hold.IsDrained, hold.HeldInAll, hold.LongestHoldMs, released, blockers)
        {
            Busy = hold is { IsDrained: true, Gate.From: { } from } && !released ? [.. _sessions.FindBusy(from)] : [],
        };
        try
        {
            await store.CommitAsync(
                StoreTransaction.Empty.Put(TopologyKeys.GateAck(hold.Gate.Id, options.Id), TopologyJson.Write(ack), lease), _stop.Token);
            return true;
        }
        catch (TopologyStoreException exception)
        {
            ProxyLog.GateStoreFailed(logger, hold.Gate.Id, exception.Message);
            return false;
        }
    }
}
