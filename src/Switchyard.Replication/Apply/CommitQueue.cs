using System.Diagnostics.CodeAnalysis;
using Switchyard.Client;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Apply;

/// <summary>
/// The groups under way on the target, in order, and the workers that apply them. Called by the applier's loop alone, but for
/// <see cref="MakeWay"/>, and <see cref="Cancel"/> while the loop runs.
/// </summary>
internal sealed class CommitQueue : IAsyncDisposable
{
    private readonly TargetWriter _target;
    private readonly AsyncSignal _wake;
    private readonly ApplyWorker[] _workers;
    private readonly Stack<ApplyWorker> _free = new();
    private readonly Queue<(ApplyGroup Group, ApplyWorker Worker)> _groups = new();
    private readonly Lock _lock = new();
    private Task _last = Task.CompletedTask;
    private CancellationTokenSource _abort = new();

    public CommitQueue(StreamDefinition definition, TargetWriter target, LoggedRowsMode mode, AsyncSignal wake)
    {
        _target = target;
        _wake = wake;
        _workers = [.. Enumerable.Range(0, Math.Max(1, definition.ApplyThreads)).Select(i => new ApplyWorker(i, definition.To, target, mode, MakeWay))];
    }

    /// <summary>Nothing is under way.</summary>
    public bool IsIdle => _groups.Count == 0;

    public bool HasFreeWorker => _free.Count > 0;

    /// <summary>The target's ids of the workers' connections, from any thread; null where one is not connected.</summary>
    public IEnumerable<ulong?> Connections => _workers.Select(w => w.ConnectionId);

    /// <summary>Connects every worker.</summary>
    /// <param name="limit">How long the target may leave a statement unanswered meanwhile.</param>
    /// <param name="cancellationToken">Ends it at once.</param>
    public async Task ConnectAsync(TimeSpan limit, CancellationToken cancellationToken)
    {
        await AbortAsync().ConfigureAwait(false);
        foreach (var worker in _workers)
        {
            await worker.ConnectAsync(limit, cancellationToken).ConfigureAwait(false);
            _free.Push(worker);
        }
    }

    /// <summary>Hands a group to a free worker, of which there must be one.</summary>
    public void Begin(ApplyGroup group)
    {
        group.From = _groups.Count == 0 ? _target.Persisted : LastGroup().End;
        var worker = _free.Pop();
        lock (_lock)
        {
            _groups.Enqueue((group, worker));
        }

        group.Run = _last = RunAsync(worker, group, _last);
        _ = WakeAfterAsync(group.Run);
    }

    /// <summary>The first group, if it has ended.</summary>
    public bool TryTakeEnded([NotNullWhen(true)] out ApplyGroup? group)
    {
        group = null;
        if (_groups.Count == 0 || !_groups.Peek().Group.Run.IsCompleted)
        {
            return false;
        }

        lock (_lock)
        {
            (group, var worker) = _groups.Dequeue();
            _free.Push(worker);
        }

        return true;
    }

    /// <summary>Waits until the first group has ended, in whatever way.</summary>
    public Task WaitForFirstAsync() => _groups.Count == 0 ? Task.CompletedTask : WaitAsync(_groups.Peek().Group.Run);

    /// <summary>Ends everything at once, without waiting for it; from any thread, but not beside <see cref="AbortAsync"/>.</summary>
    public void Cancel() => _abort.Cancel();

    /// <summary>Ends everything at once, and returns when nothing runs any more. Ended groups can still be taken.</summary>
    public async Task AbortAsync()
    {
        await _abort.CancelAsync().ConfigureAwait(false);
        foreach (var (group, _) in _groups.ToArray())
        {
            await WaitAsync(group.Run).ConfigureAwait(false);
        }

        foreach (var worker in _workers)
        {
            await worker.DisconnectAsync().ConfigureAwait(false);
        }

        _abort.Dispose();
        _abort = new CancellationTokenSource();
        _last = Task.CompletedTask;
        _free.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await AbortAsync().ConfigureAwait(false);
        foreach (var worker in _workers)
        {
            await worker.DisposeAsync().ConfigureAwait(false);
        }

        _abort.Dispose();
    }

    private static async Task WaitAsync(Task task) => await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task RunAsync(ApplyWorker worker, ApplyGroup group, Task before)
    {
        var abort = _abort.Token;
        // The applier goes on with the next group meanwhile.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await worker.RunAsync(group, before, abort).ConfigureAwait(false);
    }

    private async Task WakeAfterAsync(Task run)
    {
        await WaitAsync(run).ConfigureAwait(false);
        _wake.Set();
    }

    private ApplyGroup LastGroup()
    {
        ApplyGroup? last = null;
        foreach (var (group, _) in _groups)
        {
            last = group;
        }

        return last!;
    }

    // The oldest one waits for a lock, which a later one may hold until its own turn.
    private void MakeWay(ApplyGroup oldest)
    {
        lock (_lock)
        {
            foreach (var (group, _) in _groups)
            {
                if (group.Number > oldest.Number)
                {
                    group.GiveWay.TrySetResult();
                }
            }
        }
    }
}
