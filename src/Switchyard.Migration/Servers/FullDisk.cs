using Switchyard.Replication;

namespace Switchyard.Migration;

/// <summary>The words for a server that cannot write.</summary>
internal static class FullDisk
{
    /// <summary>What to do where it is certain.</summary>
    public static string Remedy(string backend) =>
        $"Free space on '{backend}' (its data, its binary log); a server that waits for space looks again once a minute, and replication goes on by itself.";

    /// <summary>What to do where a server does not answer and does not say why.</summary>
    public static string RemedyOfSilence(string backend) =>
        $"Look at SHOW PROCESSLIST, the error log and the disks of '{backend}': a lock that somebody holds lets writes wait like this, and so does a full disk, until a minute after space is freed.";

    /// <summary>A statement of the applier that is not answered.</summary>
    public static string Describe(ApplyDelay delay, string backend) =>
        $"The applier on '{backend}' has waited {delay.Seconds} s for the answer to its {delay.Verb} (connection {delay.ConnectionId}{State(delay.State)})"
        + (delay.IsDiskFull ? $": the disk of '{backend}' is full." : ".");

    public static string RemedyOf(ApplyDelay delay, string backend) => delay.IsDiskFull ? Remedy(backend) : RemedyOfSilence(backend);

    /// <summary>What to do where nothing is replicated any more.</summary>
    public static string RemedyAtTheEnd(string backend) => $"Free space on '{backend}' (its data, its binary log); a server that waits for space looks again once a minute.";

    /// <summary>A statement of ours that is not answered.</summary>
    public static string DescribeOwn(ApplyDelay delay, string backend) =>
        $"'{backend}' has been at a {delay.Verb} of Switchyard's for {delay.Seconds} s (connection {delay.ConnectionId}{State(delay.State)})"
        + (delay.IsDiskFull ? $": the disk of '{backend}' is full." : ".");

    /// <summary>A server's own words for what a connection does, as part of a list in brackets.</summary>
    public static string State(string state) => state.Length > 0 ? $", state '{state}'" : "";
}
