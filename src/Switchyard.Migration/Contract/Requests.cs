using System.Text.Json.Serialization;

namespace Switchyard.Migration;

/// <summary>What to do when a statement that changes a migrated table's definition arrives in the stream.</summary>
public enum OnDdl
{
    /// <summary>Run it on the target at its place in the order, and stop when it fails.</summary>
    Exec,

    /// <summary>Leave it out.</summary>
    Ignore,

    /// <summary>Stop the stream there.</summary>
    Stop,

    /// <summary>Run it, and go on when it fails.</summary>
    ExecIgnore,
}

/// <summary>How writers that go around the proxy are kept out during the pause of a switch.</summary>
public enum FenceMode
{
    /// <summary>The migrated tables are read-locked on the source for the length of the pause.</summary>
    Lock,

    /// <summary>The source is made read-only for the length of the pause; this affects every schema on it.</summary>
    ReadOnly,

    /// <summary>Nobody else writes: the operator vouches for it.</summary>
    None,
}

/// <summary>What a read on the target must have seen, in data-router mode.</summary>
public enum ReadGuarantee
{
    /// <summary>Every write acknowledged to anyone before the read began.</summary>
    Global,

    /// <summary>Every write acknowledged to the same session before the read began.</summary>
    Session,

    /// <summary>Nothing in particular.</summary>
    Eventual,
}

/// <summary>What of one schema moves.</summary>
public sealed record SchemaSelection
{
    /// <summary>The schema; it has the same name on the target.</summary>
    public required string Schema { get; init; }

    /// <summary>Only these tables, with the sequences their defaults and triggers use and those named here; null for all.</summary>
    public IReadOnlyList<string>? Tables { get; init; }

    /// <summary>All but these tables; null for all.</summary>
    public IReadOnlyList<string>? ExcludeTables { get; init; }

    /// <summary>Every table of it moves, and its views and routines too.</summary>
    [JsonIgnore]
    public bool IsWhole => Tables is not { Count: > 0 } && ExcludeTables is not { Count: > 0 };
}

/// <summary><c>migration start</c>.</summary>
public sealed record StartRequest
{
    /// <summary>What to do from now on when a migrated table's definition changes; null for what was chosen before.</summary>
    public OnDdl? OnDdl { get; init; }
}

/// <summary><c>migration create</c>.</summary>
public sealed record CreateMigrationRequest
{
    /// <summary>Letters, digits, hyphen and underscore; at most 40 characters, for it becomes part of table and key names.</summary>
    public required string Name { get; init; }

    /// <summary>The backend that holds the data now.</summary>
    public required string Source { get; init; }

    /// <summary>The backend it goes to.</summary>
    public required string Target { get; init; }

    /// <summary>The schema to move; it has the same name on the target. Empty where <see cref="Schemas"/> names several.</summary>
    public string Schema { get; init; } = "";

    /// <summary>Only these tables; null for all.</summary>
    public IReadOnlyList<string>? Tables { get; init; }

    /// <summary>All but these tables; null for all.</summary>
    public IReadOnlyList<string>? ExcludeTables { get; init; }

    /// <summary>Several schemas, which move as one; null where <see cref="Schema"/>, <see cref="Tables"/> and <see cref="ExcludeTables"/> say it all.</summary>
    public IReadOnlyList<SchemaSelection>? Schemas { get; init; }

    /// <summary>What moves, however it was said.</summary>
    [JsonIgnore]
    public IReadOnlyList<SchemaSelection> Selections =>
        Schemas is { Count: > 0 } several ? [.. several.OrderBy(s => s.Schema, StringComparer.Ordinal)] : [new SchemaSelection { Schema = Schema, Tables = Tables, ExcludeTables = ExcludeTables }];

    /// <summary>See <see cref="Migration.OnDdl"/>.</summary>
    public OnDdl OnDdl { get; init; } = OnDdl.Exec;

    /// <summary>Build non-unique secondary indexes after the rows.</summary>
    public bool DeferSecondaryKeys { get; init; } = true;

    /// <summary>Start copying at once.</summary>
    public bool AutoStart { get; init; } = true;

    /// <summary>Stop when the copy is done instead of following the source.</summary>
    public bool StopAfterCopy { get; init; }

    /// <summary>Chunks in flight; null for the engine's default.</summary>
    public int? CopyThreads { get; init; }

    /// <summary>Appliers in parallel; null for the engine's default.</summary>
    public int? ApplyThreads { get; init; }
}

/// <summary><c>migration add-table</c>.</summary>
public sealed record AddTablesRequest
{
    /// <summary>As <c>schema.table</c>, or without the schema where only one moves.</summary>
    public required IReadOnlyList<string> Tables { get; init; }
}

/// <summary><c>migration throttle</c>; what is null stays as it is.</summary>
public sealed record ThrottleRequest
{
    /// <summary>Hold the copy (true), or let it go on (false).</summary>
    public bool? Pause { get; init; }

    /// <summary>Threads running on source or target beyond which the copy waits; 0 is no limit.</summary>
    public int? MaxThreadsRunning { get; init; }

    /// <summary>Length of InnoDB's history list on source or target beyond which the copy waits; 0 is no limit.</summary>
    public long? MaxHistoryList { get; init; }

    /// <summary>How far the replicas may be behind, seconds; 0 is no limit.</summary>
    public double? MaxReplicaLagSeconds { get; init; }

    /// <summary>Backends that replicate from source or target and are to keep up; empty for none.</summary>
    public IReadOnlyList<string>? Replicas { get; init; }
}

/// <summary><c>migration validate</c>: data-router mode on, changed, or off.</summary>
public sealed record ValidateRequest
{
    /// <summary>Send all reads to the source again.</summary>
    public bool Off { get; init; }

    /// <summary>Share of the sessions whose reads go to the target, 1 to 100; 0 with <see cref="Shadow"/> to compare only.</summary>
    public int Percent { get; init; } = 100;

    /// <summary>Share of the reads run again on both sides and compared, 0 to 100.</summary>
    public int Shadow { get; init; }

    /// <summary>What a read on the target must have seen.</summary>
    public ReadGuarantee Consistency { get; init; } = ReadGuarantee.Global;
}

/// <summary><c>migration switch</c> and <c>migration reverse</c>.</summary>
public sealed record SwitchRequest
{
    /// <summary>Check and print the plan only.</summary>
    public bool DryRun { get; init; }

    /// <summary>Hold, drain and catch up, then release at the old side: measures the pause without changing sides.</summary>
    public bool Rehearse { get; init; }

    /// <summary>Limit of the whole pause, from the hold to the flip, seconds.</summary>
    public double TimeoutSeconds { get; init; } = 30;

    /// <summary>Limit for open transactions to end, seconds.</summary>
    public double DrainTimeoutSeconds { get; init; } = 10;

    /// <summary>A stream further behind than this refuses the switch, seconds.</summary>
    public double MaxReplicationLagAllowedSeconds { get; init; } = 30;

    /// <summary>See <see cref="FenceMode"/>.</summary>
    public FenceMode Fence { get; init; } = FenceMode.Lock;

    /// <summary>Do not ask for a fresh and clean diff.</summary>
    public bool SkipDiff { get; init; }

    /// <summary>Tables that were made since the migration was created and are to stay behind, as <c>schema.table</c> or without the schema where only one moves; null for none.</summary>
    public IReadOnlyList<string>? LeaveOut { get; init; }

    /// <summary>End the sessions that keep the drain from finishing.</summary>
    public bool KillBlockers { get; init; }
}

/// <summary>What becomes of the source's tables at <c>migration complete</c>.</summary>
public enum SourceData
{
    /// <summary>They stay as they are.</summary>
    Keep,

    /// <summary>They are renamed to <c>_NAME_old</c>.</summary>
    Rename,

    /// <summary>They are dropped.</summary>
    Drop,
}

/// <summary><c>migration complete</c>.</summary>
public sealed record CompleteRequest
{
    /// <summary>What becomes of the source's tables.</summary>
    public SourceData SourceData { get; init; } = SourceData.Keep;

    /// <summary>Print what would be done only.</summary>
    public bool DryRun { get; init; }

    /// <summary>Do not ask for a diff without differences.</summary>
    public bool SkipDiff { get; init; }

    /// <summary>The source is gone for good: end without it. Refused while it answers.</summary>
    public bool AbandonSource { get; init; }
}

/// <summary><c>migration cancel</c>.</summary>
public sealed record CancelRequest
{
    /// <summary>The source is gone for good: end without it, and leave on the target what was copied. Refused while it answers.</summary>
    public bool AbandonSource { get; init; }
}

/// <summary><c>migration diff NAME start</c>.</summary>
public sealed record DiffRequest
{
    /// <summary>Only these tables; null for all of the migration's.</summary>
    public IReadOnlyList<string>? Tables { get; init; }

    /// <summary>Keep the differing rows' values in the report's samples; by default only keys and column names are kept.</summary>
    public bool ShowValues { get; init; }
}

/// <summary><c>migration accounts copy</c>.</summary>
public sealed record CopyAccountsRequest
{
    /// <summary>Accounts as <c>user@host</c>; null for every account with privileges on the migrated schemas.</summary>
    public IReadOnlyList<string>? Accounts { get; init; }

    /// <summary>Print what would be done only.</summary>
    public bool DryRun { get; init; }
}
