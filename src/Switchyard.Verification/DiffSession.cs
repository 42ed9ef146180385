using Switchyard.Client;

namespace Switchyard.Verification;

/// <summary>A connection on which values are printed in the canonical form.</summary>
internal static class DiffSession
{
    // Results in each column's own character set, UTC, no mode that changes how values print or literals read. A reader that waits for the
    // other side must not be cut off by the server's default write timeout of 60 s, nor by a short wait_timeout. A repair writes one row at a time, whose parent may not be
    // repaired yet, hence no foreign key checks; a locking read of an absent row must lock its gap, hence REPEATABLE READ. That needs autocommit, which servers may be
    // set to begin without, as they may to end each transaction with the beginning of another or each answer after so many rows: the following side would be read as it once was, or in part.
    private const string Setup =
        "SET SESSION character_set_results=NULL, time_zone='+00:00', sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', net_write_timeout=3600, wait_timeout=86400, " +
        "lock_wait_timeout=2, innodb_lock_wait_timeout=2, foreign_key_checks=0, group_concat_max_len=1073741824, " +
        "autocommit=1, completion_type=0, sql_select_limit=18446744073709551615, sql_safe_updates=0";

    public static async Task<BackendConnection> OpenAsync(ConnectionOptions options, CancellationToken cancellationToken)
    {
        var connection = await BackendConnection.OpenAsync(options, cancellationToken);
        try
        {
            await connection.ExecuteAsync(Setup, cancellationToken);
            await connection.ExecuteAsync("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ", cancellationToken);
            if (connection.Server.IsMariaDb)
            {
                // Checks were the authoritative side's to make.
                await connection.ExecuteAsync("SET SESSION max_statement_time=0, check_constraint_checks=0", cancellationToken);
            }
            else if (connection.Server.IsAtLeast(ServerVendor.MySql, 5, 7, 8))
            {
                await connection.ExecuteAsync("SET SESSION max_execution_time=0", cancellationToken);
            }

            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
