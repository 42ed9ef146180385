using Switchyard.Client;
using Switchyard.Replication.Source;

namespace Switchyard.Replication.Copy;

/// <summary>Keeps rows of XA transactions from falling between the stream and the copy.</summary>
internal static class XaGuard
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Waits until every transaction prepared on the source is one the stream has read: the rows of one prepared before the stream's beginning are in neither
    /// a snapshot nor the log that is still to come.
    /// </summary>
    /// <exception cref="ReplicationException">One stays prepared.</exception>
    public static async Task WaitUntilKnownAsync(ReplicationStream stream, BackendConnection source, CancellationToken cancellationToken)
    {
        var began = stream.Clock.GetTimestamp();
        var pause = s_firstPause;
        var strangers = await PreparedXa.ReadAsync(source, cancellationToken).ConfigureAwait(false);
        if (strangers.Count > 0)
        {
            // What was prepared after the stream began is in the log before this end.
            var end = await SourceLog.ReadEndAsync(source, cancellationToken).ConfigureAwait(false);
            await stream.WaitForAppliedAsync(end, cancellationToken).ConfigureAwait(false);
            strangers = [.. strangers.Where(x => !stream.Xa.IsKnown(x))];
        }

        while (strangers.Count > 0)
        {
            var listed = await PreparedXa.ReadAsync(source, cancellationToken).ConfigureAwait(false);
            strangers = [.. strangers.Intersect(listed)];
            if (strangers.Count > 0 && stream.Clock.GetElapsedTime(began) > s_patience)
            {
                throw new ReplicationException($"The source has XA transactions that were prepared before the migration's stream began and are still open, whose rows would be missed: {PreparedXa.Describe(strangers)}. End each with XA COMMIT or XA ROLLBACK and start again.");
            }

            if (strangers.Count > 0)
            {
                await Task.Delay(pause, stream.Clock, cancellationToken).ConfigureAwait(false);
                pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
            }
        }
    }

    /// <summary>
    /// Before a snapshot on MariaDB: an XA COMMIT is in the log, and before the snapshot's position, while its rows are still on their way into the engine. It is
    /// listed as prepared until they are there. (On MySQL its GTID counts as executed only after.)
    /// </summary>
    public static async Task WaitUntilVisibleAsync(ReplicationStream stream, BackendConnection source, IReadOnlyCollection<string> ended, CancellationToken cancellationToken)
    {
        if (ended.Count == 0)
        {
            return;
        }

        var pause = s_firstPause;
        while (source.Server.IsMariaDb)
        {
            var listed = await PreparedXa.ReadAsync(source, cancellationToken).ConfigureAwait(false);
            // An identifier in use again tells that its first use is over.
            if (!listed.Any(x => ended.Contains(x) && !stream.Xa.IsKnown(x)))
            {
                break;
            }

            await Task.Delay(pause, stream.Clock, cancellationToken).ConfigureAwait(false);
            pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
        }

        stream.Xa.Settle(ended);
    }
}
