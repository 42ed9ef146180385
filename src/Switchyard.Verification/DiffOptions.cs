using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Verification;

/// <summary>What to compare, and how.</summary>
public sealed record DiffOptions
{
    /// <summary>The authoritative side.</summary>
    public required ConnectionOptions From { get; init; }

    /// <summary>The following side.</summary>
    public required ConnectionOptions To { get; init; }

    /// <summary>The tables, which have the same names on both sides.</summary>
    public required IReadOnlyList<TableName> Tables { get; init; }

    /// <summary>What a table is called in the progress; unique among <see cref="Tables"/>.</summary>
    public Func<TableName, string> NameOf { get; init; } = table => table.Name;

    /// <summary>Replication from <see cref="From"/> to <see cref="To"/>, which must be running.</summary>
    public required IFollower Follower { get; init; }

    /// <summary>Keep the values of differing columns in the samples.</summary>
    public bool ShowValues { get; init; }

    /// <summary>
    /// Write the authoritative side's rows over the differing ones, each while its authoritative row is locked and replication has caught up, as
    /// transactions of the stream with this id, so that nobody takes them for somebody else's; null to compare only.
    /// </summary>
    public string? RepairAs { get; init; }

    /// <summary>
    /// How long replication may take to catch up while a row of the authoritative side is locked for it, and five times that the last time; the application waits that long if it wants
    /// that row.
    /// </summary>
    public TimeSpan RowLockLimit { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The clock of <see cref="RowLockLimit"/>.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Tables compared at the same time.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>Rows that looked different and are looked at again together.</summary>
    public int SuspectsAtOnce { get; init; } = 1000;

    /// <summary>Samples kept for each table.</summary>
    public int SamplesPerTable { get; init; } = 100;

    /// <summary>Bytes of rows held in memory for each worker; a single row may be larger.</summary>
    public int ChunkSizeBytes { get; init; } = 8 << 20;

    /// <summary>Rows of one chunk at most.</summary>
    public int ChunkRows { get; init; } = 10_000;
}
