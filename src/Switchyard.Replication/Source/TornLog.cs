using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Source;

/// <summary>
/// Reads a log past the place where its server went down while it wrote an event. The server does not: it sends error 1236 there and nothing of the next file. What it wrote last
/// was not complete, and so neither is its transaction, which it has taken back when that file begins with its start.
/// </summary>
/// <remarks>
/// MySQL from 5.6 cuts off what a crash has left unfinished (MYSQL_BIN_LOG::open_binlog, Binlog_recovery). So such an end was left there by a write that failed, and what the server did then depends on
/// binlog_error_action: it ended, or it went on without the log (the default up to 5.7.6, and before 5.6.20 what it always did).
/// </remarks>
internal static class TornLog
{
    /// <summary>As <see cref="BinlogReader.OpenAsync"/>.</summary>
    public static async Task<BinlogReader> OpenReaderAsync(BackendConnection connection, BinlogDumpRequest request, CancellationToken cancellationToken)
    {
        var identity = await SourceLog.ReadIdentityAsync(connection, cancellationToken).ConfigureAwait(false);
        var server = connection.Options;
        return await BinlogReader.OpenAsync(
            connection, request, cancellationToken, (e, end, token) => ServerErrors.IsLogTorn(e) ? OpenNextAsync(server, identity, request, end, token) : Task.FromResult<BinlogDump?>(null)).ConfigureAwait(false);
    }

    /// <summary>Whether the server, when it cannot write its log, leaves changes out of it from there on until it is started again.</summary>
    public static async Task<bool> MayHaveGoneOnAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        if (connection.Server.IsMariaDb)
        {
            return false;
        }

        var action = await connection.QueryAsync("SHOW GLOBAL VARIABLES LIKE 'binlog_error_action'", cancellationToken).ConfigureAwait(false);
        return action.RowCount == 0 || action.GetString(0, 1) != "ABORT_SERVER";
    }

    public static ReplicationException GoneOn(BinlogPosition at) => new(
        $"The source's binary log breaks off at {at}, where the source could not write it and may have gone on without it (binlog_error_action is not ABORT_SERVER): changes it does not know of can be missing on the target. Set binlog_error_action=ABORT_SERVER on the source, then cancel the migration and copy again.");

    /// <returns>The file after the one that ends there; null where there is none.</returns>
    private static async Task<BinlogDump?> OpenNextAsync(ConnectionOptions server, string identity, BinlogDumpRequest request, BinlogPosition end, CancellationToken cancellationToken)
    {
        var connection = await BackendConnection.OpenAsync(server, cancellationToken).ConfigureAwait(false);
        try
        {
            var logs = await connection.QueryAsync("SHOW BINARY LOGS", cancellationToken).ConfigureAwait(false);
            var next = logs.Rows.Select(l => l.GetString(0)).SkipWhile(f => f != end.File).Skip(1).FirstOrDefault();
            if (next is not null && await MayHaveGoneOnAsync(connection, cancellationToken).ConfigureAwait(false))
            {
                throw GoneOn(end);
            }

            if (next is not null && await SourceLog.ReadIdentityAsync(connection, cancellationToken).ConfigureAwait(false) == identity)
            {
                return await connection.DumpBinlogAsync(
                    request with { File = next, Position = BinlogPosition.FirstOffset, MySqlGtidSet = null, MariaDbGtidState = null }, cancellationToken).ConfigureAwait(false);
            }

            await connection.DisposeAsync().ConfigureAwait(false);
            return null;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
