using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication;

namespace Switchyard.Migration;

/// <summary>The copy of a migration at work: its steps, its speed, what holds it back.</summary>
internal sealed partial class MigrationRuntime
{
    /// <summary>The copy's tables and speed.</summary>
    public (IReadOnlyList<TableStatus> Tables, CopyStatus? Copy) CopyStatus()
    {
        var now = Record;
        var running = _copy is not null;
        var tables = _copy?.Progress is { Count: > 0 } live ? live
            : now.Copied.Count > 0 ? now.Copied
            : [.. now.Tables.Select(t => new TableStatus(now.Schemas.NameOf(t), 0, 0, "waiting"))];
        if (now.CopyStartedAt is not { } began)
        {
            return (tables, null);
        }

        return (tables, _meter.Measure(tables, running, (now.CopyDoneAt ?? environment.Time.GetUtcNow()) - began));
    }

    /// <summary>What holds the copy back.</summary>
    public ThrottleStatus ThrottleStatus()
    {
        var settings = Record.Throttle;
        var (reason, held) = _copy?.Throttled ?? (settings.Paused && !Record.CopyDone ? "paused by the operator" : null, TimeSpan.Zero);
        return new ThrottleStatus(reason is null ? "none" : settings.Paused ? "paused" : "throttled", reason, Math.Round(held.TotalSeconds, 3), settings);
    }

    /// <summary>Records other limits; a running copy takes them up at once.</summary>
    public async Task ThrottleAsync(ThrottleSettings settings, CancellationToken cancellationToken)
    {
        var replicas = await ReplicasAsync(settings, cancellationToken);
        await UpdateAsync(r => r with { Throttle = settings }, cancellationToken);
        _copy?.Throttle(settings, replicas);
    }

    private async Task<IReadOnlyDictionary<string, ConnectionOptions>> ReplicasAsync(ThrottleSettings settings, CancellationToken cancellationToken)
    {
        var replicas = new Dictionary<string, ConnectionOptions>(StringComparer.Ordinal);
        foreach (var name in settings.Replicas)
        {
            replicas[name] = await environment.BackendAsync(name, cancellationToken);
        }

        return replicas;
    }

    private async Task<MigrationRecord> CopyAsync(CancellationToken cancellationToken)
    {
        var direction = Direction.Forward;
        var spec = await SpecAsync(direction, cancellationToken);
        var steps = new ServerSteps(environment, Record.Settings);
        var bound = spec with { From = steps.Bound(spec.From), To = steps.Bound(spec.To) };
        if (!Record.StreamRecorded)
        {
            // Before the definitions are read, so that the log has every change of one that is made while its table is.
            await steps.AskAtLengthAsync(ServerSteps.Both, "do its part in recording where the stream begins", () => environment.Engine.RecordAsync(bound, at: null, cancellationToken));
            await UpdateAsync(r => r with { StreamRecorded = true }, cancellationToken);
        }

        if (!Record.SchemaCopied)
        {
            var began = environment.Time.GetUtcNow();
            await steps.RunAsync(Side.Source, "show its views", (side, token) => new ViewMemory(environment, Record).KeepAsync(Side.Source, side, token), cancellationToken);
            var findings = await steps.AskAtLengthAsync(ServerSteps.Both, "do its part in creating the tables", () => environment.Engine.CopySchemaAsync(bound, cancellationToken));
            await FaultPoints.HitAsync("copy.schema.after", cancellationToken);
            await MakeChangedAnewAsync(bound, steps, cancellationToken);
            await UpdateAsync(r => r with { SchemaCopied = true, SchemaCopiedAt = began, SchemaFindings = findings, CopyStartedAt = r.CopyStartedAt ?? environment.Time.GetUtcNow() }, cancellationToken);
        }

        var replaced = new ReplacedTables(environment, this);
        await replaced.PrepareAsync(cancellationToken);
        NoteAdded(null);
        var stream = await OpenStreamAsync(direction, cancellationToken);
        if (Record.CopyDone)
        {
            // What was to be copied was an added table that the target did not take.
            return Record;
        }

        spec = await SpecAsync(direction, cancellationToken);
        var copy = await environment.Engine.PrepareCopyAsync(spec, stream, cancellationToken);
        copy.Throttle(Record.Throttle, await ReplicasAsync(Record.Throttle, cancellationToken));
        _copy = copy;
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var halted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var onHalt = cancellationToken.Register(halted.SetResult);
        var copying = copy.RunAsync(either.Token);
        if (await Task.WhenAny(copying, stream.Completion, halted.Task) != copying)
        {
            // The copy waits for the stream, so it cannot end well without it; the stream's failure is the one to report.
            await either.CancelAsync();
            await EndCopyAsync(copying, stream);
            cancellationToken.ThrowIfCancellationRequested();
            await stream.Completion;
        }

        await copying;
        await FaultPoints.HitAsync("copy.rows.after", cancellationToken);
        var done = environment.Time.GetUtcNow();
        var copied = copy.Progress;
        return await UpdateAsync(r => ReplacedTables.End(r, done, copied), cancellationToken, replaced.NoteDone);
    }

    /// <summary>
    /// Whether a table that the source changed meanwhile was made before or after, nobody knows; so it is made anew. So are all when the log does not tell, as when what refused a table was only mended
    /// after the log was purged.
    /// </summary>
    private async Task MakeChangedAnewAsync(StreamSpec spec, ServerSteps steps, CancellationToken cancellationToken)
    {
        var changed = await steps.AskAtLengthAsync(ServerSteps.Both, "tell what was changed while tables were made", () => environment.Engine.FindChangedAsync(spec, cancellationToken));
        if (changed is null)
        {
            await steps.AskAtLengthAsync(ServerSteps.Both, "do its part in recording where the stream begins", () => environment.Engine.RecordAsync(spec, at: null, cancellationToken));
            changed = spec.Tables;
        }

        if (changed.Count == 0)
        {
            return;
        }

        var what = $"{(changed.Count == 1 ? "Table" : "Tables")} {string.Join(", ", changed)} may have changed on the source while {(changed.Count == 1 ? "it was" : "they were")} made on the target";
        if (await new ReplacedTables(environment, this).TryBeginAsync(new TablesReplacedException(changed, what), cancellationToken) is { } refusal)
        {
            throw refusal;
        }
    }

    /// <returns>Whether to begin again with these tables to be copied.</returns>
    private async Task<bool> CopyAgainAsync(TablesReplacedException replaced, CancellationToken cancellationToken)
    {
        try
        {
            if (await new ReplacedTables(environment, this).TryBeginAsync(replaced, cancellationToken) is not { } refusal)
            {
                return true;
            }

            await FailAsync(refusal);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Halted: the stream meets it again.
        }
        catch (Exception e)
        {
            await FailAsync(e);
        }

        return false;
    }

    /// <summary>
    /// A copy that is stopped still ends the insert it has begun, since the applier waits for the outcome; where the following side does not answer, both are cut off.
    /// </summary>
    private async Task EndCopyAsync(Task copying, IMigrationStream stream)
    {
        using var ended = new CancellationTokenSource();
        if (await Task.WhenAny(copying, Task.Delay(environment.Options.StopLimit, environment.Time, ended.Token)) != copying)
        {
            _wasCut = true;
            await stream.DisposeAsync();
        }

        await ended.CancelAsync();
        await copying.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
