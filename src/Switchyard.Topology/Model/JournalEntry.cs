namespace Switchyard.Topology;

public enum JournalPhase
{
    /// <summary>Written before the step acts.</summary>
    Begun,
    Done,
    Failed,
    Undone,
}

/// <summary>
/// What an operation (one switch, say) is about to do or has done. Entries are appended, never changed; <see cref="Sequence"/> counts
/// from 1 within the operation. <see cref="Detail"/> is JSON of the step's own.
/// </summary>
public sealed record JournalEntry(string Migration, string Operation, int Sequence, string Step, JournalPhase Phase, DateTimeOffset At)
{
    public double? DurationMs { get; init; }

    public string? Detail { get; init; }
}
