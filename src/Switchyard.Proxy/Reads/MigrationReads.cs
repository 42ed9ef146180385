using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Topology;

namespace Switchyard.Proxy.Reads;

/// <summary>
/// Freshness of one migration's target. A write number is visible when a sample taken after it was given out — the source's binary log
/// position — has been applied. One sample serves every read that waits. Safe from any thread.
/// </summary>
internal sealed class MigrationReads(
    string migration, SourcePosition source, AppliedPositions applied, SchemaShapes shapes, bool ignoreCase, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    /// <summary>After a read has waited in vain, others go to the source at once for this long, unless the applier moves.</summary>
    private static readonly TimeSpan s_stallInterval = TimeSpan.FromMilliseconds(500);

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stop = new();
    private long _visible;
    private Task<Sample>? _sampling;
    private Sample? _last;
    private long _failedAt;
    private volatile Stall? _stall;
    private long _beginning;

    public WriteMarks Marks { get; } = new(ignoreCase);

    public SchemaShapes Shapes { get; } = shapes;

    public RoutedReadCounts Counts { get; } = new();

    /// <summary>What every read must see: all that was written before the target began to serve reads.</summary>
    public long Beginning => Interlocked.Read(ref _beginning);

    /// <summary>The target serves reads again, after a time in which no write was marked.</summary>
    public void BeginAnew() => Interlocked.Exchange(ref _beginning, Marks.Next());

    /// <summary>True when nothing has to be waited for.</summary>
    public bool IsVisible(long number) => Interlocked.Read(ref _visible) >= number;

    /// <summary>Waits until everything up to <paramref name="number"/> is visible on the target; false when it is not within the limit.</summary>
    public async ValueTask<bool> WaitVisibleAsync(long number, TimeSpan limit, CancellationToken cancellationToken)
    {
        if (IsVisible(number) || HasCaughtUp(number))
        {
            return true;
        }

        // While the target is behind, one read in a while pays for finding out; the others do not wait for what will not come.
        if (IsStalled)
        {
            return false;
        }

        Counts.BeginsToWait();
        var isVisible = false;
        try
        {
            return isVisible = await WaitForAsync(number, limit, cancellationToken);
        }
        finally
        {
            Counts.HasWaited(inVain: !isVisible);
        }
    }

    private async Task<bool> WaitForAsync(long number, TimeSpan limit, CancellationToken cancellationToken)
    {
        // The source's own timer: one that is cancelled by a timer of ours could be disposed while that fires.
        using var expiry = new CancellationTokenSource(limit, time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, expiry.Token);
        try
        {
            var sample = await SampleForAsync(number, deadline.Token);
            await applied.WaitAsync(migration, sample.Position, deadline.Token);
            Raise(sample.Number);
            return true;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            _stall = new Stall(time.GetTimestamp(), applied.Current(migration));
            return false;
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException)
        {
            WarnOnce(exception.Message);
            return false;
        }
    }

    private bool IsStalled => _stall is { } stall && time.GetElapsedTime(stall.At) < s_stallInterval && applied.Current(migration) <= stall.Applied;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        if (_sampling is { } sampling)
        {
            await sampling.ContinueWith(static _ => { }, TaskScheduler.Default);
        }

        await source.DisposeAsync();
        _stop.Dispose();
    }

    /// <summary>The last sample covers the number and has been applied since.</summary>
    private bool HasCaughtUp(long number)
    {
        Sample? last;
        lock (_lock)
        {
            last = _last;
        }

        if (last is null || last.Number < number || !applied.HasReached(migration, last.Position))
        {
            return false;
        }

        Raise(last.Number);
        return true;
    }

    /// <summary>A sample that covers the number: the last one, the one under way if it began late enough, or the one after it.</summary>
    private async Task<Sample> SampleForAsync(long number, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task<Sample> sampling;
            lock (_lock)
            {
                if (_last is { } last && last.Number >= number)
                {
                    return last;
                }

                sampling = _sampling ??= TakeAsync();
            }

            await sampling.WaitAsync(cancellationToken);
        }
    }

    private async Task<Sample> TakeAsync()
    {
        await Task.Yield();
        try
        {
            // The number is read before the position: all writes up to it were answered by the source before.
            var number = Marks.Current;
            var sample = new Sample(number, await source.ReadAsync(_stop.Token));
            lock (_lock)
            {
                _last = sample;
            }

            return sample;
        }
        finally
        {
            lock (_lock)
            {
                _sampling = null;
            }
        }
    }

    private void Raise(long number)
    {
        long old;
        while ((old = Interlocked.Read(ref _visible)) < number && Interlocked.CompareExchange(ref _visible, number, old) != old)
        {
        }
    }

    private void WarnOnce(string reason)
    {
        var now = time.GetTimestamp();
        var before = Interlocked.Exchange(ref _failedAt, now);
        if (before == 0 || time.GetElapsedTime(before, now) > TimeSpan.FromSeconds(10))
        {
            ProxyLog.ReadsFellBack(logger, migration, reason);
        }
    }

    private sealed record Stall(long At, StreamPosition Applied);

    private sealed record Sample(long Number, StreamPosition Position);
}
