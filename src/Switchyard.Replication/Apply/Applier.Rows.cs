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
        if (item.Table.IsMadeAnewAfter(_reached))
        {
            return;
        }

        var plan = _events.Open(item);
        if (!await TryApplyLoggedAsync(item, plan, cancellationToken).ConfigureAwait(false))
        {
            await ApplyRowsAsync(item, plan, cancellationToken).ConfigureAwait(false);
        }

        _events.Reader.Close();
    }

    private async ValueTask<bool> TryApplyLoggedAsync(RowsItem item, TablePlan plan, CancellationToken cancellationToken)
    {
        var sentBytes = LoggedTable.SentBytesOf(item.Event);
        if (item.Table.Copy is not null || !mode.IsOn || sentBytes > LargestLoggedBytes || _events.FindLogged(item, plan) is not { } logged || _events.HasLargeValues(item, plan))
        {
            return false;
        }

        if (!_current.IsEmpty && _current.Bytes + sentBytes > SpillBytes)
        {
            await SpillAsync(cancellationToken).ConfigureAwait(false);
        }

        if (!_rows.TryApplyLogged(_current, item, plan, logged, _events.Reader))
        {
            _events.Reader.Restart();
            return false;
        }

        EventsAsLogged++;
        return true;
    }

    private async Task ApplyRowsAsync(RowsItem item, TablePlan plan, CancellationToken cancellationToken)
    {
        while (_events.Reader.Read())
        {
            var change = _events.Reader.Current;
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
        if (_spilledTouches.Count > MaxSpilledTouches)
        {
            foreach (var (chunk, _) in _spilledTouches)
            {
                chunk.IsSpoiled = true;
            }

            _spilledTouches.Clear();
        }

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
