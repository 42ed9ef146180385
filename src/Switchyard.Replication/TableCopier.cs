using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;
using Switchyard.Replication.Throttling;

namespace Switchyard.Replication;

/// <summary>
/// Copies the rows of a stream's tables while the stream runs: in chunks, several at a time, consistent with it. What is done is kept on the
/// target with the rows themselves, so a copy that was ended in any way goes on where it was.
/// </summary>
/// <param name="stream">The stream, opened with <see cref="StreamDefinition.CopiesTables"/> and started.</param>
/// <param name="options">Sizes and numbers.</param>
public sealed class TableCopier(ReplicationStream stream, CopyOptions options)
{
    private const int MinChunkRows = 100;
    private const int LargeRowBytes = 2 * ChunkRows.LargeRowBytes;
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(15);

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _exact = new(1);
    private readonly SemaphoreSlim _large = new(1);

    // Large rows go over one pair of connections, since a connection keeps a buffer as large as what it has read.
    private readonly ChunkCopier _largeCopier = new(stream, options);
    private readonly HashSet<TableName> _visibleFromStart = [];
    private TableWork[] _works = [];
    private TaskCompletionSource _changed = NewSignal();

    /// <summary>Holds new chunks back for the operator or a server's load.</summary>
    public CopyThrottle Throttle { get; } = new(stream.Clock);

    /// <summary>How far each table is.</summary>
    public IReadOnlyList<TableCopyProgress> Progress
    {
        get
        {
            lock (_lock)
            {
                return
                [
                    .. stream.Tables.All.Where(t => t.Work is not null || t.Plan is null).Select(t => new TableCopyProgress(
                        t.Name, t.Work?.RowsCopied ?? 0, Math.Max(PhaseOf(t) == CopyPhase.Copied ? 0 : t.Plan?.Source.RowEstimate ?? 0, t.Work?.RowsCopied ?? 0), PhaseOf(t))),
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

        _works = [.. stream.Tables.All.Where(t => t.Work is not null || t.Plan is not null).Select(t => t.Work ?? throw new ReplicationException($"Table {t.Name} is not among the tables recorded for the copy of stream {stream.Definition.Id}; record the stream again."))];
        foreach (var work in _works)
        {
            // Several small rows may be counted as one large, so the estimate only makes the beginning smaller.
            work.ChunkRows = (int)Math.Clamp(options.ChunkBytes / Math.Max(1, work.AverageRowBytes), 1, options.FirstChunkRows);
            work.HasLargeRows = work.AverageRowBytes > LargeRowBytes;
        }

        await RetryAsync(VerifyAsync, cancellationToken).ConfigureAwait(false);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var monitor = new LoadMonitor(Throttle, stream.Definition.From, stream.Definition.To, stream.Clock, stream.Logger);
        await using var lease = monitor.ConfigureAwait(false);
        var watching = monitor.RunAsync(ended.Token);
        try
        {
            await CopyAllAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await _largeCopier.DisposeAsync().ConfigureAwait(false);
            await ended.CancelAsync().ConfigureAwait(false);
            await watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task CopyAllAsync(CancellationToken cancellationToken)
    {
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

        await Throttle.WaitAsync(cancellationToken).ConfigureAwait(false);
        await new IndexBuilder(stream, options.Threads).BuildAsync(
            [.. _works.Select(w => w.Table.Name)],
            (table, begun) => Change(() => _works.First(w => w.Table.Name == table).Phase = begun ? CopyPhase.Indexing : CopyPhase.Copied),
            cancellationToken).ConfigureAwait(false);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task VerifyAsync(CancellationToken cancellationToken)
    {
        var source = await SourceSession.OpenAsync(stream.Definition.From, cancellationToken).ConfigureAwait(false);
        await using (source.ConfigureAwait(false))
        {
            await stream.VerifySourceAsync(source, cancellationToken).ConfigureAwait(false);
            await XaGuard.WaitUntilKnownAsync(stream, source, cancellationToken).ConfigureAwait(false);
        }

        var target = await WriteSession.OpenAsync(stream.Definition.To, 5, cancellationToken).ConfigureAwait(false);
        await using var lease = target.ConfigureAwait(false);
        foreach (var work in _works.Where(w => w.Phase == CopyPhase.Pending))
        {
            bool holdsRows;
            try
            {
                holdsRows = (await target.QueryAsync($"SELECT 1 FROM {work.Table.Name.Quoted} LIMIT 1", cancellationToken).ConfigureAwait(false)).RowCount > 0;
            }
            catch (ServerErrorException e) when (ServerErrors.IsGone(e))
            {
                // Dropped on the source, and so here.
                continue;
            }

            if (holdsRows)
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
        await Throttle.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            while (await NextTableAsync(cancellationToken).ConfigureAwait(false) is { Work: var work, Finishes: var finishes })
            {
                if (finishes || await TakeTurnAsync(copier, work, cancellationToken).ConfigureAwait(false))
                {
                    await FinishAsync(work, cancellationToken).ConfigureAwait(false);
                }

                await Throttle.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch
        {
            await failed.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>One chunk of a table that was taken up, which is given back.</summary>
    /// <returns>Whether it was the last one, so that the table is the caller's to finish.</returns>
    private async Task<bool> TakeTurnAsync(ChunkCopier copier, TableWork work, CancellationToken cancellationToken)
    {
        try
        {
            await RetryAsync(token => CopyNextAsync(copier, work, token), cancellationToken, copier.DisconnectAsync).ConfigureAwait(false);
        }
        catch
        {
            Change(() => work.InFlight--);
            throw;
        }

        // At the same moment, or another worker takes the table up for nothing in between.
        var finishes = false;
        Change(() =>
        {
            work.InFlight--;
            finishes = work.IsFinishing = work.IsToBeFinished;
        });
        await FaultPoints.HitAsync("copy.turn.after", cancellationToken).ConfigureAwait(false);
        return finishes;
    }

    // Broken connections and lost locks cost time and nothing else.
    private async Task RetryAsync(Func<CancellationToken, Task> action, CancellationToken cancellationToken, Func<Task>? before = null)
    {
        var pause = s_firstPause;
        while (true)
        {
            try
            {
                await action(cancellationToken).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (ServerErrors.IsPassing(e))
            {
                stream.Logger.CopyReconnecting(pause.TotalMilliseconds, e is ServerErrorException s ? $"error {s.Code}" : e.Message);
                await (before?.Invoke() ?? Task.CompletedTask).ConfigureAwait(false);
                await Task.Delay(pause, stream.Clock, cancellationToken).ConfigureAwait(false);
                pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
            }
        }
    }

    /// <summary>One chunk. Where the source's definition is ahead of the stream's, it waits until the stream is there; the range is begun again.</summary>
    private async Task CopyNextAsync(ChunkCopier copier, TableWork work, CancellationToken cancellationToken)
    {
        var plan = work.Table.Plan;
        try
        {
            await CopyOneAsync(copier, work, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (ServerErrors.IsDefinitionChange(e))
        {
            // The statement that changed it is in the log before this end. A transaction left open would keep others from changing it again.
            await copier.DisconnectAsync().ConfigureAwait(false);
            var end = await stream.ReadSourceEndAsync(cancellationToken).ConfigureAwait(false);
            await stream.WaitForAppliedAsync(end, cancellationToken).ConfigureAwait(false);
            if (ReferenceEquals(work.Table.Plan, plan))
            {
                throw new ReplicationException($"Table {work.Table.Name} on the source is not as it was when its copy began (error {e.Code}: {e.ServerMessage}), and no change of its definition came through the stream (--on-ddl {stream.Definition.OnDdl.ToString().ToLowerInvariant()}). Undo the change on the source, or cancel the migration and copy again.", e);
            }

            stream.Logger.DefinitionChanged(work.Table.Name.ToString(), e.Code);
        }
    }

    private async Task CopyOneAsync(ChunkCopier copier, TableWork work, CancellationToken cancellationToken)
    {
        if (work.Table.Plan is not { } plan)
        {
            return;
        }

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
        var alone = work.HasLargeRows;
        try
        {
            if (alone)
            {
                await _large.WaitAsync(cancellationToken).ConfigureAwait(false);
                copier = _largeCopier;
            }
        }
        catch
        {
            work.Waiting.Enqueue(planned);
            throw;
        }

        try
        {
            result = exact
                ? await CopyExactlyAsync(copier, work, planned, whole, cancellationToken).ConfigureAwait(false)
                : await copier.CopyAsync(work, planned, work.TakeNumber(), _visibleFromStart.Contains(work.Table.Name), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (alone)
            {
                _large.Release();
            }

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
                work.HasLargeRows = result.LargestRowBytes > LargeRowBytes;
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
            // The stream stood still during the chunk before; it catches up before it is held again.
            await stream.WaitForAppliedAsync(await stream.ReadSourceEndAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
            return await copier.CopyExactlyAsync(work, planned, work.TakeNumber(), whole, cancellationToken).ConfigureAwait(false);
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
            work.ChunkRows = Math.Max(1, (int)Math.Min(result.Rows, options.MaxChunkRows));
        }
        else if (result.Rows >= work.ChunkRows / 2)
        {
            var wished = result.Rows * (options.ChunkTime / elapsed);
            var most = Math.Max(1, options.ChunkBytes / Math.Max(1, result.LargestRowBytes));
            work.ChunkRows = Math.Min(options.MaxChunkRows, Math.Max(Math.Min(MinChunkRows, most), (int)Math.Min((work.ChunkRows + wished) / 2, work.ChunkRows * 4.0)));
        }
    }

    /// <summary>
    /// The table whose next chunk is most worth beginning: the one with the most rows left for each chunk already in flight. One whose last range was done when an earlier
    /// copy ended is only finished.
    /// </summary>
    private async Task<Turn?> NextTableAsync(CancellationToken cancellationToken)
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

                var work = open.Where(w => (w.HasMore || w.IsToBeFinished) && IsReady(w)).MaxBy(w => w.RowsLeft / (1.0 + w.InFlight));
                if (work is { IsToBeFinished: true })
                {
                    work.IsFinishing = true;
                    return new Turn(work, Finishes: true);
                }

                if (work is not null)
                {
                    work.InFlight++;
                    return new Turn(work, Finishes: false);
                }

                changed = _changed.Task;
            }

            await changed.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>One that was dropped is nobody's to finish; made again by a statement that was followed, it has all its rows.</summary>
    private static CopyPhase PhaseOf(StreamTable table) =>
        table.Plan is null ? CopyPhase.Dropped : table is { Copy: null, Work.Phase: CopyPhase.Pending or CopyPhase.Copying } ? CopyPhase.Copied : table.Work!.Phase;

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

    /// <summary>Marks a table done that is the caller's to finish.</summary>
    private async Task FinishAsync(TableWork work, CancellationToken cancellationToken)
    {
        try
        {
            await RetryAsync(
                async token =>
                {
                    await FaultPoints.HitAsync("copy.finish.before", token).ConfigureAwait(false);
                    await stream.Boundaries.EnqueueAsync(inner => MarkDoneAsync(work, inner), token).ConfigureAwait(false);
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Change(() => work.IsFinishing = false);
            throw;
        }

        stream.Logger.TableCopied(work.Table.Name.ToString(), work.RowsCopied);
        Change(() => work.Phase = CopyPhase.Copied);
    }

    /// <summary>Between two transactions of the stream.</summary>
    private async Task MarkDoneAsync(TableWork work, CancellationToken cancellationToken)
    {
        if (work.Table.Copy is { } copy)
        {
            ChunkTransitions.SettleAll(copy);
            await stream.Applier.PersistAsync(cancellationToken).ConfigureAwait(false);
            await CopyStore.FinishTableAsync(stream.Target.Connection, stream.Definition.Id, work.Table.Name, cancellationToken).ConfigureAwait(false);
            work.Table.Copy = null;
        }
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

    /// <summary>What a worker does next.</summary>
    /// <param name="Work">The table.</param>
    /// <param name="Finishes">Mark it done rather than copy a chunk of it.</param>
    private readonly record struct Turn(TableWork Work, bool Finishes);
}
