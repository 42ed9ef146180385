using System.Globalization;
using Switchyard.Client;

namespace Switchyard.Replication.Source;

/// <summary>What of its binary log a server removes by itself.</summary>
/// <param name="Age">It keeps files this long after their last change; null for ever.</param>
/// <param name="Bytes">It keeps as much as this (MariaDB's max_binlog_total_size); null without a limit.</param>
public sealed record LogRetention(TimeSpan? Age, ulong? Bytes)
{
    /// <summary>Asks the server.</summary>
    public static async Task<LogRetention> ReadAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(connection);
        var rows = await connection.QueryAsync(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('binlog_expire_logs_seconds', 'expire_logs_days', 'binlog_expire_logs_auto_purge', 'max_binlog_total_size')", cancellationToken).ConfigureAwait(false);
        var variables = rows.Rows.ToDictionary(r => r.GetString(0), r => r.GetString(1), StringComparer.OrdinalIgnoreCase);
        return Of(name => variables.GetValueOrDefault(name, ""));
    }

    /// <summary>From global variables, empty where the server has none of that name.</summary>
    internal static LogRetention Of(Func<string, string> variable)
    {
        var bytes = Number(variable("max_binlog_total_size"));
        // MySQL from 8.0.29 can be told to remove nothing by itself, whatever the age it is given.
        var isKept = variable("binlog_expire_logs_auto_purge").ToUpperInvariant() is "OFF" or "0";
        var seconds = Number(variable("binlog_expire_logs_seconds")) is > 0 and var s ? s : Number(variable("expire_logs_days")) * 86_400;
        return new LogRetention(seconds > 0 && !isKept ? TimeSpan.FromSeconds(seconds) : null, bytes > 0 ? (ulong)bytes : null);
    }

    // MariaDB's days have fractions.
    private static double Number(string value) => double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : 0;
}
