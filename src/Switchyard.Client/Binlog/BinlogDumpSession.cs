using System.Globalization;
using System.Text;

namespace Switchyard.Client;

/// <summary>The user variables by which a replica tells a server, before the dump, what it understands.</summary>
/// <remarks>
/// Sources: MySQL <c>rpl_binlog_sender.cc</c>, which reads the <c>source_</c>/<c>replica_</c> names from 8.0.26 on and the old names always;
/// MariaDB <c>sql_repl.cc</c>, capability 4 being GTID events.
/// </remarks>
internal static class BinlogDumpSession
{
    private const int MariaDbGtidCapability = 4;

    public static string Settings(ServerInfo server, BinlogDumpRequest request)
    {
        var heartbeat = ((long)(request.HeartbeatPeriod.TotalMicroseconds * 1000)).ToString(CultureInfo.InvariantCulture); // ns
        var uuid = SqlText.QuoteString((request.ReplicaUuid ?? Guid.NewGuid()).ToString());
        var sql = new StringBuilder("SET @master_binlog_checksum=@@global.binlog_checksum,@master_heartbeat_period=").Append(heartbeat)
            .Append(",@slave_uuid=").Append(uuid);
        if (server.IsMariaDb)
        {
            sql.Append(CultureInfo.InvariantCulture, $",@mariadb_slave_capability={MariaDbGtidCapability}");
            if (request.MariaDbGtidState is { } state)
            {
                sql.Append(",@slave_connect_state=").Append(SqlText.QuoteString(state))
                    .Append(",@slave_gtid_strict_mode=").Append(request.MariaDbGtidStrictMode ? '1' : '0')
                    .Append(",@slave_gtid_ignore_duplicates=0");
            }
        }
        else
        {
            sql.Append(",@source_binlog_checksum=@@global.binlog_checksum,@source_heartbeat_period=").Append(heartbeat)
                .Append(",@replica_uuid=").Append(uuid);
        }

        return sql.ToString();
    }
}
