using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Copy;

/// <summary>
/// Builds on the target the indexes that waited for the rows, several tables at once, while the stream runs. What is missing is found by
/// comparing both sides, so that a crash forgets none and a definition changed meanwhile is met as it is now.
/// </summary>
internal sealed class IndexBuilder(ReplicationStream stream, int threads)
{
    private const int MaxRounds = 10;
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(15);

    /// <summary>Builds until nothing is missing.</summary>
    /// <param name="tables">The tables, all rows copied.</param>
    /// <param name="building">Told when the indexes of a table are begun (true) and done (false).</param>
    /// <param name="cancellationToken">Stops between tables; what is begun is ended by the server.</param>
    /// <exception cref="ReplicationException">The target refuses an index.</exception>
    public async Task BuildAsync(IReadOnlyList<TableName> tables, Action<TableName, bool> building, CancellationToken cancellationToken)
    {
        var pause = s_firstPause;
        var rounds = 0;
        while (true)
        {
            try
            {
                var missing = await FindAsync(tables, cancellationToken).ConfigureAwait(false);
                if (missing.Count == 0)
                {
                    return;
                }

                if (++rounds > MaxRounds)
                {
                    throw new ReplicationException($"The secondary indexes of {missing[0].Table} are still missing on the target after {MaxRounds} attempts: its definition keeps changing. Start again when it has settled; the rows are kept.");
                }

                // The source is ahead: what it has added since its last change that the stream has met comes by the stream, which would find it there already.
                await FaultPoints.HitAsync("copy.index.found", cancellationToken).ConfigureAwait(false);
                await WaitForStreamAsync(cancellationToken).ConfigureAwait(false);
                var still = await FindAsync([.. missing.Select(m => m.Table)], cancellationToken).ConfigureAwait(false);
                var waiting = still.Where(s => missing.Any(m => m.Table == s.Table && m.Statement == s.Statement)).ToList();
                await FaultPoints.HitAsync("copy.index.before", cancellationToken).ConfigureAwait(false);
                if (waiting.Count > 0)
                {
                    await BuildAllAsync(waiting, building, cancellationToken).ConfigureAwait(false);
                }

                pause = s_firstPause;
                if (waiting.Count == still.Count)
                {
                    // What was missing is there; another look would read every definition again.
                    return;
                }
            }
            catch (ServerErrorException e) when (ServerErrors.IsDefinitionChange(e) || e.Code is 1061 or 1072)
            {
                // The definition changed on one side since it was read: compared again when the stream has brought it.
                await WaitForStreamAsync(cancellationToken).ConfigureAwait(false);
                if (rounds >= MaxRounds)
                {
                    throw;
                }
            }
            catch (Exception e) when (ServerErrors.IsPassing(e))
            {
                stream.Logger.CopyReconnecting(pause.TotalMilliseconds, e is ServerErrorException s ? $"error {s.Code}" : e.Message);
                await Task.Delay(pause, stream.Clock, cancellationToken).ConfigureAwait(false);
                pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
                rounds = 0;
            }
        }
    }

    private async Task WaitForStreamAsync(CancellationToken cancellationToken) =>
        await stream.WaitForAppliedAsync(await stream.ReadSourceEndAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);

    private async Task<IReadOnlyList<DeferredIndexes>> FindAsync(IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        var source = await BackendConnection.OpenAsync(stream.Definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var sourceLease = source.ConfigureAwait(false);
        var target = await BackendConnection.OpenAsync(stream.Definition.To with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var targetLease = target.ConfigureAwait(false);
        var copier = new SchemaCopier(source, target);
        var found = new List<DeferredIndexes>();
        foreach (var schema in tables.GroupBy(t => t.Schema))
        {
            found.AddRange(await copier.FindDeferredAsync(schema.Key, [.. schema.Select(t => t.Name)], cancellationToken).ConfigureAwait(false));
        }

        return found;
    }

    private async Task BuildAllAsync(IReadOnlyList<DeferredIndexes> missing, Action<TableName, bool> building, CancellationToken cancellationToken)
    {
        var waiting = new Queue<DeferredIndexes>(missing);
        var workers = Enumerable.Range(0, Math.Clamp(threads, 1, missing.Count)).Select(WorkAsync).ToArray();
        await Task.WhenAll(workers).ConfigureAwait(false);

        async Task WorkAsync(int number)
        {
            var target = await BackendConnection.OpenAsync(stream.Definition.To with { Schema = null }, cancellationToken).ConfigureAwait(false);
            await using var lease = target.ConfigureAwait(false);
            await new DdlTurn(stream.Definition.Id, number).TakeAsync(target, cancellationToken).ConfigureAwait(false);
            await TargetSession.PrepareAsync(target, cancellationToken).ConfigureAwait(false);
            while (Take() is { } next)
            {
                await BuildOneAsync(target, next, building, cancellationToken).ConfigureAwait(false);
            }
        }

        DeferredIndexes? Take()
        {
            lock (waiting)
            {
                return waiting.TryDequeue(out var next) ? next : null;
            }
        }
    }

    private async Task BuildOneAsync(BackendConnection target, DeferredIndexes indexes, Action<TableName, bool> building, CancellationToken cancellationToken)
    {
        building(indexes.Table, true);
        stream.Logger.BuildingIndexes(indexes.Table.ToString());
        try
        {
            await target.ExecuteAsync(indexes.Statement, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (!ServerErrors.IsDefinitionChange(e) && e.Code is not (1061 or 1072) && !ServerErrors.IsPassing(e))
        {
            throw new ReplicationException($"The secondary indexes of {indexes.Table} could not be built on the target: error {e.Code}: {e.ServerMessage}. Mend the cause and start again; the rows are kept.", e);
        }
        finally
        {
            building(indexes.Table, false);
        }
    }
}
