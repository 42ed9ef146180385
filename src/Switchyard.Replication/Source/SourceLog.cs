using System.Globalization;
using Switchyard.Binlog;
using Switchyard.Client;

namespace Switchyard.Replication.Source;

/// <summary>Where a server's binary log stands, and whether it is still the log we know.</summary>
public static class SourceLog
{
    private const int NoBinaryLog = 1381;

    /// <summary>
    /// The flushed end of the binary log. Everything a reader could see before the call is in the log before this position.
    /// </summary>
    /// <exception cref="ReplicationException">The server writes no binary log.</exception>
    public static async Task<BinlogPosition> ReadEndAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        var result = await ReadStatusAsync(connection, cancellationToken).ConfigureAwait(false);
        return result.RowCount == 0
            ? throw new ReplicationException("The server writes no binary log; start it with log_bin enabled and binlog_format=ROW. If it is enabled, the server has turned it off after an error, which its error log tells.")
            : new BinlogPosition(result.GetString(0, 0), result.GetUInt64(0, 1));
    }

    /// <summary>
    /// Whether a server still writes its log. One that cannot may turn it off and serve on: MySQL with binlog_error_action=IGNORE_ERROR, either vendor when the next file cannot be made. Who reads
    /// the log is sent heartbeats all the same.
    /// </summary>
    /// <exception cref="ReplicationException">It does not.</exception>
    internal static async Task VerifyIsOnAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        if ((await ReadStatusAsync(connection, cancellationToken).ConfigureAwait(false)).RowCount == 0)
        {
            throw IsOff(connection);
        }
    }

    /// <summary>
    /// What tells this server from every other: positions are file names and offsets, which mean nothing elsewhere. MySQL: server_uuid.
    /// MariaDB has none: server_id, host name and port.
    /// </summary>
    public static async Task<string> ReadIdentityAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        if (connection.Server.Vendor == ServerVendor.MySql)
        {
            var uuid = await connection.QueryAsync("SELECT @@server_uuid", cancellationToken).ConfigureAwait(false);
            return "mysql:" + uuid.GetString(0, 0);
        }

        var result = await connection.QueryAsync("SELECT @@server_id, @@hostname, @@port", cancellationToken).ConfigureAwait(false);
        return string.Create(CultureInfo.InvariantCulture, $"mariadb:{result.GetString(0, 0)}:{result.GetString(0, 1)}:{result.GetString(0, 2)}");
    }

    /// <summary>Whether the server still has its log from the position on.</summary>
    /// <exception cref="ReplicationException">The file was purged, or the log ends before the position.</exception>
    public static async Task VerifyContainsAsync(BackendConnection connection, BinlogPosition position, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        QueryResult logs;
        try
        {
            logs = await connection.QueryAsync("SHOW BINARY LOGS", cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (e.Code == NoBinaryLog)
        {
            throw IsOff(connection);
        }

        for (var i = 0; i < logs.RowCount; i++)
        {
            if (logs.GetString(i, 0) == position.File)
            {
                if (logs.GetUInt64(i, 1) >= position.Offset)
                {
                    return;
                }

                throw new ReplicationException(
                    $"The source's binary log {position.File} ends at {logs.GetUInt64(i, 1)}, before the position {position} already applied: the server lost part of its log (a crash with sync_binlog=0, or a restored copy). Cancel the migration and copy again.");
            }
        }

        throw new ReplicationException(
            $"The source no longer has its binary log {position.File}, where replication has to go on at {position}. Keep logs longer (binlog_expire_logs_seconds, expire_logs_days) and copy again.");
    }

    internal static async Task<TimeSpan> ReadClockOffsetAsync(BackendConnection connection, TimeProvider clock, CancellationToken cancellationToken)
    {
        var result = await connection.QueryAsync("SELECT CAST(UNIX_TIMESTAMP(NOW(6))*1000000 AS SIGNED)", cancellationToken).ConfigureAwait(false);
        return DateTimeOffset.UnixEpoch.AddMicroseconds(result.GetInt64(0, 0)) - clock.GetUtcNow();
    }

    // SHOW MASTER STATUS went away with MySQL 8.4; its successor came with 8.2.
    private static Task<QueryResult> ReadStatusAsync(BackendConnection connection, CancellationToken cancellationToken) => connection.QueryAsync(
        connection.Server.Vendor == ServerVendor.MySql && connection.Server.Version >= new Version(8, 2) ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", cancellationToken);

    private static ReplicationException IsOff(BackendConnection connection) => new(
        $"{connection.Options.Host}:{connection.Options.Port} does not write its binary log any more: it has turned it off after an error, such as a full disk, which its error log tells, and goes on without it. What was changed there since is not in the log and does not reach the other side. "
        + "Mend the cause, set binlog_error_action=ABORT_SERVER where the server has it, and restart the server; then cancel the migration and copy again.");
}
