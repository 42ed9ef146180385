using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Keys;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Copy;

/// <summary>What is inserted: the rows, without those whose keys the stream has touched, and the range they fill.</summary>
/// <param name="Number">The range's number.</param>
/// <param name="Range">The range that is complete with these rows.</param>
/// <param name="Rows">The rows read.</param>
/// <param name="Skip">Keys the stream has brought since.</param>
/// <param name="Rest">What is left of a chunk that was cut.</param>
internal sealed record ChunkInsert(ulong Number, KeyRange Range, ChunkRows Rows, HashSet<byte[]> Skip, PlannedRange? Rest);

/// <summary>Writes a chunk and its progress row in one target transaction, on the copier's own connection.</summary>
internal sealed class ChunkInserter(string streamId, string ownerToken, long maxStatementBytes, int statementBytes) : IDisposable
{
    private const int MaxAttempts = 20;

    // A log's event is read by the server into at most 1 GB before it is sent. Sources: MySQL rpl_binlog_sender.cc, MariaDB sql_repl.cc, both MAX_MAX_ALLOWED_PACKET; what is not the row in it is small.
    private const long MaxRowBytes = (1L << 30) - (64 * 1024);
    private readonly PayloadWriter _text = new(1024 * 1024);

    /// <summary>Inserts and commits.</summary>
    /// <returns>False when the target's locks did not let it through: nothing was written.</returns>
    /// <exception cref="ReplicationException">The rows cannot be stored, or the range is not ours any more.</exception>
    public async Task<bool> InsertAsync(BackendConnection target, ChunkInsert chunk, CancellationToken cancellationToken)
    {
        var replace = false;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await RunAsync(target, chunk, replace, cancellationToken).ConfigureAwait(false);
                return true;
            }
            catch (ServerErrorException e) when (ServerErrors.IsTransactionConflict(e))
            {
                await RollbackAsync(target, cancellationToken).ConfigureAwait(false);
                if (e.Code == ServerErrors.LockWaitTimeout || attempt >= MaxAttempts)
                {
                    return false;
                }
            }
            catch (ServerErrorException e) when (ServerErrors.IsDuplicateKey(e) && !replace && !chunk.Rows.Table.Codec.IsOrdered)
            {
                // Where ranges are not judged, changes before the chunk's beginning may have brought rows of it.
                await RollbackAsync(target, cancellationToken).ConfigureAwait(false);
                replace = true;
            }
            catch (ServerErrorException e) when (!ServerErrors.IsTransient(e))
            {
                await RollbackAsync(target, cancellationToken).ConfigureAwait(false);
                var why = e.IsOutOfSpace ? $"{e.ServerMessage}; free space there and start again: the copy goes on where it was" : RefusalText.Explain(e);
                throw new ReplicationException($"Rows of {chunk.Rows.Table.Name} were refused by the target with error {e.Code} ({why}).", e);
            }
        }
    }

    public void Dispose() => _text.Dispose();

    private static Task RollbackAsync(BackendConnection target, CancellationToken cancellationToken) =>
        target.ExecuteMultiAsync($"ROLLBACK;SET sql_mode='{WriteSession.SqlMode}'", cancellationToken);

    private async Task RunAsync(BackendConnection target, ChunkInsert chunk, bool replace, CancellationToken cancellationToken)
    {
        var table = chunk.Rows.Table;
        var lenient = new List<int>();
        var inserted = 0L;
        _text.Reset();
        _text.Sql("BEGIN;"u8);
        CopyStore.WriteDone(_text, streamId, ownerToken, table.Name, chunk.Number, chunk.Range, chunk.Rows.Count);
        var marked = await target.ExecuteMultiAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
        if (marked[1].AffectedRows != 1)
        {
            await RollbackAsync(target, cancellationToken).ConfigureAwait(false);
            throw new ReplicationException($"Range {chunk.Number} of {table.Name} is being copied by another process; this one has stopped.");
        }

        await FaultPoints.HitAsync("copy.insert.before", cancellationToken).ConfigureAwait(false);
        if (replace)
        {
            await DeleteByKeyAsync(target, chunk, cancellationToken).ConfigureAwait(false);
        }

        _text.Reset();
        var skip = chunk.Skip.GetAlternateLookup<ReadOnlySpan<byte>>();
        for (var i = 0; i < chunk.Rows.Count; i++)
        {
            if (chunk.Skip.Count > 0 && skip.Contains(chunk.Rows.Key(i)))
            {
                continue;
            }

            if (chunk.Rows.IsLenient(i))
            {
                lenient.Add(i);
                continue;
            }

            if (chunk.Rows.Statement(i) is { } statement)
            {
                if (_text.Length > 0)
                {
                    await target.ExecuteAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
                    _text.Reset();
                }

                await InsertLargeAsync(target, chunk.Rows, i, statement, cancellationToken).ConfigureAwait(false);
                inserted++;
                continue;
            }

            var row = chunk.Rows.RowText(i);
            if (_text.Length > 0 && _text.Length + row.Length + 1 > Limit)
            {
                await target.ExecuteAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
                _text.Reset();
            }

            if (_text.Length == 0)
            {
                _text.Sql(table.InsertPrefix);
            }
            else
            {
                _text.WriteByte((byte)',');
            }

            _text.WriteBytes(chunk.Rows.RowText(i));
            inserted++;
            RefuseTooLong(table, _text.Length);
        }

        if (_text.Length > 0)
        {
            await target.ExecuteAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
        }

        await InsertLenientAsync(target, chunk, lenient, cancellationToken).ConfigureAwait(false);
        if (chunk.Rest is { } rest)
        {
            _text.Reset();
            CopyStore.WriteInsert(_text, streamId, ownerToken, table.Name, rest);
            await target.ExecuteAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
        }

        await target.ExecuteAsync("COMMIT", cancellationToken).ConfigureAwait(false);
        await FaultPoints.HitAsync("copy.insert.after", cancellationToken).ConfigureAwait(false);
    }

    private async Task InsertLargeAsync(BackendConnection target, ChunkRows rows, int row, List<QueryPiece> statement, CancellationToken cancellationToken)
    {
        var bytes = statement.Sum(p => p.SentBytes);
        if (statement.Sum(p => (long)p.Bytes.Length) > MaxRowBytes)
        {
            throw new ReplicationException($"A row of {rows.Table.Name} has more than 1 GB. The target would log it as one event that no server sends to anyone, so neither its replicas nor the way back could follow; leave the table out of the migration.");
        }

        if (bytes < maxStatementBytes)
        {
            await target.ExecuteMultiAsync(statement, cancellationToken).ConfigureAwait(false);
        }
        else if (await rows.TryExecuteLongAsync(target, row, maxStatementBytes, cancellationToken).ConfigureAwait(false) is null)
        {
            RefuseTooLong(rows.Table, bytes);
        }
    }

    private void RefuseTooLong(TablePlan table, long bytes)
    {
        if (bytes >= maxStatementBytes)
        {
            throw new ReplicationException($"A row of {table.Name} needs {bytes} bytes of SQL, more than the target's max_allowed_packet of {maxStatementBytes}; raise max_allowed_packet on the target and start again.");
        }
    }

    private long Limit => Math.Min(statementBytes, maxStatementBytes - 1024);

    private async Task DeleteByKeyAsync(BackendConnection target, ChunkInsert chunk, CancellationToken cancellationToken)
    {
        var table = chunk.Rows.Table;
        _text.Reset();
        for (var i = 0; i < chunk.Rows.Count; i++)
        {
            if (chunk.Skip.Count > 0 && chunk.Skip.GetAlternateLookup<ReadOnlySpan<byte>>().Contains(chunk.Rows.Key(i)))
            {
                continue;
            }

            _text.Sql(_text.Length == 0 ? ""u8 : ";"u8).Sql(table.DeletePrefix);
            KeyConditions.WriteEquals(_text, table.TargetKey, chunk.Rows.KeyCells(i));
            if (_text.Length > Limit / 2)
            {
                await target.ExecuteMultiAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
                _text.Reset();
            }
        }

        if (_text.Length > 0)
        {
            await target.ExecuteMultiAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task InsertLenientAsync(BackendConnection target, ChunkInsert chunk, List<int> rows, CancellationToken cancellationToken)
    {
        foreach (var row in rows)
        {
            _text.Reset();
            _text.Sql($"SET sql_mode='{WriteSession.LenientSqlMode}';").Sql(chunk.Rows.Table.InsertPrefix).Sql(chunk.Rows.RowText(row))
                .Sql($";SET sql_mode='{WriteSession.SqlMode}'");
            await target.ExecuteMultiAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
        }
    }
}
