using Switchyard.Binlog;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Apply;

/// <summary>A transaction's rows, and what becomes of one too large to be kept.</summary>
internal sealed partial class Applier
{
    private async Task ApplyRowsAsync(RowsItem item, CancellationToken cancellationToken)
    {
        var plan = item.Table.Plan ?? throw new ReplicationException($"Rows of {item.Table.Name} at {item.Position} came after the table was dropped.");
        if (item.Logged is { } logged && item.Table.Copy is null && mode.IsOn && logged.SentBytes <= LargestLoggedBytes && !HasLargeValues(item, plan))
        {
            if (!_current.IsEmpty && _current.Bytes + (long)logged.SentBytes > SpillBytes)
            {
                await SpillAsync(cancellationToken).ConfigureAwait(false);
            }

            if (_rows.TryApplyLogged(_current, item, plan, logged))
            {
                EventsAsLogged++;
                return;
            }
        }

        foreach (var change in item.Rows)
        {
            if (item.Table.Copy is { } copy)
            {
                while ((copy.Blocking(change.Before) ?? copy.Blocking(change.After)) is { } chunk)
                {
                    await WaitForInsertAsync(copy, chunk, cancellationToken).ConfigureAwait(false);
                }
            }

            if (!_current.IsEmpty && item.Bytes > LargeRowsBytes && _current.Bytes + (2L * SizeOf(change)) > target.MaxStatementBytes - LargeRowsBytes)
            {
                await SpillAsync(cancellationToken).ConfigureAwait(false);
            }

            _rows.Apply(_current, item, plan, change);
            if (_current.Bytes > SpillBytes)
            {
                await SpillAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }

    // As logged, a large value would be encoded here, and read as text and decoded there: as a parameter of SQL it is copied.
    private static bool HasLargeValues(RowsItem item, TablePlan plan)
    {
        if (item.Bytes / item.Rows.Count < LongStatement.WorthwhileBytes)
        {
            return false;
        }

        foreach (var change in item.Rows)
        {
            var row = item.Kind == RowsKind.Delete ? change.Before : change.After;
            foreach (var column in plan.Columns)
            {
                if (row[column.Ordinal].Bytes.Length >= LongStatement.WorthwhileBytes)
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static long SizeOf(RowChange change)
    {
        var bytes = 0L;
        foreach (var cell in change.Before.Cells)
        {
            bytes += cell.Bytes.Length;
        }

        foreach (var cell in change.After.Cells)
        {
            bytes += cell.Bytes.Length;
        }

        return bytes;
    }

    // Half of what the server takes leaves room for the next row, whatever its size so far.
    private long SpillBytes => Math.Min(definition.LargeTransactionBytes, target.MaxStatementBytes / 2);

    // An event is one piece of a statement, and is held a second time while it is sent.
    private long LargestLoggedBytes => Math.Min(8 * 1024 * 1024, target.MaxStatementBytes / 2);

    private async Task SpillAsync(CancellationToken cancellationToken)
    {
        await FlushAsync().ConfigureAwait(false);
        await target.SpillAsync(_current, cancellationToken).ConfigureAwait(false);
        _spilledTouches.AddRange(_current.Touched);
        _current.Clear();
        _rows.Reset();
    }

    private async Task DropCurrentAsync(CancellationToken cancellationToken)
    {
        if (target.HasOpenTransaction)
        {
            await target.RollbackAsync(cancellationToken).ConfigureAwait(false);
        }

        _spilledTouches.Clear();
        _current.Clear();
        _rows.Reset();
    }

    private async Task WaitForInsertAsync(TableCopyState copy, Chunk chunk, CancellationToken cancellationToken)
    {
        await FlushAsync().ConfigureAwait(false);
        var outcome = await chunk.Outcome.WaitAsync(cancellationToken).ConfigureAwait(false);
        ChunkTransitions.Settle(copy, chunk, outcome);
    }

    private async Task CommitLargeAsync(BinlogPosition end, CancellationToken cancellationToken)
    {
        // Kept apart, in case the answer to the COMMIT is lost.
        var unsure = new ApplyGroup { End = end };
        unsure.Touched.AddRange(_spilledTouches);
        unsure.Count(1);
        _unsure = unsure;
        await target.CommitLargeAsync(_current, end, gtids.Text, cancellationToken).ConfigureAwait(false);
        _unsure = null;
        Committed(unsure.Touched, 1, end);
        unsure.Dispose();
        _spilledTouches.Clear();
        _current.Clear();
        _rows.Reset();
    }
}
