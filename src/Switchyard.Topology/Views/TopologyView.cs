namespace Switchyard.Topology;

/// <summary>
/// The topology as of now, kept fresh by a watch, behind one volatile reference: readers take no lock and never wait. Everything committed
/// together appears together.
/// </summary>
public sealed class TopologyView : IAsyncDisposable
{
    private readonly ITopologyStore _store;
    private readonly TopologyStateBuilder _builder;
    private readonly CancellationTokenSource _stop = new();
    private volatile TopologyState _current;

    /// <summary>The newest state that whoever follows <see cref="Changed"/> has seen.</summary>
    private volatile TopologyState _announced;
    private volatile TaskCompletionSource _next = NewSignal();
    private Task _loop = Task.CompletedTask;

    private TopologyView(ITopologyStore store, TopologyStateBuilder builder, TopologyState first)
    {
        _store = store;
        _builder = builder;
        _current = _announced = first;
    }

    /// <summary>Raised after <see cref="Current"/> changed, on the view's own loop: handlers must be quick and must not throw.</summary>
    public event Action<TopologyState>? Changed;

    public TopologyState Current => _current;

    /// <summary>Completes, with the error, when the view can no longer follow the store; until then it is running.</summary>
    public Task Completion => _loop;

    /// <summary>Reads the store and begins to follow it.</summary>
    public static async Task<TopologyView> OpenAsync(ITopologyStore store, SecretProtector secrets, CancellationToken cancellationToken = default)
    {
        var builder = new TopologyStateBuilder(secrets);
        var view = new TopologyView(store, builder, builder.Build(await store.ReadAsync("", cancellationToken)));
        view._loop = view.FollowAsync();
        return view;
    }

    /// <summary>Waits until a state satisfies the condition and returns that state, which the handlers of <see cref="Changed"/> have seen.</summary>
    /// <exception cref="OperationCanceledException">Cancelled before that.</exception>
    /// <exception cref="TopologyStoreException">The view has stopped following the store.</exception>
    public async Task<TopologyState> WaitAsync(Func<TopologyState, bool> condition, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var signal = _next.Task;
            var state = _announced;
            if (condition(state))
            {
                return state;
            }

            await signal.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Waits for the first state newer than a revision.</summary>
    public Task<TopologyState> WaitForChangeAsync(long afterRevision, CancellationToken cancellationToken = default) =>
        WaitAsync(state => state.Revision > afterRevision, cancellationToken);

    /// <summary>Waits until the view includes a commit, so that the caller reads its own write.</summary>
    public Task<TopologyState> CatchUpAsync(long revision, CancellationToken cancellationToken = default) =>
        WaitAsync(state => state.Revision >= revision, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _loop;
        }
        catch (Exception error) when (error is OperationCanceledException or TopologyStoreException)
        {
            // Waiters and Completion have it.
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task FollowAsync()
    {
        try
        {
            while (true)
            {
                try
                {
                    await foreach (var change in _store.WatchAsync("", _current.Revision, _stop.Token))
                    {
                        Publish(_builder.Apply(_current, change));
                    }
                }
                catch (WatchGapException)
                {
                    Publish(_builder.Build(await _store.ReadAsync("", _stop.Token)));
                }
            }
        }
        catch (Exception error)
        {
            var signal = _next;
            signal.TrySetException(error is OperationCanceledException
                ? new TopologyStoreException("Switchyard is shutting down; the topology is no longer followed.", error)
                : error);
            _ = signal.Task.Exception;
            throw;
        }
    }

    /// <summary>The state is set before the signal is exchanged: a waiter that took the old signal sees the new state or is woken.</summary>
    private void Publish(TopologyState state)
    {
        _current = state;
        Changed?.Invoke(state);
        _announced = state;
        var signal = _next;
        _next = NewSignal();
        signal.TrySetResult();
    }
}
