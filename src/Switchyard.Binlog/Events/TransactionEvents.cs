using System.Globalization;

namespace Switchyard.Binlog;

/// <summary>Begins a transaction on MySQL: its GTID, or none for an anonymous one.</summary>
public sealed class GtidEvent : BinlogEvent
{
    /// <summary>The server's UUID; null when the transaction is anonymous.</summary>
    public required Guid? Uuid { get; init; }

    /// <summary>The tag (MySQL 8.4 and later), empty when there is none.</summary>
    public string Tag { get; init; } = "";

    /// <summary>The transaction number.</summary>
    public required long Number { get; init; }

    /// <summary>Logical clock: everything up to this sequence number had committed before this transaction's last statement. Per file.</summary>
    public long LastCommitted { get; init; }

    /// <summary>Logical clock: this transaction's number in the file.</summary>
    public long SequenceNumber { get; init; }

    /// <summary>Commit time on the server that was read, in microseconds since 1970 UTC; 0 when the server does not say.</summary>
    public ulong ImmediateCommitMicros { get; init; }

    /// <summary>Commit time on the server where it began, in microseconds since 1970 UTC; 0 when the server does not say.</summary>
    public ulong OriginalCommitMicros { get; init; }

    /// <summary>Bytes of the whole transaction in the log, this event included; 0 when the server does not say.</summary>
    public ulong TransactionLength { get; init; }

    /// <summary>Whether there is no GTID.</summary>
    public bool IsAnonymous => Uuid is null;

    /// <summary><c>uuid:number</c> or <c>uuid:tag:number</c>; <c>ANONYMOUS</c> when there is none.</summary>
    public string Text => Uuid is not { } uuid
        ? "ANONYMOUS"
        : Tag.Length == 0
            ? string.Create(CultureInfo.InvariantCulture, $"{uuid:D}:{Number}")
            : string.Create(CultureInfo.InvariantCulture, $"{uuid:D}:{Tag}:{Number}");
}

/// <summary>Flags of MariaDB's GTID event. Source: MariaDB sql/log_event.h, Gtid_log_event.</summary>
[Flags]
public enum MariaDbGtidFlags : byte
{
    None = 0,

    /// <summary>The group is this event and one more, without a COMMIT (DDL and the like).</summary>
    Standalone = 1,
    GroupCommitId = 2,

    /// <summary>Only transactional tables: can be rolled back.</summary>
    Transactional = 4,
    AllowParallel = 8,
    Waited = 16,
    Ddl = 32,
    PreparedXa = 64,
    CompletedXa = 128,
}

/// <summary>Begins an event group on MariaDB. There is no BEGIN query after it.</summary>
public sealed class MariaDbGtidEvent : BinlogEvent
{
    /// <summary>The group's GTID.</summary>
    public required MariaDbGtid Gtid { get; init; }

    /// <summary>What kind of group follows.</summary>
    public required MariaDbGtidFlags GroupFlags { get; init; }

    /// <summary>Groups with the same id committed together; 0 when not told.</summary>
    public ulong CommitId { get; init; }

    /// <summary>The XA transaction id as <c>X'gtrid',X'bqual',format</c> when <see cref="GroupFlags"/> names one.</summary>
    public string? Xid { get; init; }
}

/// <summary>Where every replication domain of MariaDB stands at the beginning of a file.</summary>
public sealed class MariaDbGtidListEvent : BinlogEvent
{
    /// <summary>The last GTID of each domain and server.</summary>
    public required IReadOnlyList<MariaDbGtid> Gtids { get; init; }
}

/// <summary>Commits a transaction of a transactional engine.</summary>
public sealed class XidEvent : BinlogEvent
{
    /// <summary>The server's internal transaction number.</summary>
    public required ulong Xid { get; init; }
}

/// <summary>XA PREPARE: the rows before it become real only at a later XA COMMIT.</summary>
public sealed class XaPrepareEvent : BinlogEvent
{
    /// <summary>XA COMMIT … ONE PHASE: the transaction is committed here.</summary>
    public required bool IsOnePhase { get; init; }

    /// <summary>The id as <c>X'gtrid',X'bqual',format</c>.</summary>
    public required string Xid { get; init; }
}
