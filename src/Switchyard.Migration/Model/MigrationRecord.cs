using System.Text.Json.Serialization;
using Switchyard.Replication.Schema;

namespace Switchyard.Migration;

/// <summary>
/// Everything about a migration that outlives the process. The state is computed from what has happened, so that no combination of fields
/// can contradict it.
/// </summary>
internal sealed partial record MigrationRecord
{
    public int Format { get; init; } = 2;

    public required CreateMigrationRequest Settings { get; init; }

    /// <summary>What moves, in name order.</summary>
    public IReadOnlyList<MigratedSchema> Schemas { get => _schemas; init => _schemas = value; }

    /// <summary>All tables of all schemas.</summary>
    [JsonIgnore]
    public IReadOnlyList<TableName> Tables => _schemas.AllTables();

    [JsonIgnore]
    public IReadOnlyList<string> SchemaNames => [.. _schemas.Select(s => s.Name)];

    public required DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset? CopyStartedAt { get; init; }

    public DateTimeOffset? CopyDoneAt { get; init; }

    public DateTimeOffset? SwitchedAt { get; init; }

    /// <summary>Whose rows are the truth now, and where writes go.</summary>
    public Side Authoritative { get; init; }

    public bool Started { get; init; }

    public bool SchemaCopied { get; init; }

    /// <summary>When tables, views and routines were created on the target; null in a record from before this was kept.</summary>
    public DateTimeOffset? SchemaCopiedAt { get; init; }

    /// <summary>What the copy of the schema could not carry over exactly, or not at all.</summary>
    public IReadOnlyList<Finding> SchemaFindings { get; init; } = [];

    /// <summary>The forward stream has a recorded position on the target.</summary>
    public bool StreamRecorded { get; init; }

    public bool CopyDone => CopyDoneAt is not null;

    /// <summary>Tables that were added, or in whose place the source has had others since they were copied, and which are copied by themselves; empty once they are.</summary>
    public IReadOnlyList<ReplacedTable> Replaced { get; init; } = [];

    /// <summary>Progress at the end of the copy, by table. Kept beside the record, which would grow by it with every table and is written in the pause.</summary>
    [JsonIgnore]
    public IReadOnlyList<TableStatus> Copied { get => _copied; init => _copied = value; }

    /// <summary>What holds the copy back.</summary>
    public ThrottleSettings Throttle { get; init; } = new();

    /// <summary>Data-router mode; null when all reads go to the authoritative side.</summary>
    public ValidateRequest? Reads { get; init; }

    /// <summary>Stopped by the operator.</summary>
    public bool Stopped { get; init; }

    public string? Error { get; init; }

    public string? Remedy { get; init; }

    public OperationRecord? Operation { get; init; }

    /// <summary>Operations begun so far; numbers the next one.</summary>
    public int Operations { get; init; }

    /// <summary>Triggers and events, kept since they live on the authoritative side only.</summary>
    public HandoverRecord Handover { get => _handover; init => _handover = value; }

    /// <summary>Writes of others on the side that only replication should write.</summary>
    public ForeignRecord Foreign { get; init; } = new();

    /// <summary><see cref="MigrationState.Completed"/> or <see cref="MigrationState.Cancelled"/> once it is over.</summary>
    public MigrationState? Finished { get; init; }

    public bool Detached { get; init; }

    /// <summary>Where the migration stands, also written into the store for whoever reads it there.</summary>
    public MigrationState State => Finished
        ?? (Error is not null ? MigrationState.Error
            : Operation is { Flipped: false } operation ? operation.Kind switch
            {
                OperationKind.Switch => operation.From == Side.Source ? MigrationState.Switching : MigrationState.Reversing,
                OperationKind.Complete => MigrationState.Completing,
                _ => Settled,
            }
            : Settled);

    [JsonIgnore]
    public string Name => Settings.Name;

    [JsonIgnore]
    public Direction Direction => Direction.AwayFrom(Authoritative);

    private MigrationState Settled =>
        Stopped ? MigrationState.Stopped
        : Error is not null ? MigrationState.Error
        : Phase;

    /// <summary>How far it has come, whether or not it stands still there.</summary>
    [JsonIgnore]
    public MigrationState Phase =>
        !Started ? MigrationState.Created
        : !CopyDone ? MigrationState.Copying
        : Authoritative == Side.Target ? MigrationState.Switched
        : Reads is not null ? MigrationState.Validating
        : MigrationState.Running;

    /// <summary>For a change that only suits a migration whose copy is done: it can have begun again since that was looked at.</summary>
    /// <exception cref="MigrationException">It is not done.</exception>
    public MigrationRecord RequireCopied() => CopyDone
        ? this
        : throw MigrationException.Refused("wrong_state", $"'{Name}' is copying.{ReplacedTables.Describe(this)}", "Wait until it is running.");

    /// <summary>The settings with what was added to the migration since, as if they had named it.</summary>
    [JsonIgnore]
    public CreateMigrationRequest SettingsNow
    {
        get
        {
            SchemaSelection[] now = [.. Settings.Selections.Select(WithAdded)];
            return now.SequenceEqual(Settings.Selections) ? Settings
                : Settings.Schemas is { Count: > 0 } ? Settings with { Schemas = now }
                : Settings with { Tables = now[0].Tables, ExcludeTables = now[0].ExcludeTables };
        }
    }

    public string Backend(Side side) => side == Side.Source ? Settings.Source : Settings.Target;

    public string StreamId(Direction direction) => $"{Name}.{direction.Name}";

    private SchemaSelection WithAdded(SchemaSelection selection)
    {
        if (selection.IsWhole || _schemas.FirstOrDefault(s => s.Name == selection.Schema) is not { } schema)
        {
            return selection;
        }

        if (selection.Tables is { Count: > 0 } named)
        {
            return schema.Tables.Except(named).ToList() is { Count: > 0 } added ? selection with { Tables = [.. named, .. added] } : selection;
        }

        List<string> left = [.. selection.ExcludeTables!.Except(schema.Tables)];
        return left.Count == selection.ExcludeTables!.Count ? selection
            : left.Count > 0 ? selection with { ExcludeTables = left }
            : selection with { Tables = schema.Tables, ExcludeTables = null };
    }
}

internal enum OperationKind
{
    /// <summary>A switch or a reverse, told apart by <see cref="OperationRecord.From"/>.</summary>
    Switch,

    /// <summary>Ends without a change of side.</summary>
    Rehearse,
    Complete,
    Cancel,
}

/// <summary>An operation that is under way or was when the process ended.</summary>
/// <param name="Id">Unique in the migration, for example <c>switch-3</c>.</param>
/// <param name="Kind">What it is.</param>
/// <param name="From">The side that was authoritative when it began.</param>
/// <param name="StartedAt">UTC.</param>
/// <param name="Flipped">The point of no return is passed: it is rolled forward, never back.</param>
internal sealed record OperationRecord(string Id, OperationKind Kind, Side From, DateTimeOffset StartedAt, bool Flipped = false)
{
    public FenceMode Fence { get; init; }

    /// <summary>The gate's id in the topology.</summary>
    public string GateId { get; init; } = "";

    /// <summary>The origin was made read-only by us and must be made writable again.</summary>
    public bool ReadOnlySet { get; init; }

    /// <summary>What becomes of the source's tables; only for <see cref="OperationKind.Complete"/>.</summary>
    public SourceData SourceData { get; init; }

    /// <summary>The source is gone for good and is not asked; only for <see cref="OperationKind.Complete"/> and <see cref="OperationKind.Cancel"/>.</summary>
    public bool SourceAbandoned { get; init; }

    public string? SourcePosition { get; init; }

    public string? TargetPosition { get; init; }
}

/// <summary>A table that is copied by itself: again, because the source has another one under its name, or for the first time, because it was added.</summary>
/// <param name="Schema">The table's schema.</param>
/// <param name="Name">The table's name.</param>
/// <param name="What">What happened to it and where: a sentence without its end.</param>
/// <param name="Operation">What the journal calls it.</param>
/// <param name="AfterCopy">The copy of all tables had ended before.</param>
/// <param name="IsPrepared">The target's table is made anew.</param>
internal sealed record ReplacedTable(string Schema, string Name, string What, string Operation, bool AfterCopy, bool IsPrepared)
{
    /// <summary>It was no part of the migration before.</summary>
    public bool IsAdded { get; init; }

    /// <summary>The sequences that move because of it; of one that was added.</summary>
    public IReadOnlyList<string> Sequences { get; init; } = [];

    /// <summary>The copy of all tables that had ended before it was added; null where it had not.</summary>
    public CopyTimes? CopyBefore { get; init; }

    [JsonIgnore]
    public TableName Table => new(Schema, Name);
}

/// <summary>When a copy began and ended.</summary>
internal sealed record CopyTimes(DateTimeOffset StartedAt, DateTimeOffset DoneAt);

/// <summary>What the watch of the passive side has found and nobody has resolved, and up to where it has looked.</summary>
internal sealed record ForeignRecord
{
    /// <summary>The side that was watched.</summary>
    public Side Side { get; init; } = Side.Target;

    /// <summary>Its log is examined up to here; null before the watch has begun.</summary>
    public string? Examined { get; init; }

    /// <summary>Transactions and statements, all together.</summary>
    public long Found { get; init; }

    /// <summary>The last of them, oldest first.</summary>
    public IReadOnlyList<ForeignWriteStatus> Last { get; init; } = [];
}

/// <summary>Triggers and events of the migrated tables, which run on the authoritative side only.</summary>
internal sealed record HandoverRecord
{
    public IReadOnlyList<TriggerDefinition> Triggers { get; init; } = [];

    public IReadOnlyList<EventDefinition> Events { get; init; } = [];
}

/// <summary>A trigger as its server prints it.</summary>
/// <param name="Schema">The schema it is in.</param>
/// <param name="Name">Its name.</param>
/// <param name="Table">The table it belongs to.</param>
/// <param name="Statement">What SHOW CREATE TRIGGER prints.</param>
/// <param name="SqlMode">The mode it was made in.</param>
internal sealed record TriggerDefinition(string Schema, string Name, string Table, string Statement, string SqlMode);

/// <summary>An event as its server prints it.</summary>
/// <param name="Schema">The schema it is in.</param>
/// <param name="Name">Its name.</param>
/// <param name="Statement">What SHOW CREATE EVENT prints.</param>
/// <param name="SqlMode">The mode it was made in.</param>
/// <param name="TimeZone">The time zone its schedule is in.</param>
/// <param name="Enabled">It ran on the authoritative side.</param>
internal sealed record EventDefinition(string Schema, string Name, string Statement, string SqlMode, string TimeZone, bool Enabled);
