using Switchyard.Binlog;
using Switchyard.Client;

namespace Switchyard.Replication.Source;

/// <summary>How far the place where a stream would go on is from being purged.</summary>
/// <param name="From">The place; before the stream's position where an XA transaction that is still open would be read again.</param>
/// <param name="Age">How long ago, by the server's clock, what follows it was written; zero at the log's end.</param>
/// <param name="Bytes">What the log holds behind it.</param>
/// <param name="Retention">What the server removes.</param>
public sealed record LogReach(BinlogPosition From, TimeSpan Age, ulong Bytes, LogRetention Retention)
{
    /// <summary>Asks the server.</summary>
    /// <param name="connection">A connection to the source, which is used up.</param>
    /// <param name="from">The place.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ReplicationException">It is purged already.</exception>
    internal static async Task<LogReach> ReadAsync(BackendConnection connection, BinlogPosition from, CancellationToken cancellationToken)
    {
        await SourceLog.VerifyContainsAsync(connection, from, cancellationToken).ConfigureAwait(false);
        var retention = await LogRetention.ReadAsync(connection, cancellationToken).ConfigureAwait(false);
        var logs = await connection.QueryAsync("SHOW BINARY LOGS", cancellationToken).ConfigureAwait(false);
        var bytes = 0UL;
        foreach (var log in logs.Rows)
        {
            var end = new BinlogPosition(log.GetString(0), log.GetUInt64(1));
            bytes += end.File == from.File ? end.Offset - Math.Min(from.Offset, end.Offset) : end > from ? end.Offset : 0;
        }

        var now = (await connection.QueryAsync("SELECT UNIX_TIMESTAMP()", cancellationToken).ConfigureAwait(false)).GetInt64(0, 0);
        var reader = await TornLog.OpenReaderAsync(
            connection, new BinlogDumpRequest { ServerId = GtidPositions.ServerId, File = from.File, Position = from.Offset, StopAtEnd = true }, cancellationToken).ConfigureAwait(false);
        await using var lease = reader.ConfigureAwait(false);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false) is { } next)
        {
            // What a file begins with tells of the file.
            if (next is not (FormatDescriptionEvent or RotateEvent) && next.Position > from && next.Timestamp != 0)
            {
                return new LogReach(from, TimeSpan.FromSeconds(Math.Max(0, now - next.Timestamp)), bytes, retention);
            }
        }

        return new LogReach(from, TimeSpan.Zero, bytes, retention);
    }
}
