using Switchyard.Client;

namespace Switchyard.Replication.Source;

/// <summary>Connections that read rows on the source, in canonical form.</summary>
internal static class SourceSession
{
    public static async Task<BackendConnection> OpenAsync(ConnectionOptions options, CancellationToken cancellationToken)
    {
        var connection = await BackendConnection.OpenAsync(options with { Schema = null }, cancellationToken).ConfigureAwait(false);
        try
        {
            await connection.ExecuteAsync("SET NAMES binary", cancellationToken).ConfigureAwait(false);
            // The waits are short: a lock request of ours that waits makes every later one wait behind it.
            await connection.ExecuteAsync(
                "SET SESSION sql_mode='ALLOW_INVALID_DATES', time_zone='+00:00', lock_wait_timeout=2, innodb_lock_wait_timeout=2, wait_timeout=86400, net_write_timeout=600",
                cancellationToken).ConfigureAwait(false);
            await connection.ExecuteAsync("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", cancellationToken).ConfigureAwait(false);
            if (connection.Server.Vendor == ServerVendor.MariaDb)
            {
                await connection.ExecuteAsync("SET SESSION max_statement_time=0", cancellationToken).ConfigureAwait(false);
            }
            else if (connection.Server.Version >= new Version(5, 7, 8))
            {
                // A JSON value can have as many scalars as fit into a packet.
                await connection.ExecuteAsync("SET SESSION max_execution_time=0, group_concat_max_len=1073741824", cancellationToken).ConfigureAwait(false);
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }
}
