using Switchyard.Binlog;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Apply;

/// <summary>
/// Recognises statements a stream ran on the server being read. A definition's change cannot carry a mark in its own transaction; the stream writes
/// the statement down in <c>ddl_intent</c> just before it runs it, and strikes it out after.
/// </summary>
internal sealed class OwnStatements(IReadOnlyList<string> ownIds)
{
    private const int StatementColumn = 3;
    private readonly Dictionary<string, byte[]> _intended = [];

    /// <summary>Takes note of a change to our control tables.</summary>
    public void Take(RowsEvent rows)
    {
        if (rows.Table.Table != "ddl_intent")
        {
            return;
        }

        foreach (var change in StreamMarks.Decode(rows))
        {
            var row = change.After.IsPresent ? change.After : change.Before;
            var id = row[0].ToString();
            if (!ownIds.Contains(id))
            {
                continue;
            }

            if (rows.Kind == RowsKind.Delete)
            {
                _intended.Remove(id);
            }
            else
            {
                _intended[id] = row[StatementColumn].Bytes.ToArray();
            }
        }
    }

    /// <summary>Whether a stream meant to run exactly this; asked once for each.</summary>
    public bool TakeIfOwn(QueryEvent query)
    {
        foreach (var (id, statement) in _intended)
        {
            if (query.Sql.Span.SequenceEqual(statement))
            {
                _intended.Remove(id);
                return true;
            }
        }

        return false;
    }
}
