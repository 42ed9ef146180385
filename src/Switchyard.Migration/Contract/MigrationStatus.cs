namespace Switchyard.Migration;

/// <summary>A write on the passive side that no stream made.</summary>
/// <param name="Position">The end of its transaction in that server's log.</param>
/// <param name="Table">The table.</param>
/// <param name="Kind"><c>rows</c> or <c>statement</c>.</param>
/// <param name="At">By that server's clock, to the second.</param>
/// <param name="Account">Who, where the log names the connection and it was still there; null else.</param>
public sealed record ForeignWriteStatus(string Position, string Table, string Kind, DateTimeOffset At, string? Account);

/// <summary>The answer of <c>migration status</c>, <c>create</c>, <c>start</c>, <c>stop</c>, <c>validate</c> and <c>cancel</c>.</summary>
public sealed record MigrationStatus
{
    /// <summary>The migration's name.</summary>
    public required string Name { get; init; }

    /// <summary>Where it stands.</summary>
    public required MigrationState State { get; init; }

    /// <summary>The backend the data comes from.</summary>
    public required string Source { get; init; }

    /// <summary>The backend the data goes to.</summary>
    public required string Target { get; init; }

    /// <summary>The schema that moves; several are separated by a comma and a space.</summary>
    public required string Schema { get; init; }

    /// <summary>The schemas that move, in name order.</summary>
    public IReadOnlyList<string> Schemas { get; init; } = [];

    /// <summary>The migrated tables, in name order.</summary>
    public required IReadOnlyList<TableStatus> Tables { get; init; }

    /// <summary>The copy as a whole; null before it began.</summary>
    public CopyStatus? Copy { get; init; }

    /// <summary>Whether the copy is held back, by whom, and its limits.</summary>
    public ThrottleStatus Throttle { get; init; } = new("none", null, 0, new ThrottleSettings());

    /// <summary>The forward stream, source to target; its state is <c>none</c> before it exists.</summary>
    public StreamStatus Stream { get; init; } = StreamStatus.None;

    /// <summary>The reverse stream, target to source; its state is <c>none</c> until a switch.</summary>
    public StreamStatus Reverse { get; init; } = StreamStatus.None;

    /// <summary>The backend that serves plain reads.</summary>
    public required string Reads { get; init; }

    /// <summary>The share of sessions whose reads go to <see cref="Reads"/>, percent.</summary>
    public int ReadPercent { get; init; } = 100;

    /// <summary>The backend that takes writes: the authoritative side.</summary>
    public required string Writes { get; init; }

    /// <summary>The last or running diff; its state is <c>none</c> before the first.</summary>
    public DiffStatus Diff { get; init; } = DiffStatus.None;

    /// <summary>Data-router mode and what it has shown; null when it was never on since the process began.</summary>
    public ValidationStatus? Validation { get; init; }

    /// <summary>Why it stands still; null while it does not.</summary>
    public string? Error { get; init; }

    /// <summary>What to do about <see cref="Error"/>.</summary>
    public string? Remedy { get; init; }

    /// <summary>Transactions of others on the passive side that no clean comparison has resolved yet; they bar a change of sides.</summary>
    public long ForeignWrites { get; init; }

    /// <summary>What the copy of the schema could not carry over exactly, or not at all: to be looked at before a switch.</summary>
    public IReadOnlyList<Finding> Findings { get; init; } = [];

    /// <summary>The epoch of the routing table as this process knows it.</summary>
    public long Epoch { get; init; }

    /// <summary>When it was created, UTC.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When traffic last changed sides, UTC; null when it never did.</summary>
    public DateTimeOffset? SwitchedAt { get; init; }

    /// <summary>The running operation and its step, for example <c>switch: catch-up</c>; null when none is under way.</summary>
    public string? Operation { get; init; }
}

/// <summary>How the copy is held back.</summary>
/// <param name="State"><c>none</c>, <c>paused</c> by the operator, or <c>throttled</c> by a server's load.</param>
/// <param name="Reason">What holds it, as a sentence; null for nothing.</param>
/// <param name="HeldSeconds">How long it was held in all since the process went on with the copy.</param>
/// <param name="Limits">As <c>migration throttle</c> set them.</param>
public sealed record ThrottleStatus(string State, string? Reason, double HeldSeconds, ThrottleSettings Limits);

/// <summary>What holds a copy back.</summary>
public sealed record ThrottleSettings
{
    /// <summary>The operator holds it.</summary>
    public bool Paused { get; init; }

    /// <summary>Threads running on source or target, each; 0 is no limit.</summary>
    public int MaxThreadsRunning { get; init; } = 100;

    /// <summary>InnoDB's history list on source or target, each; 0 is no limit.</summary>
    public long MaxHistoryList { get; init; } = 2_000_000;

    /// <summary>How far the replicas may be behind, seconds; 0 is no limit.</summary>
    public double MaxReplicaLagSeconds { get; init; } = 30;

    /// <summary>Backends that are to keep up.</summary>
    public IReadOnlyList<string> Replicas { get; init; } = [];
}

/// <summary>One table of the copy.</summary>
/// <param name="Name">The table's name; <c>schema.table</c> where several schemas move.</param>
/// <param name="RowsCopied">Rows written to the target by the copy.</param>
/// <param name="RowsEstimated">The source's own estimate at the start; may be off by half.</param>
/// <param name="Phase"><c>waiting</c>, <c>copying</c>, <c>indexing</c>, <c>streaming</c> or <c>done</c>.</param>
public sealed record TableStatus(string Name, long RowsCopied, long RowsEstimated, string Phase);

/// <summary>The copy as a whole.</summary>
/// <param name="RowsCopied">Rows written to the target by the copy.</param>
/// <param name="RowsEstimated">The sum of the source's estimates.</param>
/// <param name="RowsPerSecond">Over the last seconds; 0 when the copy is not running.</param>
/// <param name="EtaSeconds">At that speed; null when unknown.</param>
/// <param name="ElapsedSeconds">Since the copy began, or as long as it took.</param>
public sealed record CopyStatus(long RowsCopied, long RowsEstimated, double RowsPerSecond, double? EtaSeconds, double ElapsedSeconds);

/// <summary>One direction of replication.</summary>
/// <param name="State"><c>none</c>, <c>running</c>, <c>stopped</c>, <c>frozen</c> or <c>error</c>.</param>
/// <param name="Position">The position in the origin's log up to which everything is applied; null when unknown.</param>
/// <param name="LagSeconds">How far behind the origin; null when unknown.</param>
/// <param name="TransactionsApplied">Since the process started.</param>
/// <param name="Error">Why it stands still; null while it does not.</param>
public sealed record StreamStatus(string State, string? Position, double? LagSeconds, long TransactionsApplied, string? Error)
{
    /// <summary>How long the origin keeps its binary log; null when it removes nothing by age, or is not known.</summary>
    public double? LogRetentionSeconds { get; init; }

    /// <summary>How long the origin has left a question unanswered; null while it answers, or has not been silent for long.</summary>
    public double? OriginSilentSeconds { get; init; }

    /// <summary>The same of the side that follows.</summary>
    public double? FollowerSilentSeconds { get; init; }

    /// <summary>There is no such stream yet.</summary>
    public static StreamStatus None { get; } = new("none", null, null, 0, null);
}

/// <summary>A comparison, in short.</summary>
/// <param name="State"><c>none</c>, <c>running</c>, <c>stopped</c>, <c>clean</c>, <c>differences</c>, <c>failed</c> or <c>repaired</c>.</param>
/// <param name="Rows">Rows compared so far.</param>
/// <param name="Differences">Rows that differ, are missing or are too many on the following side.</param>
/// <param name="StartedAt">UTC; null before the first.</param>
/// <param name="FinishedAt">UTC; null while it runs.</param>
/// <param name="Progress">0 to 1, by the tables' estimated rows.</param>
/// <param name="Error">Why it failed; null otherwise.</param>
public sealed record DiffStatus(
    string State, long Rows, long Differences, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt, double Progress, string? Error)
{
    /// <summary>Nothing was compared yet.</summary>
    public static DiffStatus None { get; } = new("none", 0, 0, null, null, 0, null);
}

/// <summary>A comparison in full: the answer of <c>migration diff NAME show</c>.</summary>
/// <param name="Summary">In short.</param>
/// <param name="Tables">Per table.</param>
public sealed record DiffReport(DiffStatus Summary, IReadOnlyList<DiffTableReport> Tables)
{
    /// <summary>The migrated tables it left out, because it was asked for others only.</summary>
    public IReadOnlyList<string> NotCompared { get; init; } = [];

    /// <summary>
    /// What a switch takes for its time: its end, earlier by as long as it was stopped in between, since what was read before a stop is as old as that. Null while it runs.
    /// </summary>
    public DateTimeOffset? AsOf { get; init; }

    /// <summary>As <see cref="DiffStatus.State"/>.</summary>
    public string State => Summary.State;

    /// <summary>As <see cref="DiffStatus.Rows"/>.</summary>
    public long Rows => Summary.Rows;

    /// <summary>As <see cref="DiffStatus.Differences"/>.</summary>
    public long Differences => Summary.Differences;

    /// <summary>As <see cref="DiffStatus.FinishedAt"/>.</summary>
    public DateTimeOffset? FinishedAt => Summary.FinishedAt;
}

/// <summary>One table of a comparison.</summary>
/// <param name="Name">The table's name; <c>schema.table</c> where several schemas move.</param>
/// <param name="State"><c>waiting</c>, <c>comparing</c> or <c>done</c>.</param>
/// <param name="Rows">Rows compared.</param>
/// <param name="Missing">Rows only the authoritative side has.</param>
/// <param name="Extra">Rows only the following side has.</param>
/// <param name="Different">Rows both have, with different values.</param>
/// <param name="Samples">The first differences found, at most 100 a table.</param>
public sealed record DiffTableReport(
    string Name, string State, long Rows, long Missing, long Extra, long Different, IReadOnlyList<DiffSample> Samples);

/// <summary>One differing row.</summary>
/// <param name="Kind"><c>missing</c>, <c>extra</c> or <c>different</c>, seen from the following side.</param>
/// <param name="Key">The row's key, columns joined by a comma; text that is not printable as hexadecimal.</param>
/// <param name="Columns">The columns that differ; empty when the whole row is missing or extra.</param>
/// <param name="Source">The authoritative side's values of those columns; null unless asked for.</param>
/// <param name="Target">The following side's values of those columns; null unless asked for.</param>
public sealed record DiffSample(
    string Kind, string Key, IReadOnlyList<string> Columns, IReadOnlyList<string?>? Source, IReadOnlyList<string?>? Target);
