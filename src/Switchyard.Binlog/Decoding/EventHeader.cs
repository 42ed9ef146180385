namespace Switchyard.Binlog.Decoding;

/// <summary>The 19 bytes every event begins with (binlog version 4).</summary>
internal readonly record struct EventHeader(uint Timestamp, BinlogEventType Type, uint ServerId, uint Size, uint NextOffset, BinlogEventFlags Flags)
{
    internal const int Length = 19;

    internal static EventHeader Read(ReadOnlySpan<byte> raw)
    {
        var span = new EventSpan(raw);
        var timestamp = span.UInt32();
        var type = (BinlogEventType)span.Byte();
        var serverId = span.UInt32();
        var size = span.UInt32();
        var next = span.UInt32();
        var flags = (BinlogEventFlags)span.UInt16();
        return new EventHeader(timestamp, type, serverId, size, next, flags);
    }
}
