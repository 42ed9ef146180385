using Switchyard.Binlog;

namespace Switchyard.Replication.Apply;

/// <summary>Something to be done by the applier between two transactions, with nothing of the stream under way on the target.</summary>
internal sealed class BoundaryRequest(Func<CancellationToken, Task> action, BinlogPosition? notBefore, BinlogPosition? exactly)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Everything up to here is applied first.</summary>
    public BinlogPosition? NotBefore { get; } = notBefore;

    /// <summary>Everything up to here is applied, and nothing after.</summary>
    public BinlogPosition? Exactly { get; } = exactly;

    public Task Done => _done.Task;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await action(cancellationToken).ConfigureAwait(false);
            _done.TrySetResult();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            _done.TrySetCanceled(cancellationToken);
            throw;
        }
        catch (Exception e)
        {
            // The one who asked decides what it means for the stream.
            _done.TrySetException(e);
        }
    }

    public void Fail(Exception e) => _done.TrySetException(e);

    public void Cancel() => _done.TrySetCanceled();
}

/// <summary>Requests of copiers to the applier, in the order they came.</summary>
internal sealed class BoundaryQueue(AsyncSignal wake)
{
    private readonly Lock _lock = new();
    private readonly List<BoundaryRequest> _requests = [];
    private Exception? _closed;

    /// <summary>Runs an action at the next boundary that suits it. Cancelled, it either never runs or is waited for to its end.</summary>
    public async Task EnqueueAsync(
        Func<CancellationToken, Task> action, CancellationToken cancellationToken, BinlogPosition? notBefore = null, BinlogPosition? exactly = null)
    {
        var request = new BoundaryRequest(action, notBefore, exactly);
        lock (_lock)
        {
            if (_closed is not null)
            {
                throw new ReplicationException(_closed.Message, _closed);
            }

            _requests.Add(request);
        }

        wake.Set();
        await using (cancellationToken.Register(() => Withdraw(request)).ConfigureAwait(false))
        {
            await request.Done.ConfigureAwait(false);
        }
    }

    /// <summary>Takes the first request that is due when everything up to <paramref name="reached"/> is applied.</summary>
    /// <param name="reached">Where the stream stands, which may be past the last transaction.</param>
    /// <param name="next">The beginning of what comes next, when known: an exact position before it is due.</param>
    public BoundaryRequest? TakeDue(BinlogPosition reached, BinlogPosition? next)
    {
        lock (_lock)
        {
            for (var i = 0; i < _requests.Count; i++)
            {
                var request = _requests[i];
                var due = request.Exactly is { } exactly
                    ? reached >= exactly || next > exactly
                    : request.NotBefore is not { } notBefore || reached >= notBefore;
                if (due)
                {
                    _requests.RemoveAt(i);
                    return request;
                }
            }
        }

        return null;
    }

    /// <summary>Whether <see cref="TakeDue"/> would give something.</summary>
    public bool HasDue(BinlogPosition reached, BinlogPosition? next)
    {
        lock (_lock)
        {
            foreach (var request in _requests)
            {
                if (request.Exactly is { } exactly ? reached >= exactly || next > exactly : request.NotBefore is not { } notBefore || reached >= notBefore)
                {
                    return true;
                }
            }
        }

        return false;
    }

    private void Withdraw(BoundaryRequest request)
    {
        lock (_lock)
        {
            if (!_requests.Remove(request))
            {
                return;
            }
        }

        request.Cancel();
    }

    /// <summary>Refuses everything waiting and everything to come.</summary>
    public void Close(Exception reason)
    {
        List<BoundaryRequest> left;
        lock (_lock)
        {
            _closed = reason;
            left = [.. _requests];
            _requests.Clear();
        }

        foreach (var request in left)
        {
            request.Fail(reason);
        }
    }
}
