namespace Switchyard.Replication.Apply;

/// <summary>What was sent of a transaction is undone and not held in memory: read the source again from the last commit.</summary>
internal sealed class StreamRestartException(string message, Exception? inner = null) : Exception(message, inner);
