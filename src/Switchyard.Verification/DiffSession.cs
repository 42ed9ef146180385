using Switchyard.Client;

namespace Switchyard.Verification;

/// <summary>A connection on which values are printed in the canonical form.</summary>
internal static class DiffSession
{
    // Results in each column's own character set, UTC, no mode that changes how values print or literals read. A reader that waits for the
    // other side must not be cut off by the server's default write timeout of 60 s. A repair writes one row at a time, whose parent may not be
    // repaired yet, hence no foreign key checks; a locking read of an absent row must lock its gap, hence REPEATABLE READ.
    private const string Setup =
        "SET SESSION character_set_results=NULL, time_zone='+00:00', sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', net_write_timeout=3600, " +
        "lock_wait_timeout=2, innodb_lock_wait_timeout=2, foreign_key_checks=0, group_concat_max_len=1073741824";

    public static async Task<BackendConnection> OpenAsync(ConnectionOptions options, CancellationToken cancellationToken)
    {
        var connection = await BackendConnection.OpenAsync(options, cancellationToken);
        try
        {
            await connection.ExecuteAsync(Setup, cancellationToken);
            await connection.ExecuteAsync("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
