namespace Switchyard.Binlog;

/// <summary>Opens every binary log file: versions, header lengths, checksum algorithm.</summary>
public sealed class FormatDescriptionEvent : BinlogEvent
{
    /// <summary>The version text of the server that wrote the file.</summary>
    public required string ServerVersion { get; init; }

    /// <summary>Whether the events of this file end in a CRC32.</summary>
    public required bool HasChecksum { get; init; }

    /// <summary>
    /// Whether it is the first file since the server started. Whatever group of events the file before it ends in without an end, the server has taken back then, and so must a reader.
    /// Source: <c>Format_description_log_event::do_apply_event</c> of both vendors.
    /// </summary>
    public required bool IsFirstSinceStart { get; init; }

    /// <summary>Whether the writer was MariaDB.</summary>
    public bool IsMariaDb => ServerVersion.Contains("MariaDB", StringComparison.OrdinalIgnoreCase);

    /// <summary>Fixed-part length of each event type, indexed by type code − 1.</summary>
    public required ReadOnlyMemory<byte> PostHeaderLengths { get; init; }
}

/// <summary>The log goes on in another file. Artificial ones tell a new connection where it stands.</summary>
public sealed class RotateEvent : BinlogEvent
{
    /// <summary>Where the next event is.</summary>
    public required BinlogPosition Next { get; init; }
}

/// <summary>The server has nothing to send; <see cref="BinlogEvent.Position"/> is how far it has read.</summary>
public sealed class HeartbeatEvent : BinlogEvent;

/// <summary>An event with no bearing on rows: annotations, checkpoints, statement context, unknown ones marked as ignorable.</summary>
public sealed class IgnorableEvent : BinlogEvent;

/// <summary>The server says that something is missing from its log at this place.</summary>
public sealed class IncidentEvent : BinlogEvent
{
    /// <summary>1 is "lost events".</summary>
    public required ushort Incident { get; init; }

    /// <summary>The server's own words.</summary>
    public required string Message { get; init; }
}
