namespace Switchyard.Replication;

/// <summary>
/// Another server answers where the stream's source was. Positions mean nothing there: open the stream anew, which finds the place by GTIDs or says why it cannot.
/// </summary>
public sealed class SourceMovedException(string message) : ReplicationException(message);
