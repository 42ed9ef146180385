using Switchyard.Binlog;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Watch;

/// <summary>What somebody else did to a table.</summary>
public enum ForeignWriteKind
{
    /// <summary>Rows were inserted, updated or deleted.</summary>
    Rows,

    /// <summary>A statement changed, emptied, renamed or dropped the table, or changed rows without logging them as rows.</summary>
    Statement,
}

/// <summary>One transaction's writes to one watched table that no stream of ours made.</summary>
/// <param name="Position">The end of the transaction in the watched server's binary log.</param>
/// <param name="Table">The table; for a statement on several, the first one.</param>
/// <param name="Kind">What was done.</param>
/// <param name="RowEvents">Row events of the transaction for this table; each holds one or more rows. 0 for a statement.</param>
/// <param name="At">When the server says it was, to the second.</param>
/// <param name="Gtid">The transaction's GTID; null when it has none.</param>
/// <param name="ServerId">The server that first wrote it: another one's id means that it came by replication.</param>
/// <param name="ThreadId">The connection that wrote it; null where the log does not say (MariaDB's row transactions).</param>
/// <param name="Account">The connection's <c>user@host</c>, when it was still connected as the write was found.</param>
public sealed record ForeignWrite(
    BinlogPosition Position, TableName Table, ForeignWriteKind Kind, int RowEvents, DateTimeOffset At, string? Gtid, uint ServerId, uint? ThreadId, string? Account);
