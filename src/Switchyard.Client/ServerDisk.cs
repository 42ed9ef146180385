namespace Switchyard.Client;

/// <summary>Whether a server says that its disk is full while statements wait for room on it.</summary>
public static class ServerDisk
{
    /// <summary>
    /// MariaDB says it as the state of who waits. MySQL says it in its error log only, which can be read from 8.0.22 on; it repeats it every ten minutes. Older ones
    /// tell nobody who asks by SQL.
    /// </summary>
    /// <param name="connection">To ask on.</param>
    /// <param name="processes">The server's connections.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<bool> IsFullAsync(BackendConnection connection, IEnumerable<ServerProcess> processes, CancellationToken cancellationToken)
    {
        if (processes.Any(p => p.State.Contains("free space", StringComparison.OrdinalIgnoreCase)))
        {
            return true;
        }

        if (!connection.Server.IsAtLeast(ServerVendor.MySql, 8, 0, 22))
        {
            return false;
        }

        try
        {
            // MY-000035: Disk is full writing FILE. Waiting for someone to free space.
            var said = await connection.QueryAsync(
                "SELECT 1 FROM performance_schema.error_log WHERE error_code='MY-000035' AND logged > NOW(6) - INTERVAL 11 MINUTE LIMIT 1", cancellationToken).ConfigureAwait(false);
            return said.RowCount > 0;
        }
        catch (ServerErrorException)
        {
            // It may not be read.
            return false;
        }
    }
}
