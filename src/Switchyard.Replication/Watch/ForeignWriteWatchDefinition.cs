using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Watch;

/// <summary>Which server is watched for writes that go around us.</summary>
public sealed record ForeignWriteWatchDefinition
{
    /// <summary>The passive side: the server that only our streams should write. Needs what a stream's source needs (REPLICATION SLAVE).</summary>
    public required ConnectionOptions Server { get; init; }

    /// <summary>The tables nobody else should write.</summary>
    public required IReadOnlyList<TableName> Tables { get; init; }

    /// <summary>Ids of the streams that write there; their transactions are known by the mark they carry.</summary>
    public required IReadOnlyList<string> OwnStreamIds { get; init; }

    /// <summary>Where to begin in the server's binary log, usually where the last watch ended; null: at its end now.</summary>
    public BinlogPosition? After { get; init; }

    /// <summary>How often an idle server says where its log ends.</summary>
    public TimeSpan HeartbeatPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How many of the last writes found are kept for <see cref="ForeignWriteProgress.Recent"/>.</summary>
    public int KeepRecent { get; init; } = 100;

    /// <summary>How long the server may leave a statement unanswered while the watch connects.</summary>
    internal TimeSpan OpeningLimit { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>Where a watch stands.</summary>
/// <param name="State">What it is doing.</param>
/// <param name="Examined">Everything in the server's log up to here has been looked at; begin here after a restart.</param>
/// <param name="Transactions">Transactions and statements found since it began.</param>
/// <param name="Recent">The last writes found, oldest first.</param>
/// <param name="Error">Why it stopped or cannot connect; null when all is well.</param>
public sealed record ForeignWriteProgress(StreamState State, BinlogPosition Examined, long Transactions, IReadOnlyList<ForeignWrite> Recent, string? Error);
