using Switchyard.Binlog;

namespace Switchyard.Replication;

/// <summary>What a stream is doing.</summary>
public enum StreamState
{
    /// <summary>Opened, or stopped in good order.</summary>
    Stopped,

    /// <summary>Connecting to either side for the first time.</summary>
    Connecting,

    /// <summary>Reading and applying.</summary>
    Running,

    /// <summary>A connection broke; trying again with growing pauses.</summary>
    Reconnecting,

    /// <summary>Stopped by something that trying again does not mend; <see cref="StreamProgress.Error"/> says what.</summary>
    Failed,
}

/// <summary>Where a stream stands. Received and applied are different things: received is read from the source, applied is committed on the target.</summary>
/// <param name="State">What the stream is doing.</param>
/// <param name="Applied">Everything up to here that concerns the stream is committed on the target.</param>
/// <param name="Received">The end of what has been read from the source.</param>
/// <param name="LagSeconds">How far the target is behind, in seconds; 0 when everything received is applied and the source is heard from; <see cref="double.NaN"/> while it is not known.</param>
/// <param name="TransactionsApplied">Source transactions with rows of the stream's tables committed on the target since the stream was opened.</param>
/// <param name="Error">Why it stopped or cannot connect; null when all is well.</param>
public sealed record StreamProgress(
    StreamState State,
    BinlogPosition Applied,
    BinlogPosition Received,
    double LagSeconds,
    long TransactionsApplied,
    string? Error)
{
    /// <summary>How long the source keeps its log, as it said at the last connection; null when it removes nothing by age, or was not asked yet.</summary>
    public TimeSpan? LogRetention { get; init; }

    /// <summary>How long the source has left a question unanswered, whatever the state; null while it answers, or has not been silent for long enough to tell.</summary>
    public TimeSpan? SourceSilence { get; init; }

    /// <summary>The same of the target.</summary>
    public TimeSpan? TargetSilence { get; init; }
}
