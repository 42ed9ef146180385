using Switchyard.Replication.Schema;

namespace Switchyard.Replication;

/// <summary>How far the copy of a table is.</summary>
public enum CopyPhase
{
    /// <summary>Waiting for its turn.</summary>
    Pending,

    /// <summary>Rows are being copied.</summary>
    Copying,

    /// <summary>All rows are there; secondary indexes are being built.</summary>
    Indexing,

    /// <summary>Complete.</summary>
    Copied,

    /// <summary>Dropped on the source, and so on the target: there is nothing to copy.</summary>
    Dropped,
}

/// <summary>How far the copy of one table is.</summary>
/// <param name="Table">The table.</param>
/// <param name="RowsCopied">Rows in the chunks done so far.</param>
/// <param name="RowsEstimated">Rows in all, as the source estimates; never less than copied.</param>
/// <param name="Phase">What is being done.</param>
public sealed record TableCopyProgress(TableName Table, long RowsCopied, long RowsEstimated, CopyPhase Phase);
