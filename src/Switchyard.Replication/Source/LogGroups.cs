using Switchyard.Binlog;

namespace Switchyard.Replication.Source;

/// <summary>
/// Follows a log event by event, from one GTID's group to the next. What a server went down in the middle of is no group: it has taken that back, and MariaDB gives its GTID to another.
/// </summary>
internal sealed class LogGroups
{
    private BinlogEvent? _begun;
    private bool _isOpen;

    /// <returns>The GTID event of the group that ends with this event; null where none does.</returns>
    public BinlogEvent? Take(BinlogEvent next)
    {
        switch (next)
        {
            case GtidEvent or MariaDbGtidEvent:
                _begun = next;
                _isOpen = next is MariaDbGtidEvent mariaDb && (mariaDb.GroupFlags & MariaDbGtidFlags.Standalone) == 0;
                return null;
            case FormatDescriptionEvent { IsFirstSinceStart: true }:
                _begun = null;
                return null;
            case QueryEvent query when query.IsBegin || StartsWith(query, "XA START"):
                _isOpen = true;
                return null;
            case QueryEvent query when !_isOpen || query.IsCommit || query.IsRollback || StartsWith(query, "XA COMMIT") || StartsWith(query, "XA ROLLBACK"):
            case XidEvent or XaPrepareEvent:
                var ended = _begun;
                _begun = null;
                return ended;
            default:
                return null;
        }
    }

    private static bool StartsWith(QueryEvent query, string statement) => query.SqlText.StartsWith(statement, StringComparison.OrdinalIgnoreCase);
}
