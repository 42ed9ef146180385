namespace Switchyard.Binlog;

/// <summary>
/// One event of the binary log. Events own their memory, except where a member says that it is valid only until the next read.
/// </summary>
public abstract class BinlogEvent
{
    /// <summary>The event's type code.</summary>
    public BinlogEventType Type { get; init; }

    /// <summary>When the statement began on the server where it was first executed, in seconds since 1970 UTC; 0 for artificial events.</summary>
    public uint Timestamp { get; init; }

    /// <summary>The server where the event was first written.</summary>
    public uint ServerId { get; init; }

    /// <summary>The header's flags.</summary>
    public BinlogEventFlags Flags { get; init; }

    /// <summary>
    /// Where the event ends, which is where reading can resume. Events inside a compressed transaction all carry the end of the whole.
    /// Artificial events, which are in no file, carry the position reached before them.
    /// </summary>
    public BinlogPosition Position { get; internal set; }

    /// <summary>Made up by the server for this connection, not stored in the log.</summary>
    public bool IsArtificial => (Flags & BinlogEventFlags.Artificial) != 0;
}

/// <summary>Flags in an event's header.</summary>
[Flags]
public enum BinlogEventFlags : ushort
{
    None = 0,
    InUse = 0x1,
    ThreadSpecific = 0x4,
    SuppressUse = 0x8,
    Artificial = 0x20,
    RelayLog = 0x40,

    /// <summary>A reader that does not know the event may skip it.</summary>
    Ignorable = 0x80,
    NoFilter = 0x100,
    MtsIsolate = 0x200,
}
