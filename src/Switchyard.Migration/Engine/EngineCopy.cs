using Switchyard.Client;
using Switchyard.Replication;

namespace Switchyard.Migration;

/// <summary>The copy of all rows, in this library's words.</summary>
internal sealed class EngineCopy(TableCopier copier, IReadOnlyList<MigratedSchema> schemas) : IMigrationCopy
{
    public IReadOnlyList<TableStatus> Progress =>
        [.. copier.Progress.OrderBy(t => t.Table).Select(t => new TableStatus(
            schemas.NameOf(t.Table), t.RowsCopied, t.RowsEstimated, t.Phase switch
            {
                CopyPhase.Pending => "waiting",
                CopyPhase.Copying => "copying",
                CopyPhase.Indexing => "indexing",
                CopyPhase.Dropped => "dropped",
                _ => "done",
            }))];

    public (string? Reason, TimeSpan Held) Throttled => (copier.Throttle.Reason, copier.Throttle.Held);

    public void Throttle(ThrottleSettings settings, IReadOnlyDictionary<string, ConnectionOptions> replicas) => copier.Throttle.Limits = new ThrottleLimits
    {
        IsPaused = settings.Paused,
        MaxThreadsRunning = settings.MaxThreadsRunning,
        MaxHistoryList = settings.MaxHistoryList,
        MaxReplicaLag = TimeSpan.FromSeconds(settings.MaxReplicaLagSeconds),
        Replicas = replicas,
    };

    public Task RunAsync(CancellationToken cancellationToken) => copier.RunAsync(cancellationToken);
}
