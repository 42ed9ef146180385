namespace Switchyard.Client;

/// <summary>Where to begin reading a server's binary log, and as whom. Exactly one of the three starts is given.</summary>
public sealed record BinlogDumpRequest
{
    /// <summary>The id to be known by; must differ from every server and replica of the topology.</summary>
    public required uint ServerId { get; init; }

    /// <summary>Start by file and offset: the file's name; with <see cref="Position"/>.</summary>
    public string? File { get; init; }

    /// <summary>Offset in <see cref="File"/>; 4 is its beginning. From 4 GiB on only MySQL with gtid_mode=ON takes it.</summary>
    public ulong Position { get; init; } = 4;

    /// <summary>Start by GTIDs on MySQL: the set already known, encoded as COM_BINLOG_DUMP_GTID wants it.</summary>
    public ReadOnlyMemory<byte>? MySqlGtidSet { get; init; }

    /// <summary>Start by GTIDs on MariaDB: the last known of each domain, <c>0-1-100,1-2-50</c>; empty is the very beginning.</summary>
    public string? MariaDbGtidState { get; init; }

    /// <summary>
    /// MariaDB: refuse to start when the GTID is not in the log although the domain has later ones. Off accepts it, as a replica without
    /// strict mode does.
    /// </summary>
    public bool MariaDbGtidStrictMode { get; init; } = true;

    /// <summary>How often the server sends a heartbeat while there is nothing else to send.</summary>
    public TimeSpan HeartbeatPeriod { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The connection is given up when neither event nor heartbeat came for this long. Null is ten heartbeats and at least 60 s: a server
    /// that skips over other transactions sends nothing meanwhile.
    /// </summary>
    public TimeSpan? SilenceTimeout { get; init; }

    /// <summary>MariaDB: send the statement's text before its row events.</summary>
    public bool SendAnnotateRows { get; init; }

    /// <summary>End at the end of the log instead of waiting for more (MySQL's and MariaDB's BINLOG_DUMP_NON_BLOCK).</summary>
    public bool StopAtEnd { get; init; }

    /// <summary>The replica's UUID told to the server; a random one when null. The server ends an older dump of the same UUID.</summary>
    public Guid? ReplicaUuid { get; init; }
}
