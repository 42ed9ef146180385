using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>Session settings under which a table is created as written: nothing added, nothing refused for style.</summary>
internal static class TargetSession
{
    /// <summary>Each is set alone: an older server lacks some, and on others they need a privilege without which the default serves.</summary>
    private static readonly string[] Optional =
    [
        "SET SESSION innodb_strict_mode=0",
        "SET SESSION explicit_defaults_for_timestamp=1",
        "SET SESSION sql_generate_invisible_primary_key=0",
        "SET SESSION restrict_fk_on_non_standard_key=0",
        "SET SESSION sql_require_primary_key=0",
    ];

    internal static async Task PrepareAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync("SET NAMES utf8mb4, sql_mode='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', foreign_key_checks=0, time_zone='+00:00', sql_quote_show_create=1", cancellationToken)
            .ConfigureAwait(false);
        foreach (var setting in Optional)
        {
            try
            {
                await connection.ExecuteAsync(setting, cancellationToken).ConfigureAwait(false);
            }
            catch (ServerErrorException)
            {
                // Unknown there, or not allowed; see above.
            }
        }
    }
}
