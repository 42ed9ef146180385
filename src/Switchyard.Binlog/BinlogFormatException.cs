namespace Switchyard.Binlog;

/// <summary>The bytes of an event are damaged: too short, impossible lengths, or a checksum that does not match.</summary>
public sealed class BinlogFormatException(string message) : Exception(message);
