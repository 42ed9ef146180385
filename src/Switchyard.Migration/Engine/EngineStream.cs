using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication;
using Switchyard.Replication.Source;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>A stream of the engine, in this library's words.</summary>
internal sealed class EngineStream : IMigrationStream
{
    private readonly ConnectionOptions _from;
    private readonly SemaphoreSlim _reading = new(1, 1);
    private BackendConnection? _origin;
    private Task _completion = Task.CompletedTask;

    public EngineStream(ReplicationStream inner, ConnectionOptions from)
    {
        Inner = inner;
        _from = from;
        inner.Applied += position => Applied?.Invoke(Convert(position));
    }

    public event Action<StreamPosition>? Applied;

    public ReplicationStream Inner { get; }

    public Task Completion => _completion;

    public StreamStatus Status
    {
        get
        {
            var progress = Inner.Progress;
            var state = progress.State switch
            {
                StreamState.Running => "running",
                StreamState.Connecting => "connecting",
                StreamState.Reconnecting => "reconnecting",
                StreamState.Failed => "error",
                _ => "stopped",
            };
            return new StreamStatus(
                state, Convert(progress.Applied).ToString(), double.IsFinite(progress.LagSeconds) ? Math.Round(progress.LagSeconds, 3) : null, progress.TransactionsApplied, progress.Error)
            {
                LogRetentionSeconds = progress.LogRetention?.TotalSeconds,
                OriginSilentSeconds = progress.SourceSilence?.TotalSeconds,
                FollowerSilentSeconds = progress.TargetSilence?.TotalSeconds,
            };
        }
    }

    public void Start()
    {
        Inner.Start();
        _completion = FollowAsync();
    }

    public async Task WaitForRunningAsync(CancellationToken cancellationToken)
    {
        var changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Look(StreamProgress progress)
        {
            if (progress.State is StreamState.Running or StreamState.Failed)
            {
                changed.TrySetResult();
            }
        }

        Inner.StateChanged += Look;
        try
        {
            Look(Inner.Progress);
            await Task.WhenAny(changed.Task, _completion).WaitAsync(cancellationToken);
        }
        finally
        {
            Inner.StateChanged -= Look;
        }

        var now = Inner.Progress;
        if (now.State != StreamState.Running)
        {
            throw new InvalidOperationException(now.Error ?? "Replication has stopped.");
        }
    }

    public bool HasSourceMoved => Inner.HasSourceMoved;

    public TablesReplacedException? Replaced => Inner.Replaced;

    public long DefinitionChanges => Inner.DefinitionChanges;

    public long CodeChanges => Inner.CodeChanges;

    public Task BetweenTransactionsAsync(Func<CancellationToken, Task> action, CancellationToken cancellationToken) => Inner.BetweenTransactionsAsync(action, cancellationToken);

    public bool IsUnrelatedXa(string xid) => Inner.IsUnrelatedXa(xid);

    public Task StopAsync(CancellationToken cancellationToken) => Inner.StopAsync(cancellationToken);

    /// <summary>Over a connection of its own that is kept, since a comparison and the pause ask often.</summary>
    public async Task<StreamPosition> ReadEndAsync(CancellationToken cancellationToken)
    {
        await _reading.WaitAsync(cancellationToken);
        try
        {
            if (_origin is { IsUsable: false } broken)
            {
                _origin = null;
                await broken.DisposeAsync();
            }

            if (_origin is null)
            {
                _origin = await BackendConnection.OpenAsync(_from, cancellationToken);
                await Inner.VerifySourceAsync(_origin, cancellationToken);
            }

            return Convert(await SourceLog.ReadEndAsync(_origin, cancellationToken));
        }
        finally
        {
            _reading.Release();
        }
    }

    public Task<ApplyDelay?> ReadDelayAsync(CancellationToken cancellationToken) => Inner.ReadDelayAsync(cancellationToken);

    public Task WaitForAppliedAsync(StreamPosition position, CancellationToken cancellationToken) =>
        Inner.WaitForAppliedAsync(new BinlogPosition(position.File, position.Offset), cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await Inner.DisposeAsync();
        if (_origin is { } origin)
        {
            await origin.DisposeAsync();
        }
    }

    private static StreamPosition Convert(BinlogPosition position) => new(position.File, position.Offset);

    private async Task FollowAsync()
    {
        await Inner.Completion;
        var end = Inner.Progress;
        if (end.State == StreamState.Failed)
        {
            throw new ReplicationException(end.Error ?? "Replication stopped without saying why.");
        }
    }
}
