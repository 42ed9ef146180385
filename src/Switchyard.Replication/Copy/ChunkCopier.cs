using Microsoft.Extensions.Logging;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Keys;
using Switchyard.Replication.Source;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Copy;

/// <summary>How a chunk ended.</summary>
/// <param name="Rows">Rows copied.</param>
/// <param name="Rest">What is left of it when it was cut.</param>
/// <param name="IsSpoiled">It has to be begun again, unless the table is not to be copied any more.</param>
internal readonly record struct ChunkResult(long Rows, PlannedRange? Rest, bool IsSpoiled)
{
    /// <summary>The largest row, in bytes of SQL.</summary>
    public int LargestRowBytes { get; init; }
}

/// <summary>
/// Copies one chunk at a time, consistent with the stream. The order of its steps is the argument of docs/internals/copy-and-stream.md:
/// track, then snapshot, then read, then note the log's end, then insert once the stream is there.
/// </summary>
internal sealed class ChunkCopier(ReplicationStream stream, CopyOptions options) : IAsyncDisposable
{
    // A table that cascades into itself can only be copied whole; more than this is too much to hold.
    private const long MaxWholeTableBytes = 256L * 1024 * 1024;
    private const int InsertLockWaitSeconds = 5;
    private const ulong MaxDeletedRows = 10_000;
    private static readonly TimeSpan s_settlePause = TimeSpan.FromMilliseconds(200);

    private readonly PayloadWriter _text = new(4096);
    private readonly SourceSnapshot _snapshot = new(stream);
    private BackendConnection? _source;
    private BackendConnection? _target;
    private ChunkInserter? _inserter;

    private string StreamId => stream.Definition.Id;

    /// <summary>The next range of the table: one that waits, else the next beyond what is planned.</summary>
    /// <returns>Null when nothing is left.</returns>
    public async Task<PlannedRange?> PlanAsync(TableWork work, bool whole, CancellationToken cancellationToken)
    {
        await ConnectAsync(cancellationToken).ConfigureAwait(false);
        if (work.Table.Plan is not { } plan)
        {
            return null;
        }

        if (work.Waiting.TryDequeue(out var waiting))
        {
            return waiting;
        }

        if (work.IsPlannedToEnd)
        {
            return null;
        }

        KeyBound? upper = null;
        if (!whole)
        {
            _text.Reset();
            _text.Sql(plan.BoundPrefix);
            KeyConditions.WriteRange(_text, plan.SourceKey, new KeyRange(work.Frontier, null));
            _text.Sql(plan.SelectSuffix).Sql(" LIMIT 1 OFFSET "u8).Number((ulong)Math.Max(work.ChunkRows - 1, 0));
            var bound = await _source!.QueryAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
            if (bound.RowCount > 0)
            {
                var cells = new Cell[bound.Columns.Count];
                for (var i = 0; i < cells.Length; i++)
                {
                    cells[i] = Cell.FromBytes(bound.GetBytes(0, i).ToArray());
                }

                upper = KeyBound.FromCells(plan.Codec, cells);
            }
        }

        var planned = new PlannedRange(work.TakeNumber(), new KeyRange(work.Frontier, upper), MayHoldRows: false);
        await FaultPoints.HitAsync("copy.plan.before", cancellationToken).ConfigureAwait(false);
        await CopyStore.PlanAsync(_target!, StreamId, stream.OwnerToken, work, planned, upper is null, cancellationToken).ConfigureAwait(false);
        work.Frontier = upper;
        work.IsPlannedToEnd = upper is null;
        return planned;
    }

    /// <summary>Copies a range of a table whose every change is in the source's log.</summary>
    public async Task<ChunkResult> CopyAsync(TableWork work, PlannedRange planned, ulong restNumber, bool trustGtids, CancellationToken cancellationToken)
    {
        await ConnectAsync(cancellationToken).ConfigureAwait(false);
        Chunk? chunk = null;
        try
        {
            await FaultPoints.HitAsync("copy.open.before", cancellationToken).ConfigureAwait(false);
            var isGone = false;
            while (chunk is null && !isGone)
            {
                await stream.Boundaries.EnqueueAsync(
                    async token =>
                    {
                        isGone = work.Table is not { Plan: not null, Copy: not null };
                        chunk = isGone ? null : await OpenChunkAsync(work, planned, token).ConfigureAwait(false);
                    },
                    cancellationToken, notBefore: work.Table.MadeAnewAt).ConfigureAwait(false);
            }

            if (chunk is null)
            {
                return new ChunkResult(0, null, IsSpoiled: true);
            }

            using var rows = new ChunkRows(chunk.Table);
            await FaultPoints.HitAsync("copy.snapshot.before", cancellationToken).ConfigureAwait(false);
            await XaGuard.WaitUntilVisibleAsync(stream, _source!, chunk.EndedXa, cancellationToken).ConfigureAwait(false);
            await _snapshot.OpenContainingAsync(_source!, chunk.Table.Name, chunk.TrackedFrom, chunk.TrackedGtid, trustGtids, cancellationToken).ConfigureAwait(false);
            var cut = await ReadAsync(rows, planned.Range, work, whole: false, cancellationToken).ConfigureAwait(false);
            await FaultPoints.HitAsync("copy.read.after", cancellationToken).ConfigureAwait(false);
            var end = await SourceLog.ReadEndAsync(_source!, cancellationToken).ConfigureAwait(false);
            await _source!.ExecuteAsync("ROLLBACK", cancellationToken).ConfigureAwait(false);
            await FaultPoints.HitAsync("copy.end.after", cancellationToken).ConfigureAwait(false);
            var range = cut ? new KeyRange(planned.Range.Lower, rows.LastKey) : planned.Range;
            var rest = cut ? new PlannedRange(restNumber, new KeyRange(rows.LastKey, planned.Range.Upper), MayHoldRows: true) : null;
            while (true)
            {
                await stream.Boundaries.EnqueueAsync(token => BeginInsertAsync(work, chunk, range, rest, token), cancellationToken, notBefore: end).ConfigureAwait(false);
                if (chunk.IsSpoiled)
                {
                    chunk = null;
                    return new ChunkResult(0, null, IsSpoiled: true);
                }

                var outcome = await InsertAsync(new ChunkInsert(planned.Number, range, rows, chunk.Touched, rest), chunk).ConfigureAwait(false);
                if (outcome == InsertOutcome.Inserted)
                {
                    chunk = null;
                    return new ChunkResult(rows.Count, rest, IsSpoiled: false) { LargestRowBytes = rows.LargestRowBytes };
                }
            }
        }
        finally
        {
            if (chunk is not null)
            {
                await GiveUpAsync(work, chunk).ConfigureAwait(false);
            }
        }
    }

    /// <summary>
    /// Copies a range of a table whose rows also change behind the log, by cascades: the stream stands at exactly the snapshot's position while the
    /// rows are inserted, and from then on cascades happen on the target too.
    /// </summary>
    public async Task<ChunkResult> CopyExactlyAsync(TableWork work, PlannedRange planned, ulong restNumber, bool whole, CancellationToken cancellationToken)
    {
        await ConnectAsync(cancellationToken).ConfigureAwait(false);
        if (work.Table.Plan is not { } plan)
        {
            return new ChunkResult(0, null, IsSpoiled: true);
        }

        using var rows = new ChunkRows(plan);
        PlannedRange? rest = null;
        var result = default(ChunkResult);
        var ends = 0L;
        var reading = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task? inserting = null;
        await FaultPoints.HitAsync("copy.snapshot.before", cancellationToken).ConfigureAwait(false);
        try
        {
            await stream.Boundaries.EnqueueAsync(async token =>
            {
                // The applier stands still here, so whatever position the snapshot has is still ahead of it.
                await XaGuard.WaitUntilVisibleAsync(stream, _source!, stream.Xa.Ended, token).ConfigureAwait(false);
                ends = stream.Xa.CascadingEnds;
                var position = await _snapshot.OpenExactAsync(_source!, [plan.Name, .. plan.Cascades.Ancestors.Where(a => a != plan.Name)], stream.Applier.LastTransactionEnd, token).ConfigureAwait(false);
                inserting = stream.Boundaries.EnqueueAsync(InsertExactlyAsync, CancellationToken.None, exactly: position);
            }, cancellationToken, notBefore: work.Table.MadeAnewAt).ConfigureAwait(false);
            var cut = await ReadAsync(rows, planned.Range, work, whole, cancellationToken).ConfigureAwait(false);
            await FaultPoints.HitAsync("copy.read.after", cancellationToken).ConfigureAwait(false);
            await _source!.ExecuteAsync("ROLLBACK", cancellationToken).ConfigureAwait(false);
            if (cut)
            {
                rest = new PlannedRange(restNumber, new KeyRange(rows.LastKey, planned.Range.Upper), MayHoldRows: true);
            }

            reading.TrySetResult();
            await inserting!.ConfigureAwait(false);
            return result;
        }
        catch (Exception e)
        {
            reading.TrySetException(e);
            if (inserting is not null)
            {
                await inserting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            throw;
        }

        async Task InsertExactlyAsync(CancellationToken token)
        {
            await reading.Task.WaitAsync(token).ConfigureAwait(false);
            if (!ReferenceEquals(work.Table.Plan, plan) || (_source is { Server.IsMariaDb: true } && ends != stream.Xa.CascadingEnds))
            {
                result = new ChunkResult(0, null, IsSpoiled: true);
                return;
            }

            await stream.Applier.PersistAsync(token).ConfigureAwait(false);
            var range = rest is null ? planned.Range : new KeyRange(planned.Range.Lower, rows.LastKey);
            var insert = new ChunkInsert(planned.Number, range, rows, new HashSet<byte[]>(KeyBytesComparer.Instance), rest);
            while (await InsertOnceAsync(insert, token).ConfigureAwait(false) != InsertOutcome.Inserted)
            {
            }

            var copy = work.Table.Copy!;
            copy.HasBegun = true;
            if (copy.JudgesRanges)
            {
                copy.Copied.Add(range);
            }

            result = new ChunkResult(rows.Count, rest, IsSpoiled: false) { LargestRowBytes = rows.LargestRowBytes };
        }
    }

    /// <summary>After a broken connection: the next chunk begins with new ones.</summary>
    public async Task DisconnectAsync()
    {
        await _snapshot.DisposeAsync().ConfigureAwait(false);
        if (_source is { } source)
        {
            _source = null;
            await source.DisposeAsync().ConfigureAwait(false);
        }

        await DisconnectTargetAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await DisconnectAsync().ConfigureAwait(false);
        _text.Dispose();
    }

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        if (_source is not { IsUsable: true })
        {
            await DisconnectAsync().ConfigureAwait(false);
            _source = await SourceSession.OpenAsync(stream.Definition.From, cancellationToken).ConfigureAwait(false);
            await stream.VerifySourceAsync(_source, cancellationToken).ConfigureAwait(false);
        }

        if (_target is not { IsUsable: true })
        {
            await DisconnectTargetAsync().ConfigureAwait(false);
            _target = await WriteSession.OpenAsync(stream.Definition.To, InsertLockWaitSeconds, cancellationToken).ConfigureAwait(false);
            var maxBytes = await WriteSession.ReadMaxStatementBytesAsync(_target, cancellationToken).ConfigureAwait(false);
            _inserter = new ChunkInserter(StreamId, stream.OwnerToken, maxBytes, options.StatementBytes);
        }
    }

    private async Task DisconnectTargetAsync()
    {
        _inserter?.Dispose();
        _inserter = null;
        if (_target is { } target)
        {
            _target = null;
            await target.DisposeAsync().ConfigureAwait(false);
        }
    }

    // By the applier, between transactions: from the next one on, the range's changes are applied and remembered. Null while more of the range is to be deleted.
    private async Task<Chunk?> OpenChunkAsync(TableWork work, PlannedRange planned, CancellationToken cancellationToken)
    {
        var (plan, copy) = (work.Table.Plan!, work.Table.Copy!);
        ChunkTransitions.SettleAll(copy);
        if (planned.MayHoldRows && copy.JudgesRanges && !await DeleteRangeAsync(plan, planned, cancellationToken).ConfigureAwait(false))
        {
            return null;
        }

        var chunk = new Chunk(plan, planned.Range, planned.Number, options.MaxTouchedKeys)
        {
            TrackedFrom = stream.Applier.LastTransactionEnd,
            TrackedGtid = stream.Applier.HasAllGtids ? stream.Applier.LastTransactionGtid : "",
            EndedXa = stream.Xa.Ended,
        };
        copy.Open(chunk);
        return chunk;
    }

    // What changes have brought of a range that was begun before is true, and would be met by the rows that are read. False when there may be more: the stream
    // goes on between two steps.
    private async Task<bool> DeleteRangeAsync(TablePlan plan, PlannedRange planned, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter();
        sql.Sql("BEGIN;"u8);
        CopyStore.WriteMark(sql, StreamId, stream.OwnerToken, plan.Name, planned.Number);
        sql.Sql(";"u8).Sql(plan.DeletePrefix);
        KeyConditions.WriteRange(sql, plan.TargetKey, planned.Range);
        sql.Sql(" LIMIT "u8).Number(MaxDeletedRows);
        var target = stream.Target.Connection;
        try
        {
            var results = await target.ExecuteMultiAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
            if (results[1].AffectedRows != 1)
            {
                throw new ReplicationException($"Range {planned.Number} of {plan.Name} is being copied by another process; this one has stopped.");
            }

            await target.ExecuteAsync("COMMIT", cancellationToken).ConfigureAwait(false);
            return results[2].AffectedRows < MaxDeletedRows;
        }
        catch (Exception e) when (e is ServerErrorException or ReplicationException)
        {
            await target.ExecuteAsync("ROLLBACK", cancellationToken).ConfigureAwait(false);
            throw;
        }
    }

    private async Task<bool> ReadAsync(ChunkRows rows, KeyRange range, TableWork work, bool whole, CancellationToken cancellationToken)
    {
        var plan = rows.Table;
        // What is left of a result beyond the limits has to be read all the same, so no more is asked for than the range was planned for, and as much again of rows that are not large.
        var maxRows = whole ? int.MaxValue : Math.Min(options.MaxChunkRows, work.ChunkRows) * (work.HasLargeRows ? 1 : 2);
        _text.Reset();
        _text.Sql(plan.SelectPrefix);
        KeyConditions.WriteRange(_text, plan.SourceKey, range);
        _text.Sql(plan.SelectSuffix);
        if (!whole)
        {
            _text.Sql(" LIMIT "u8).Number((ulong)maxRows + 1);
        }

        var reader = await _source!.StreamAsync(_text.WrittenMemory, cancellationToken).ConfigureAwait(false);
        await using var lease = reader.ConfigureAwait(false);
        var cut = await rows.ReadAsync(reader, maxRows, whole ? MaxWholeTableBytes : options.ChunkBytes, keepKeys: !plan.Codec.IsOrdered, cancellationToken).ConfigureAwait(false);
        return cut && whole
            ? throw new ReplicationException($"Table {plan.Name} changes itself through a cascading foreign key, which the source does not log, and is too large to be copied in one piece. Change the foreign key to RESTRICT on the source for the time of the migration.")
            : cut;
    }

    // By the applier, with everything up to the log's end after the read committed: the touched keys are final.
    private async Task BeginInsertAsync(TableWork work, Chunk chunk, KeyRange range, PlannedRange? rest, CancellationToken cancellationToken)
    {
        if (work.Table.Copy is not { } copy)
        {
            // Dropped, by which the chunk was spoiled.
            return;
        }

        ChunkTransitions.SettleAll(copy);
        if (chunk.IsSpoiled)
        {
            copy.Close(chunk, copied: false);
            return;
        }

        // A restart must not meet events from before the rows.
        await stream.Applier.PersistAsync(cancellationToken).ConfigureAwait(false);
        chunk.Range = range;
        chunk.Rest = rest;
        chunk.BeginInsert();
    }

    private async Task<InsertOutcome> InsertAsync(ChunkInsert insert, Chunk chunk)
    {
        try
        {
            // An insert once begun is ended even if the copy is cancelled: the applier waits for its outcome.
            var outcome = await InsertOnceAsync(insert, stream.Aborted).ConfigureAwait(false);
            chunk.EndInsert(outcome);
            return outcome;
        }
        catch (Exception e)
        {
            // Not known, or refused: the applier must not go on as if it were.
            chunk.FailInsert(e is ReplicationException ? e : new ReplicationException($"The copy of {chunk.Table.Name} ended while rows were being inserted: {e.Message} Start it again.", e));
            throw;
        }
    }

    // A lost answer is settled by reading the range's row, for as long as it takes.
    private async Task<InsertOutcome> InsertOnceAsync(ChunkInsert insert, CancellationToken cancellationToken)
    {
        var unsure = false;
        while (true)
        {
            try
            {
                await ConnectAsync(cancellationToken).ConfigureAwait(false);
                if (unsure && await CopyStore.IsDoneAsync(_target!, StreamId, insert.Rows.Table.Name, insert.Number, cancellationToken).ConfigureAwait(false))
                {
                    return InsertOutcome.Inserted;
                }

                return await _inserter!.InsertAsync(_target!, insert, cancellationToken).ConfigureAwait(false) ? InsertOutcome.Inserted : InsertOutcome.Returned;
            }
            catch (Exception e) when (ServerErrors.IsPassing(e))
            {
                unsure = true;
                stream.Logger.CopyReconnecting(s_settlePause.TotalMilliseconds, e is ServerErrorException s ? $"error {s.Code}" : e.Message);
                await DisconnectTargetAsync().ConfigureAwait(false);
                await Task.Delay(s_settlePause, stream.Clock, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    // Tracking ends at once; changes to the range are still applied, and what they brought is deleted when it is begun again.
    private async Task GiveUpAsync(TableWork work, Chunk chunk)
    {
        if (chunk.State != ChunkState.Tracking)
        {
            return;
        }

        await stream.Boundaries.EnqueueAsync(_ =>
        {
            if (chunk.State == ChunkState.Tracking)
            {
                work.Table.Copy?.Close(chunk, copied: false);
            }

            return Task.CompletedTask;
        }, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
