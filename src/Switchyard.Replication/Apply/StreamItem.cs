using Switchyard.Binlog;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Tables;
using Switchyard.Wire;

namespace Switchyard.Replication.Apply;

/// <summary>What the reader hands to the applier.</summary>
/// <param name="Position">The end of the event.</param>
/// <param name="Timestamp">Seconds since 1970 UTC by the source's clock; 0 when it says nothing.</param>
internal abstract record StreamItem(BinlogPosition Position, uint Timestamp)
{
    /// <summary>Memory held, roughly.</summary>
    public int Bytes { get; init; } = 128;
}

/// <summary>A transaction begins.</summary>
internal sealed record BeginItem(BinlogPosition Position, uint Timestamp) : StreamItem(Position, Timestamp);

/// <summary>Rows of one of the stream's tables, as they were logged.</summary>
/// <param name="Position">The end of the event.</param>
/// <param name="Timestamp">By the source's clock.</param>
/// <param name="Table">The table.</param>
/// <param name="Event">The rows.</param>
/// <param name="Block">What they lie in, up to when the next item is asked for; null when they have memory of their own.</param>
internal sealed record RowsItem(BinlogPosition Position, uint Timestamp, StreamTable Table, RowsEvent Event, PayloadWriter? Block)
    : StreamItem(Position, Timestamp)
{
    public RowsKind Kind => Event.Kind;
}

/// <summary>The transaction was written by the stream of the opposite direction.</summary>
internal sealed record OwnItem(BinlogPosition Position, uint Timestamp) : StreamItem(Position, Timestamp);

/// <summary>The transaction ends.</summary>
/// <param name="Position">The end of the event.</param>
/// <param name="Timestamp">By the source's clock.</param>
/// <param name="Gtid">Its GTID event, if any.</param>
/// <param name="IsRollback">Logged although rolled back.</param>
internal sealed record EndItem(BinlogPosition Position, uint Timestamp, BinlogEvent? Gtid, bool IsRollback = false)
    : StreamItem(Position, Timestamp)
{
    /// <summary>The XA transaction of the stream's tables that is prepared or ended here; null for any other.</summary>
    public XaChange? Xa { get; init; }
}

/// <summary>The log goes on to here, and what began before has no end: the source went down while it wrote it, and has taken it back.</summary>
internal sealed record BrokenOffItem(BinlogPosition Position) : StreamItem(Position, 0);

/// <summary>A statement: DDL, savepoints, changes in statement format.</summary>
/// <param name="Position">The end of the event.</param>
/// <param name="Timestamp">By the source's clock.</param>
/// <param name="Gtid">Its GTID event when it stands alone.</param>
/// <param name="Query">The event.</param>
/// <param name="Statement">What it does.</param>
/// <param name="InTransaction">It is part of a transaction that goes on.</param>
internal sealed record StatementItem(BinlogPosition Position, uint Timestamp, BinlogEvent? Gtid, QueryEvent Query, DdlStatement Statement, bool InTransaction)
    : StreamItem(Position, Timestamp);

/// <summary>The log goes on to here, outside any transaction.</summary>
internal sealed record PositionItem(BinlogPosition Position, bool IsHeartbeat) : StreamItem(Position, 0);
