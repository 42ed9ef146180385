using Switchyard.Client;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>Connections that write the target. They speak bytes, count found rows, and store values as they are or refuse them.</summary>
internal static class WriteSession
{
    /// <summary>
    /// Strict, so that what cannot be stored exactly is an error; zero and odd dates are stored, an explicit 0 is not renumbered.
    /// </summary>
    public const string SqlMode = "STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES";

    /// <summary>Stores the error value of an ENUM (index 0), which strict mode refuses.</summary>
    public const string LenientSqlMode = "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES";

    /// <param name="options">The server.</param>
    /// <param name="rowLockWaitSeconds">How long a statement waits for a row.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <param name="tableLockWaitSeconds">How long a statement waits for a table whose definition is being changed.</param>
    public static async Task<BackendConnection> OpenAsync(ConnectionOptions options, int rowLockWaitSeconds, CancellationToken cancellationToken, int tableLockWaitSeconds = 3600)
    {
        var connection = await BackendConnection.OpenAsync(
            options with { Schema = null, ExtraCapabilities = options.ExtraCapabilities | Capabilities.FoundRows }, cancellationToken).ConfigureAwait(false);
        try
        {
            await connection.ExecuteAsync("SET NAMES binary", cancellationToken).ConfigureAwait(false);
            await connection.ExecuteAsync(
                $"SET SESSION sql_mode='{SqlMode}', time_zone='+00:00', foreign_key_checks=0, unique_checks=1, autocommit=1, sql_safe_updates=0, "
                + $"innodb_lock_wait_timeout={rowLockWaitSeconds}, lock_wait_timeout={tableLockWaitSeconds}, wait_timeout=86400",
                cancellationToken).ConfigureAwait(false);
            await connection.ExecuteAsync("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", cancellationToken).ConfigureAwait(false);
            if (connection.Server.Vendor == ServerVendor.MariaDb)
            {
                // Checks were the source's to make; rows older than a constraint are rows all the same.
                await connection.ExecuteAsync("SET SESSION check_constraint_checks=0, max_statement_time=0", cancellationToken).ConfigureAwait(false);
                await LeaveOutTextsAsync(connection, cancellationToken).ConfigureAwait(false);
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    // Otherwise the target's log would hold every statement beside its rows; that of a large row can make it longer than the server is able to read again.
    private static async Task LeaveOutTextsAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await connection.ExecuteAsync("SET SESSION binlog_annotate_row_events=0", cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (e.Code == ServerErrors.SpecificAccessDenied)
        {
            // Without BINLOG ADMIN it is as the server has it.
        }
    }

    /// <summary>Takes the open transaction back, and settings that a statement of it may have left behind.</summary>
    public static Task RollbackAsync(BackendConnection connection, CancellationToken cancellationToken) =>
        connection.ExecuteMultiAsync($"ROLLBACK;SET foreign_key_checks=0;SET sql_mode='{SqlMode}'", cancellationToken);

    /// <summary>The longest statement the server takes, in bytes.</summary>
    public static async Task<long> ReadMaxStatementBytesAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        var result = await connection.QueryAsync("SELECT @@max_allowed_packet", cancellationToken).ConfigureAwait(false);
        return result.GetInt64(0, 0);
    }
}
