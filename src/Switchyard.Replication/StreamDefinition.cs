using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication;

/// <summary>What a stream does when the source changes the definition of a migrated table.</summary>
public enum OnDdl
{
    /// <summary>Run the statement on the target at its place in the order, and go on with the new definition.</summary>
    Exec,

    /// <summary>Leave the target as it is. The stream stops later if rows no longer fit.</summary>
    Ignore,

    /// <summary>Stop, naming the statement and its position.</summary>
    Stop,

    /// <summary>Run the statement on the target; go on when the target refuses it.</summary>
    ExecIgnore,
}

/// <summary>One direction of replication: which tables, from where, to where. Forward and reverse differ only in these values.</summary>
public sealed record StreamDefinition
{
    /// <summary>Unique on the target, for instance <c>shop.forward</c>; at most 190 characters.</summary>
    public required string Id { get; init; }

    /// <summary>The server whose binary log is read.</summary>
    public required ConnectionOptions From { get; init; }

    /// <summary>The server that is written.</summary>
    public required ConnectionOptions To { get; init; }

    /// <summary>The tables whose rows are carried; everything else in the log is passed over.</summary>
    public required IReadOnlyList<TableName> Tables { get; init; }

    /// <summary>What to do about DDL of those tables.</summary>
    public OnDdl OnDdl { get; init; } = OnDdl.Exec;

    /// <summary>
    /// Whether the source writes rows changed by cascading foreign keys to its binary log (MySQL from 9.6). Null: judged by the source's version.
    /// </summary>
    public bool? SourceLogsCascades { get; init; }

    /// <summary>
    /// True for a stream whose tables are first copied by a <see cref="TableCopier"/>: they are recorded as not copied, and events are judged
    /// by what has been copied. False for a stream between servers that hold the same rows at the recorded position.
    /// </summary>
    public bool CopiesTables { get; init; }

    /// <summary>
    /// The id of the stream of the opposite direction: transactions it wrote on this stream's source are passed over. Null: there is none.
    /// </summary>
    public string? OppositeId { get; init; }

    /// <summary>A transaction with more SQL than this is sent to the target in several parts, in bytes.</summary>
    public int LargeTransactionBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>
    /// Connections that apply transactions at once, 1 to 64. Commits are in the source's order whatever the number.
    /// </summary>
    public int ApplyThreads { get; init; } = 4;

    /// <summary>Small transactions are joined up to this much SQL, in bytes.</summary>
    public int GroupBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Changes held ready for the applier, in bytes of the log; the reader waits when there are more.</summary>
    public int QueueBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>How often an idle source says where its log ends.</summary>
    public TimeSpan HeartbeatPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>A server that leaves a question unanswered for this long is told of; it is asked three times in that time.</summary>
    public TimeSpan SilenceLimit { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long the source's log may send nothing before its connection is given up; null is as <see cref="BinlogDumpRequest.SilenceTimeout"/> says.</summary>
    internal TimeSpan? LogSilenceLimit { get; init; }

    /// <summary>How long a server may leave a statement unanswered while the stream is being opened, or connects again.</summary>
    internal TimeSpan OpeningLimit { get; init; } = TimeSpan.FromSeconds(60);
}
