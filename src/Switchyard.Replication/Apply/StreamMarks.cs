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

        // Every control table begins with the stream's id; nothing is asked of the other columns but their number.
        var shape = new TableShape([.. Enumerable.Range(0, rows.Table.ColumnCount).Select(i => new ColumnShape { Name = $"c{i}" })]);
        var id = Encoding.UTF8.GetBytes(streamId);
        foreach (var change in rows.DecodeRows(shape))
        {
            var row = change.After.IsPresent ? change.After : change.Before;
            if (row.Count > 0 && row[0].Bytes.Span.SequenceEqual(id))
            {
                return true;
            }
        }

        return false;
    }
}
