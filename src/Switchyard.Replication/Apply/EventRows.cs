using Switchyard.Binlog;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Apply;

/// <summary>The rows of one event after the other, read by the definition that each was logged under.</summary>
internal sealed class EventRows
{
    private readonly Dictionary<StreamTable, LoggedTable> _loggedTables = [];

    /// <summary>The rows of the event opened.</summary>
    public RowsReader Reader { get; } = new();

    /// <summary>Begins an event.</summary>
    /// <returns>How its rows are moved.</returns>
    /// <exception cref="ReplicationException">The table's definition is not that of the rows.</exception>
    public TablePlan Open(RowsItem item)
    {
        var (table, logged) = (item.Table, item.Event.Table);
        if (table.Plan is not { } plan)
        {
            throw new ReplicationException($"The binary log has rows of {table.Name} at {item.Position}, but the table is not on the source any more; its definition changed in a way the stream could not follow. Copy it again.");
        }

        if (plan.Shape.LoggedColumns != logged.ColumnCount && table.OtherPlan is { } other && other.Shape.LoggedColumns == logged.ColumnCount)
        {
            table.OtherPlan = null;
            table.Plan = plan = other;
        }

        try
        {
            Reader.Open(item.Event, plan.Shape);
        }
        catch (TableShapeMismatchException e)
        {
            throw new ReplicationException($"Rows of {table.Name} at {item.Position} do not fit its definition: {e.Message} The definition changed while the stream did not follow it; copy the table again.", e);
        }

        return plan;
    }

    /// <summary>The table to refer to when the event opened is sent as it was logged; null when it has to go as SQL.</summary>
    public LoggedTable? FindLogged(RowsItem item, TablePlan plan)
    {
        var map = item.Event.Table;

        // What is written by SQL is written under the stream's own name of it.
        if (!plan.TakesLoggedRows || !item.Event.HasEveryColumn || map.Schema != item.Table.Name.Schema || map.Table != item.Table.Name.Name || LoggedTable.HasOldTypes(map))
        {
            return null;
        }

        if (!_loggedTables.TryGetValue(item.Table, out var logged) || !logged.IsDefinedBy(map))
        {
            _loggedTables[item.Table] = logged = new LoggedTable(map);
        }

        return logged;
    }

    /// <summary>Whether the rows of the event opened have values that are better sent as parameters, and are mostly made of such.</summary>
    public bool HasLargeValues(RowsItem item, TablePlan plan)
    {
        if (item.Event.DataBytes < LongStatement.WorthwhileBytes)
        {
            return false;
        }

        var (rows, any) = (0, false);
        while (Reader.Read())
        {
            rows++;
            var row = item.Kind == RowsKind.Delete ? Reader.Current.Before : Reader.Current.After;
            foreach (var column in plan.Columns)
            {
                any |= row[column.Ordinal].Bytes.Length >= LongStatement.WorthwhileBytes;
            }
        }

        // As logged, a large value would be encoded here, and read as text and decoded there: as a parameter of SQL it is copied.
        Reader.Restart();
        return any && item.Event.DataBytes / rows >= LongStatement.WorthwhileBytes;
    }
}
