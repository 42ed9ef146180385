using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;

namespace Switchyard.Replication;

/// <summary>
/// Copies the rows of a stream's tables while the stream runs: in chunks, several at a time, consistent with it. What is done is kept on the
/// target with the rows themselves, so a copy that was ended in any way goes on where it was.
/// </summary>
/// <param name="stream">The stream, opened with <see cref="StreamDefinition.CopiesTables"/> and started.</param>
/// <param name="options">Sizes and numbers.</param>
/// <param name="afterRows">
/// Statements that build on the target what the schema copy left out; null to find them once the rows are there, by comparing with the source.
/// </param>
public sealed class TableCopier(ReplicationStream stream, CopyOptions options, IReadOnlyList<(TableName Table, string Statement)>? afterRows = null)
{
    private const int MinChunkRows = 100;
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(15);

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _exact = new(1);
    private readonly HashSet<TableName> _visibleFromStart = [];
    private TableWork[] _works = [];
    private TaskCompletionSource _changed = NewSignal();

    /// <summary>How far each table is.</summary>
    public IReadOnlyList<TableCopyProgress> Progress
    {
        get
        {
            lock (_lock)
            {
                return
                [
                    .. stream.Tables.All.Where(t => t.Work is not null).Select(t => new TableCopyProgress(
                        t.Name, t.Work!.RowsCopied, Math.Max(t.Work.Phase == CopyPhase.Copied ? 0 : t.Plan?.Source.RowEstimate ?? 0, t.Work.RowsCopied), t.Work.Phase)),
                ];
            }
        }
    }

    /// <summary>Copies everything that is not copied yet; returns when every table is complete, its indexes included.</summary>
    /// <exception cref="ReplicationException">It cannot go on; what is copied is kept.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (!stream.Definition.CopiesTables)
        {
            throw new InvalidOperationException("The stream was recorded without tables to copy.");
        }

        _works = [.. stream.Tables.All.Select(t => t.Work ?? throw new ReplicationException($"Table {t.Name} is not among the tables recorded for the copy of stream {stream.Definition.Id}; record the stream again."))];
        foreach (var work in _works)
        {
            work.ChunkRows = options.FirstChunkRows;
        }

        await VerifyAsync(cancellationToken).ConfigureAwait(false);
        using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var workers = Enumerable.Range(0, Math.Max(1, options.Threads)).Select(_ => WorkAsync(failed)).ToArray();
        var failures = new List<Exception>();
        foreach (var worker in workers)
        {
            try
            {
                await worker.ConfigureAwait(false);
            }
            catch (Exception e)
            {
                failures.Add(e);
            }
        }

        cancellationToken.ThrowIfCancellationRequested();
        if (failures.Find(e => e is not OperationCanceledException) is { } failure)
        {
            throw failure as ReplicationException ?? new ReplicationException($"The copy stopped: {failure.Message}", failure);
        }

        await BuildIndexesAsync(cancellationToken).ConfigureAwait(false);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task VerifyAsync(CancellationToken cancellationToken)
    {
        var source = await SourceSession.OpenAsync(stream.Definition.From, cancellationToken).ConfigureAwait(false);
        await using (source.ConfigureAwait(false))
        {
            QueryResult prepared;
            try
            {
                prepared = await source.QueryAsync("XA RECOVER", cancellationToken).ConfigureAwait(false);
            }
            catch (ServerErrorException e) when (e.Code is 1227 or 1401)
            {
                throw new ReplicationException("The source's account may not list prepared XA transactions, whose rows a copy would miss; grant it XA_RECOVER_ADMIN.", e);
            }

            if (prepared.RowCount > 0)
            {
                throw new ReplicationException($"The source has {prepared.RowCount} prepared XA transaction(s) (XA RECOVER lists them), whose rows would be missed; commit or roll them back first.");
            }
        }

        var target = await WriteSession.OpenAsync(stream.Definition.To, 5, cancellationToken).ConfigureAwait(false);
        await using var lease = target.ConfigureAwait(false);
        foreach (var work in _works.Where(w => w.Phase == CopyPhase.Pending))
        {
            var any = await target.QueryAsync($"SELECT 1 FROM {work.Table.Name.Quoted} LIMIT 1", cancellationToken).ConfigureAwait(false);
            if (any.RowCount > 0)
            {
                throw new ReplicationException($"Table {work.Table.Name} on the target is not empty before its copy has begun; empty or drop it there, or choose another target.");
            }
        }
    }

    private async Task WorkAsync(CancellationTokenSource failed)
    {
        var cancellationToken = failed.Token;
        var copier = new ChunkCopier(stream, options);
        await using var lease = copier.ConfigureAwait(false);
        var pause = s_firstPause;
        try
        {
            while (await NextTableAsync(cancellationToken).ConfigureAwait(false) is { } work)
            {
                try
                {
                    await CopyOneAsync(copier, work, cancellationToken).ConfigureAwait(false);
                    pause = s_firstPause;
                }
                catch (Exception e) when (e is BackendUnavailableException || (e is ServerErrorException server && (ServerErrors.IsTransient(server) || ServerErrors.IsTransactionConflict(server))))
                {
                    stream.Logger.CopyReconnecting(pause.TotalMilliseconds, e is ServerErrorException s ? $"error {s.Code}" : e.Message);
                    await copier.DisconnectAsync().ConfigureAwait(false);
                    await Task.Delay(pause, stream.Clock, cancellationToken).ConfigureAwait(false);
                    pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
                }
                finally
                {
                    Change(() => work.InFlight--);
                }

                await FinishIfDoneAsync(work, cancellationToken).ConfigureAwait(false);
            }
        }
        catch
        {
            await failed.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task CopyOneAsync(ChunkCopier copier, TableWork work, CancellationToken cancellationToken)
    {
        var plan = work.Table.Plan ?? throw new ReplicationException($"Table {work.Table.Name} was dropped on the source while it was being copied.");
        var exact = plan.Cascades.NeedsExactCopy;
        var whole = exact && plan.Cascades.IsOwnAncestor;
        PlannedRange? planned;
        await work.Planning.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            planned = await copier.PlanAsync(work, whole, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            work.Planning.Release();
        }

        if (planned is null)
        {
            return;
        }

        Change(() => work.Phase = CopyPhase.Copying);
        var started = stream.Clock.GetTimestamp();
        var result = new ChunkResult(0, null, IsSpoiled: true);
        try
        {
            result = exact
                ? await CopyExactlyAsync(copier, work, planned, whole, cancellationToken).ConfigureAwait(false)
                : await copier.CopyAsync(work, planned, work.TakeNumber(), _visibleFromStart.Contains(work.Table.Name), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (result.IsSpoiled)
            {
                stream.Logger.ChunkRepeats(planned.Number, work.Table.Name.ToString(), "given up");
                work.Waiting.Enqueue(planned with { MayHoldRows = true });
            }
        }

        var elapsed = stream.Clock.GetElapsedTime(started);
        Change(() =>
        {
            if (result.Rest is { } rest)
            {
                work.Waiting.Enqueue(rest);
            }

            if (!result.IsSpoiled)
            {
                // The first chunk of a table is read under its lock: whatever was in the log before is visible from then on.
                _visibleFromStart.Add(work.Table.Name);
                work.RowsCopied += result.Rows;
                Adapt(work, result, elapsed);
            }
        });
        stream.Logger.ChunkCopied(result.Rows, work.Table.Name.ToString(), planned.Number, elapsed.TotalMilliseconds);
    }

    private async Task<ChunkResult> CopyExactlyAsync(ChunkCopier copier, TableWork work, PlannedRange planned, bool whole, CancellationToken cancellationToken)
    {
        await _exact.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var result = await copier.CopyExactlyAsync(work, planned, work.TakeNumber(), whole, cancellationToken).ConfigureAwait(false);
            // The stream stood still meanwhile; it catches up before it is held again.
            await stream.WaitForAppliedAsync(await stream.ReadSourceEndAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
            return result;
        }
        finally
        {
            _exact.Release();
        }
    }

    // Half way towards the size that would have taken the wished time, so that one odd chunk does not decide.
    private void Adapt(TableWork work, ChunkResult result, TimeSpan elapsed)
    {
        if (result.Rest is not null)
        {
            work.ChunkRows = Math.Max(MinChunkRows, (int)Math.Min(result.Rows, options.MaxChunkRows));
        }
        else if (result.Rows >= work.ChunkRows / 2)
        {
            var wished = result.Rows * (options.ChunkTime / elapsed);
            work.ChunkRows = Math.Min(options.MaxChunkRows, Math.Max(MinChunkRows, (int)Math.Min((work.ChunkRows + wished) / 2, work.ChunkRows * 4.0)));
        }
    }

    /// <summary>The table whose next chunk is most worth beginning: the one with the most rows left for each chunk already in flight.</summary>
    private async Task<TableWork?> NextTableAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Task changed;
            lock (_lock)
            {
                var open = _works.Where(w => w.Table.Copy is not null && !IsFinished(w)).ToArray();
                if (open.Length == 0)
                {
                    return null;
                }

                var work = open.Where(w => w.HasMore && IsReady(w)).MaxBy(w => w.RowsLeft / (1.0 + w.InFlight));
                if (work is not null)
                {
                    work.InFlight++;
                    return work;
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static bool IsFinished(TableWork work) => work.Phase is CopyPhase.Copied;

    // Cascades reach into a table only once its parents are complete, so a child is not begun before. One exact chunk at a time.
    private bool IsReady(TableWork work)
    {
        if (work.Table.Plan is not { } plan || !plan.Cascades.NeedsExactCopy)
        {
            return true;
        }

        if (plan.Cascades.IsOwnAncestor && plan.Cascades.Ancestors.Any(a => a != plan.Name && stream.Tables.Find(a.Schema, a.Name)?.Plan?.Cascades.IsOwnAncestor == true))
        {
            throw new ReplicationException($"Tables {plan.Name} and {string.Join(", ", plan.Cascades.Ancestors.Where(a => a != plan.Name))} cascade into each other, which the source does not log; change one of the foreign keys to RESTRICT on the source for the time of the migration.");
        }

        return work.InFlight == 0 && plan.Cascades.Ancestors.All(a => a == plan.Name || stream.Tables.Find(a.Schema, a.Name) is { Copy: null });
    }

    private async Task FinishIfDoneAsync(TableWork work, CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (work.HasMore || work.InFlight > 0 || work.IsFinishing || IsFinished(work))
            {
                return;
            }

            work.IsFinishing = true;
        }

        await stream.Boundaries.EnqueueAsync(
            async token =>
            {
                if (work.Table.Copy is { } copy)
                {
                    ChunkTransitions.SettleAll(copy);
                    await stream.Applier.PersistAsync(token).ConfigureAwait(false);
                    await CopyStore.FinishTableAsync(stream.Target.Connection, stream.Definition.Id, work.Table.Name, token).ConfigureAwait(false);
                    work.Table.Copy = null;
                }
            },
            cancellationToken).ConfigureAwait(false);
        stream.Logger.TableCopied(work.Table.Name.ToString(), work.RowsCopied);
        Change(() => work.Phase = CopyPhase.Copied);
    }

    private async Task BuildIndexesAsync(CancellationToken cancellationToken)
    {
        var source = await BackendConnection.OpenAsync(stream.Definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var sourceLease = source.ConfigureAwait(false);
        var target = await BackendConnection.OpenAsync(stream.Definition.To with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var targetLease = target.ConfigureAwait(false);
        var copier = new SchemaCopier(source, target);
        await TargetSession.PrepareAsync(target, cancellationToken).ConfigureAwait(false);
        foreach (var (table, statement) in afterRows ?? await FindAsync(copier, cancellationToken).ConfigureAwait(false))
        {
            var work = _works.First(w => w.Table.Name == table);
            Change(() => work.Phase = CopyPhase.Indexing);
            stream.Logger.BuildingIndexes(table.ToString());
            try
            {
                await target.ExecuteAsync(statement, cancellationToken).ConfigureAwait(false);
            }
            catch (ServerErrorException e) when (e.Code == 1061)
            {
                // One ALTER builds all indexes of a table or none: it was done before a restart.
            }
            catch (ServerErrorException e)
            {
                throw new ReplicationException($"The secondary indexes of {table} could not be built on the target: error {e.Code}: {e.ServerMessage}. Mend the cause and start again; the rows are kept.", e);
            }

            Change(() => work.Phase = CopyPhase.Copied);
        }
    }

    private async Task<IReadOnlyList<(TableName Table, string Statement)>> FindAsync(SchemaCopier copier, CancellationToken cancellationToken)
    {
        var found = new List<(TableName, string)>();
        foreach (var schema in _works.GroupBy(w => w.Table.Name.Schema))
        {
            var missing = await copier.FindDeferredAsync(schema.Key, [.. schema.Select(w => w.Table.Name.Name)], cancellationToken).ConfigureAwait(false);
            found.AddRange(missing.Select(m => (m.Table, m.Statement)));
        }

        return found;
    }

    private void Change(Action change)
    {
        TaskCompletionSource changed;
        lock (_lock)
        {
            change();
            changed = _changed;
            _changed = NewSignal();
        }

        changed.TrySetResult();
    }
}
