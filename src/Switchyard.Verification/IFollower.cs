namespace Switchyard.Verification;

/// <summary>What a comparison needs of replication: the certainty that the following side has seen what the origin shows now.</summary>
public interface IFollower
{
    /// <summary>
    /// Reads the origin's flushed end of log, and returns once everything up to there is committed on the following side. Everything a
    /// reader could see on the origin before the call is visible on the following side after it.
    /// </summary>
    /// <exception cref="InvalidOperationException">Replication stands still, and will not get there.</exception>
    Task CatchUpAsync(CancellationToken cancellationToken);
}
