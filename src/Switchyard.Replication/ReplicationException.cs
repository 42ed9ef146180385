namespace Switchyard.Replication;

/// <summary>
/// Replication cannot go on as it is: the message is a sentence with what is wrong, where, and what to do. Trying again without a change does not help.
/// </summary>
public class ReplicationException : Exception
{
    public ReplicationException(string message)
        : base(message)
    {
    }

    public ReplicationException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
