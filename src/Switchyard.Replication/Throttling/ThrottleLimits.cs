using Switchyard.Client;

namespace Switchyard.Replication;

/// <summary>What a copy waits for. It holds back new chunks only: the stream goes on, since its position must not fall behind the log.</summary>
public sealed record ThrottleLimits
{
    /// <summary>The operator holds the copy.</summary>
    public bool IsPaused { get; init; }

    /// <summary>Threads_running of source and target, each, this copy's own included; 0 is no limit.</summary>
    public int MaxThreadsRunning { get; init; } = 100;

    /// <summary>InnoDB's history list of source and target, each, in undo log records; 0 is no limit.</summary>
    public long MaxHistoryList { get; init; } = 2_000_000;

    /// <summary>How far <see cref="Replicas"/> may be behind; zero is no limit.</summary>
    public TimeSpan MaxReplicaLag { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Replicas of either side that are to keep up, by name.</summary>
    public IReadOnlyDictionary<string, ConnectionOptions> Replicas { get; init; } = new Dictionary<string, ConnectionOptions>();
}
