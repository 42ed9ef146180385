using System.Text.RegularExpressions;
using Switchyard.Binlog;
using Switchyard.Replication.Apply;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Watch;

/// <summary>
/// Finds, in a server's log, what wrote watched tables without our mark: a change to a row of our control tables in the same transaction.
/// </summary>
internal sealed partial class ForeignWriteScanner(StreamTables tables, ChangeReach reach, IReadOnlyList<string> ownIds)
{
    private readonly OwnStatements _ownStatements = new(ownIds);
    private readonly Dictionary<TableName, int> _events = [];
    private bool _inTransaction;
    private bool _isOwn;
    private string? _gtid;
    private uint? _threadId;

    /// <summary>After a broken connection: the log is read again from the end of the last whole transaction.</summary>
    public void Reset()
    {
        _events.Clear();
        _inTransaction = _isOwn = false;
        _gtid = null;
    }

    /// <summary>Whether the last event was the end of something, so that reading can resume behind it.</summary>
    public bool IsBetweenTransactions => !_inTransaction && _gtid is null;

    public async ValueTask<IReadOnlyList<ForeignWrite>> TakeAsync(BinlogEvent next, CancellationToken cancellationToken)
    {
        switch (next)
        {
            case GtidEvent gtid:
                _gtid = gtid.Text;
                return [];
            case MariaDbGtidEvent gtid:
                _gtid = gtid.Gtid.ToString();
                if ((gtid.GroupFlags & MariaDbGtidFlags.Standalone) == 0)
                {
                    Begin(null);
                }

                return [];
            case FormatDescriptionEvent { IsFirstSinceStart: true }:
                reach.EndSessions(next.Position);
                Reset();
                return [];
            case RowsEvent rows:
                Rows(rows);
                return [];
            case XidEvent or XaPrepareEvent:
                return End(next, isRollback: false);
            case QueryEvent { IsBegin: true } query:
                Begin(query.ThreadId);
                return [];
            case QueryEvent query when query.IsCommit || query.IsRollback:
                return End(query, query.IsRollback);
            case QueryEvent query when StartsWith(query, "XA START"):
                // MariaDB says so in the GTID event before.
                if (!_inTransaction)
                {
                    Begin(query.ThreadId);
                }

                return [];
            case QueryEvent query when StartsWith(query, "XA COMMIT") || StartsWith(query, "XA ROLLBACK"):
                // What it ends was reported when it was prepared.
                Reset();
                return [];
            case QueryEvent query:
                return await StatementAsync(query, cancellationToken).ConfigureAwait(false);
            default:
                return [];
        }
    }

    private static bool StartsWith(QueryEvent query, string statement) => query.SqlText.StartsWith(statement, StringComparison.OrdinalIgnoreCase);

    private void Begin(uint? threadId)
    {
        _inTransaction = true;
        _isOwn = false;
        _events.Clear();
        _threadId = threadId;
    }

    private void Rows(RowsEvent rows)
    {
        if (_isOwn)
        {
            return;
        }

        if (rows.Table.Schema == ControlTables.Schema)
        {
            _isOwn = ownIds.Any(id => StreamMarks.IsOf(rows, id));
            if (_isOwn)
            {
                _ownStatements.Take(rows);
            }
        }
        else if (tables.Find(rows.Table.Schema, rows.Table.Table) is { } table)
        {
            _events[table.Name] = _events.GetValueOrDefault(table.Name) + 1;
        }
    }

    private IReadOnlyList<ForeignWrite> End(BinlogEvent end, bool isRollback)
    {
        IReadOnlyList<ForeignWrite> found = _isOwn || isRollback || _events.Count == 0
            ? []
            : [.. _events.Select(e => Describe(end, e.Key, ForeignWriteKind.Rows, e.Value, _threadId))];
        Reset();
        return found;
    }

    private async ValueTask<IReadOnlyList<ForeignWrite>> StatementAsync(QueryEvent query, CancellationToken cancellationToken)
    {
        if (RaisesIdentity().IsMatch(query.SqlText))
        {
            // Changes no row and no column; the switch does it to the side that is about to become authoritative.
            if (!_inTransaction)
            {
                Reset();
            }

            return [];
        }

        var statement = await reach.JudgeAsync(query, DdlStatement.Of(query), cancellationToken).ConfigureAwait(false);
        var isForeign = statement.Kind is not (DdlKind.None or DdlKind.Savepoint) && tables.Concerns(statement) && !_isOwn && !_ownStatements.TakeIfOwn(query);
        IReadOnlyList<ForeignWrite> found = isForeign
            ? [Describe(query, statement.Names.Concat(statement.NewNames).FirstOrDefault(n => tables.Find(n.Schema, n.Name) is not null), ForeignWriteKind.Statement, 0, query.ThreadId)]
            : [];
        if (!_inTransaction)
        {
            Reset();
        }

        return found;
    }

    [GeneratedRegex(@"^ALTER TABLE \S+ AUTO_INCREMENT=\d+$")]
    private static partial Regex RaisesIdentity();

    private ForeignWrite Describe(BinlogEvent end, TableName table, ForeignWriteKind kind, int rowEvents, uint? threadId) =>
        new(end.Position, table, kind, rowEvents, DateTimeOffset.FromUnixTimeSeconds(end.Timestamp), _gtid, end.ServerId, threadId, null);
}
