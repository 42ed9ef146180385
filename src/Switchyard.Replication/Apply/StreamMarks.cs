using System.Text;
using Switchyard.Binlog;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Apply;

/// <summary>
/// Recognises, in a server's log, the transactions a stream wrote there: each changes a row of our control tables that begins with the
/// stream's id.
/// </summary>
internal static class StreamMarks
{
    public static bool IsOf(RowsEvent rows, string streamId)
    {
        if (rows.Table.Schema != ControlTables.Schema)
        {
            return false;
        }

        var id = Encoding.UTF8.GetBytes(streamId);
        foreach (var change in Decode(rows))
        {
            var row = change.After.IsPresent ? change.After : change.Before;
            if (row.Count > 0 && row[0].Bytes.Span.SequenceEqual(id))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Rows of a control table. Nothing is asked of their columns but the number: the first is always the stream's id.</summary>
    public static IReadOnlyList<RowChange> Decode(RowsEvent rows) =>
        rows.DecodeRows(new TableShape([.. Enumerable.Range(0, rows.Table.ColumnCount).Select(i => new ColumnShape { Name = $"c{i}" })]));
}
