using System.Text;

namespace Switchyard.Binlog;

/// <summary>How far an ALTER is that MariaDB logs in two phases (binlog_alter_two_phase, from 10.8): when it begins, and when it has ended.</summary>
public enum AlterPhase
{
    /// <summary>The statement was carried out, as every other one in the log.</summary>
    Done,

    /// <summary>It has begun, and nothing is changed yet.</summary>
    Begun,

    /// <summary>It had begun and failed.</summary>
    RolledBack,
}

/// <summary>A statement: BEGIN, COMMIT, DDL, XA commands, or a change logged in statement format.</summary>
public sealed class QueryEvent : BinlogEvent
{
    /// <summary>The default schema the statement ran with; may be empty.</summary>
    public required string Schema { get; init; }

    /// <summary>The statement's bytes in <see cref="ClientCharsetId"/>.</summary>
    public required ReadOnlyMemory<byte> Sql { get; init; }

    /// <summary>The statement read as UTF-8.</summary>
    public string SqlText => Encoding.UTF8.GetString(Sql.Span);

    /// <summary>The error the statement ended with on the source; 0 for none.</summary>
    public ushort ErrorCode { get; init; }

    /// <summary>The connection that ran it.</summary>
    public uint ThreadId { get; init; }

    /// <summary>The session's foreign_key_checks, null when the event does not say.</summary>
    public bool? ForeignKeyChecks { get; init; }

    /// <summary>The session's unique_checks, null when the event does not say.</summary>
    public bool? UniqueChecks { get; init; }

    /// <summary>The session's sql_auto_is_null.</summary>
    public bool? AutoIsNull { get; init; }

    /// <summary>The session's sql_mode as a bitmap (vendors share the low bits), null when the event does not say.</summary>
    public ulong? SqlMode { get; init; }

    /// <summary>character_set_client as a collation id, null when the event does not say.</summary>
    public ushort? ClientCharsetId { get; init; }

    /// <summary>collation_connection as an id.</summary>
    public ushort? ConnectionCollationId { get; init; }

    /// <summary>collation_server as an id.</summary>
    public ushort? ServerCollationId { get; init; }

    /// <summary>collation_database as an id, 0 or null when the event does not say.</summary>
    public ushort? DatabaseCollationId { get; init; }

    /// <summary>The session's time_zone, null when the event does not say.</summary>
    public string? TimeZone { get; init; }

    /// <summary>What <see cref="BinlogEvent.Timestamp"/> leaves out, in microseconds; 0 where the statement does not use it.</summary>
    public uint Microseconds { get; init; }

    /// <summary>The session's auto_increment_increment, null when it is 1 as usual.</summary>
    public ushort? AutoIncrementIncrement { get; init; }

    /// <summary>The session's auto_increment_offset, null when it is 1 as usual.</summary>
    public ushort? AutoIncrementOffset { get; init; }

    /// <summary>The collations that character sets have where none is named, as ids (MariaDB's character_set_collations); null when it sets none.</summary>
    public IReadOnlyList<ushort>? DefaultCollationIds { get; init; }

    /// <summary>The session's explicit_defaults_for_timestamp.</summary>
    public bool? ExplicitDefaultsForTimestamp { get; init; }

    /// <summary>default_collation_for_utf8mb4 as an id (MySQL 8).</summary>
    public ushort? DefaultUtf8Mb4CollationId { get; init; }

    /// <summary>LOAD DATA logged in statement format; the file's contents are elsewhere in the log.</summary>
    public bool IsLoadData { get; init; }

    /// <summary>The transaction identifier MySQL 8 gives to atomic DDL.</summary>
    public ulong? DdlXid { get; init; }

    /// <summary>Whether the statement has changed anything by now.</summary>
    public AlterPhase AlterPhase { get; init; }

    /// <summary>Whether the statement is exactly BEGIN.</summary>
    public bool IsBegin => Matches("BEGIN"u8);

    /// <summary>Whether the statement is exactly COMMIT (ends transactions of non-transactional engines).</summary>
    public bool IsCommit => Matches("COMMIT"u8);

    /// <summary>Whether the statement is exactly ROLLBACK.</summary>
    public bool IsRollback => Matches("ROLLBACK"u8);

    private bool Matches(ReadOnlySpan<byte> word) => Ascii.EqualsIgnoreCase(Sql.Span, word);
}
