namespace Switchyard.Binlog;

/// <summary>
/// The binary log holds something this decoder does not understand or cannot apply exactly. The message is a sentence with what, where and
/// what to do; a stream that meets it stops.
/// </summary>
public sealed class UnsupportedEventException : Exception
{
    public UnsupportedEventException(BinlogPosition position, BinlogEventType type, string message)
        : base($"{message} (binary log position {position}, event type {(int)type})")
    {
        Position = position;
        EventType = type;
    }

    /// <summary>The end of the event concerned.</summary>
    public BinlogPosition Position { get; }

    /// <summary>The type code of the event concerned.</summary>
    public BinlogEventType EventType { get; }
}
