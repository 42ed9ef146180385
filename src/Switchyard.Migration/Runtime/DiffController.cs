using Microsoft.Extensions.Logging;
using Switchyard.Replication.Schema;
using Switchyard.Topology;
using Switchyard.Verification;

namespace Switchyard.Migration;

/// <summary>A comparison as stored: what it found, and where it stands when it was stopped.</summary>
internal sealed record DiffRecord(
    string State, DateTimeOffset StartedAt, DateTimeOffset? FinishedAt, bool ShowValues, bool Repair, IReadOnlyList<string> Tables, IReadOnlyList<TableProgress> Progress, string? Error)
{
    /// <summary>The tables that this comparison and the one it repairs have looked at; null in a record from before this was kept.</summary>
    public IReadOnlyList<string>? Seen { get; init; }

    /// <summary>When it was last written down; null in a record from before this was kept.</summary>
    public DateTimeOffset? SavedAt { get; init; }

    /// <summary>How long it was stopped between its beginning and now.</summary>
    public TimeSpan Stopped { get; init; }

    public static string Key(string migration) => $"diffs/{Uri.EscapeDataString(migration)}";
}

/// <summary>The comparison of one migration: starts, stops, resumes and keeps it.</summary>
internal sealed partial class DiffController(MigrationEnvironment environment, MigrationRuntime runtime) : IAsyncDisposable
{
    private static readonly TimeSpan s_saveInterval = TimeSpan.FromSeconds(2);
    private readonly SemaphoreSlim _gate = new(1, 1);
    private volatile DiffRecord? _record;
    private volatile DiffRun? _run;
    private CancellationTokenSource _stop = new();
    private Task _work = Task.CompletedTask;
    private bool _loaded;

    /// <summary>The running or last comparison; null before the first.</summary>
    public DiffReport? Report => _record is { } record
        ? Describe(record with { Progress = _run?.Progress ?? record.Progress }) with
        {
            NotCompared = record.Seen is { } seen ? [.. TableNames(runtime.Record).Keys.Except(seen)] : [],
            AsOf = record.FinishedAt - record.Stopped,
        }
        : null;

    /// <summary>Reads what an earlier process kept. A comparison that was running then is stopped now.</summary>
    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        if (!_loaded && await environment.Topology.GetAsync<DiffRecord>(DiffRecord.Key(runtime.Name), cancellationToken) is { } stored)
        {
            _record = stored.Value.State == "running" ? stored.Value with { State = "stopped" } : stored.Value;
        }

        _loaded = true;
    }

    public Task<DiffReport> StartAsync(DiffRequest request, CancellationToken cancellationToken)
    {
        var all = TableNames(runtime.Record);
        string[] tables = [.. request.Tables is { Count: > 0 } some ? some.Select(t => Find(all.Keys, t)).Distinct(StringComparer.Ordinal) : all.Keys];

        var record = new DiffRecord("running", environment.Time.GetUtcNow(), null, request.ShowValues, Repair: false, tables, [], null) { Seen = tables };
        return BeginAsync(record, cancellationToken);
    }

    /// <summary>In its own case, or in any where only one table can be meant.</summary>
    private static string Find(IReadOnlyCollection<string> tables, string name)
    {
        if (tables.Contains(name))
        {
            return name;
        }

        var alike = tables.Where(t => string.Equals(t, name, StringComparison.OrdinalIgnoreCase)).ToList();
        return alike.Count == 1 ? alike[0] : throw MigrationException.NotFound("table", name);
    }

    public Task<DiffReport> ResumeAsync(CancellationToken cancellationToken) => _record switch
    {
        { State: "stopped" or "failed" or "clean" or "differences" or "repaired" } old when IsOutdated(old) => throw Outdated(),
        { State: "stopped" or "failed" } old when runtime.Record.SwitchedAt > old.StartedAt => throw MigrationException.Refused(
            "diff_outdated", "Traffic has changed sides since the comparison began, so it cannot go on where it was.", $"Start a new one with `switchyard migration diff {runtime.Name} start`."),
        { State: "stopped" or "failed" } stopped => BeginAsync(
            stopped with { State = "running", Error = null, Stopped = stopped.Stopped + (environment.Time.GetUtcNow() - (stopped.SavedAt ?? stopped.StartedAt)) }, cancellationToken),
        null => throw MigrationException.Refused("no_diff", "There is no comparison to go on with.", $"Start one with `switchyard migration diff {runtime.Name} start`."),
        var other => throw MigrationException.Refused("diff_not_stopped", $"The comparison is {other.State}, so there is nothing to go on with.", "Start a new one."),
    };

    /// <summary>Compares the tables with differences again, and makes differing rows equal while it does.</summary>
    public Task<DiffReport> RepairAsync(CancellationToken cancellationToken)
    {
        if (_record is not { FinishedAt: not null } last)
        {
            throw MigrationException.Refused("no_diff", "There is no finished comparison to repair from.", $"Run `switchyard migration diff {runtime.Name} start --wait` first.");
        }

        if (IsOutdated(last))
        {
            throw Outdated();
        }

        var dirty = last.Progress.Where(p => p.Differences > 0).Select(p => p.Name).ToList();
        return dirty.Count == 0
            ? Task.FromResult(Report!)
            : BeginAsync(new DiffRecord("running", environment.Time.GetUtcNow(), null, last.ShowValues, Repair: true, dirty, [], null) { Seen = last.Seen }, cancellationToken);
    }

    /// <summary>Tables were copied again since it began, so what it has seen of them is no more.</summary>
    private bool IsOutdated(DiffRecord record) => runtime.Record.CopyDoneAt > record.StartedAt;

    private MigrationException Outdated() => MigrationException.Refused(
        "diff_outdated", "Tables were added or copied again since the comparison began.", $"Start a new one with `switchyard migration diff {runtime.Name} start`.");

    public async Task<DiffReport> WaitAsync(CancellationToken cancellationToken)
    {
        await _work.WaitAsync(cancellationToken);
        return Report ?? throw MigrationException.Refused("no_diff", "There is no comparison to wait for.", "Start one first.");
    }

    public async Task<DiffReport> StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _work.WaitAsync(cancellationToken);
        return Report ?? throw MigrationException.Refused("no_diff", "There is no comparison to stop.", "");
    }

    public async Task StopIfRunningAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _work.WaitAsync(cancellationToken);
    }

    public async Task ForgetAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync();
        await _work.WaitAsync(cancellationToken);
        await environment.Topology.Begin().Delete(DiffRecord.Key(runtime.Name)).CommitAsync(cancellationToken);
        _record = null;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _work;
    }

    private async Task<DiffReport> BeginAsync(DiffRecord record, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (!_work.IsCompleted)
            {
                throw MigrationException.Refused("diff_running", "A comparison is running already.", $"Wait for it, or stop it with `switchyard migration diff {runtime.Name} stop`.");
            }

            var now = runtime.Record;
            if (!now.CopyDone || await runtime.WaitForStreamAsync(environment.Options.ConnectLimit, cancellationToken) is null)
            {
                throw MigrationException.Refused(
                    "stream_not_running", $"The two sides can only be compared while replication runs; '{runtime.Name}' is {now.State.ToString().ToLowerInvariant()}.{ReplacedTables.Describe(now)}", $"Wait until it is running, or start it with `switchyard migration start {runtime.Name}`.");
            }

            var direction = now.Direction;

            // What goes on has looked at some rows before somebody else may have written them.
            var foreign = record.Progress.Count == 0 ? await SeenForeignAsync(direction, cancellationToken) : null;
            var options = new DiffOptions
            {
                From = await runtime.OptionsAsync(direction.From, cancellationToken),
                To = await runtime.OptionsAsync(direction.To, cancellationToken),
                Tables = [.. record.Tables.Select(t => TableNames(now)[t])],
                NameOf = now.Schemas.NameOf,
                Follower = new Follower(runtime, direction),
                ShowValues = record.ShowValues,
                RepairAs = record.Repair ? now.StreamId(direction) : null,
            };
            var run = new DiffRun(options, record.Progress);
            _record = record;
            _run = run;
            await SaveAsync(record with { Progress = run.Progress });
            _stop.Dispose();
            _stop = new CancellationTokenSource();
            _work = RunAsync(run, record, foreign, _stop.Token);
            return Report!;
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task RunAsync(DiffRun run, DiffRecord record, ForeignRecord? foreign, CancellationToken cancellationToken)
    {
        await Task.Yield();
        var comparing = run.RunAsync(cancellationToken);
        try
        {
            using var timer = new PeriodicTimer(s_saveInterval, environment.Time);
            while (await Task.WhenAny(comparing, timer.WaitForNextTickAsync(CancellationToken.None).AsTask()) != comparing)
            {
                await SaveAsync(record with { Progress = run.Progress });
            }

            await comparing;
            var differences = run.Progress.Sum(p => p.Differences);
            var repaired = run.Progress.Sum(p => p.Repaired);
            var state = differences == 0 ? "clean" : differences == repaired ? "repaired" : "differences";
            if (state == "clean" && foreign is not null)
            {
                await ResolveAsync(foreign);
            }

            await EndAsync(record with { State = state, FinishedAt = environment.Time.GetUtcNow(), Progress = run.Progress });
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await EndAsync(record with { State = "stopped", Progress = run.Progress });
        }
        catch (Exception e)
        {
            LogFailure(environment.Log, runtime.Name, e);
            await ((Task)comparing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await EndAsync(record with { State = "failed", Error = e.Message, Progress = run.Progress });
        }
    }

    private async Task EndAsync(DiffRecord record)
    {
        record = record with { SavedAt = environment.Time.GetUtcNow() };
        _record = record;
        _run = null;
        environment.Events.Publish(runtime.Name, "diff", $"The comparison is {record.State}; {record.Progress.Sum(p => p.Rows)} rows, {record.Progress.Sum(p => p.Differences)} differences.");
        try
        {
            await SaveAsync(record);
        }
        catch (TopologyStoreException e)
        {
            LogFailure(environment.Log, runtime.Name, e);
        }
    }

    /// <summary>What others have written by now; a whole comparison that begins here and is clean shows that nothing of it is left.</summary>
    private async Task<ForeignRecord?> SeenForeignAsync(Direction direction, CancellationToken cancellationToken)
    {
        if (runtime.Record.Foreign.Found == 0 || runtime.Watch is not { } watch)
        {
            return null;
        }

        await using var passive = await runtime.OpenSideAsync(direction.To, cancellationToken);
        return await watch.ExamineAsync(await passive.ReadEndAsync(cancellationToken), cancellationToken) is null ? runtime.Record.Foreign : null;
    }

    private async Task ResolveAsync(ForeignRecord seen)
    {
        var all = TableNames(runtime.Record).Keys.ToHashSet(StringComparer.Ordinal);
        all.ExceptWith(_run?.Progress.Select(p => p.Name) ?? []);
        if (all.Count == 0)
        {
            await runtime.UpdateAsync(
                r => r.Foreign.Side != seen.Side ? r : r with { Foreign = r.Foreign with { Found = r.Foreign.Found - seen.Found, Last = [.. r.Foreign.Last.TakeLast((int)Math.Min(r.Foreign.Found - seen.Found, r.Foreign.Last.Count))] } },
                CancellationToken.None);
        }
    }

    /// <summary>The tables by the names people and stored comparisons call them.</summary>
    private static Dictionary<string, TableName> TableNames(MigrationRecord record) =>
        record.Tables.ToDictionary(record.Schemas.NameOf, StringComparer.Ordinal);

    private Task SaveAsync(DiffRecord record) =>
        environment.Topology.Begin().PutValue(DiffRecord.Key(runtime.Name), record with { SavedAt = environment.Time.GetUtcNow() }).CommitAsync(CancellationToken.None);

    private static DiffReport Describe(DiffRecord record)
    {
        var rows = record.Progress.Sum(p => p.Rows);
        var estimated = record.Progress.Sum(p => p.Done ? p.Rows : Math.Max(p.Rows, p.RowsEstimated));
        var done = record.FinishedAt is not null ? 1 : estimated == 0 ? 0 : Math.Min(0.99, (double)rows / estimated);
        return new DiffReport(
            new DiffStatus(record.State, rows, record.Progress.Sum(p => p.Differences), record.StartedAt, record.FinishedAt, Math.Round(done, 4), record.Error),
            [.. record.Progress.Select(p => new DiffTableReport(
                p.Name, p.Done ? "done" : p.Begun ? "comparing" : "waiting", p.Rows, p.Missing, p.Extra, p.Different,
                [.. p.Samples.Select(s => new DiffSample(s.Kind.ToString().ToLowerInvariant(), s.Key, s.Columns, s.From, s.To))]))]);
    }

    [LoggerMessage(7201, LogLevel.Warning, "The comparison of migration {Migration} failed")]
    private static partial void LogFailure(ILogger log, string migration, Exception error);

    private sealed class Follower(MigrationRuntime runtime, Direction direction) : IFollower
    {
        public async Task CatchUpAsync(CancellationToken cancellationToken)
        {
            if (runtime.Record.Direction != direction)
            {
                throw new InvalidOperationException("Traffic has changed sides during the comparison. Start a new one.");
            }

            var stream = runtime.Stream ?? throw new InvalidOperationException("Replication has stopped, so the two sides cannot be compared. Start it and resume the comparison.");
            var end = await stream.ReadEndAsync(cancellationToken);
            var reached = stream.WaitForAppliedAsync(end, cancellationToken);
            if (await Task.WhenAny(reached, stream.Completion) != reached)
            {
                throw new InvalidOperationException(stream.Replaced is { } replaced
                    ? $"{replaced.What}, so the comparison ended. Start a new one when the copy of that is done."
                    : "Replication stopped during the comparison. Start it and resume the comparison.");
            }

            await reached;
        }
    }
}
