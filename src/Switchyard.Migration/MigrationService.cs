using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Switchyard.Faults;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>The migrations of this process. See <see cref="IMigrationService"/> for the verbs.</summary>
public sealed partial class MigrationService : IMigrationService, IAsyncDisposable
{
    private const int JournalLines = 200;
    private readonly MigrationEnvironment _environment;
    private readonly ConcurrentDictionary<string, MigrationUnit> _units = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _creating = new(1, 1);
    private readonly CancellationTokenSource _stop = new();
    private Task _keeping = Task.CompletedTask;

    internal MigrationService(MigrationEnvironment environment)
    {
        _environment = environment;
        environment.Validation.Found += TellShadow;
    }

    /// <summary>Reads all migrations from the store and lets each go on from where it was.</summary>
    /// <exception cref="TopologyStoreException">The store cannot be read.</exception>
    public static Task<MigrationService> OpenAsync(
        TopologyRepository topology, TopologyView view, AppliedPositions applied, ReadValidation validation, TimeProvider time,
        ILoggerFactory loggers, MigrationServiceOptions? options, CancellationToken cancellationToken)
    {
        var log = loggers.CreateLogger("Switchyard.Migration");
        var environment = new MigrationEnvironment(
            topology, view, applied, new ReplicationEngine(time, loggers), new ServerSides(), time, log, new EventHub(time), options ?? new MigrationServiceOptions())
        {
            Validation = validation,
        };
        return OpenAsync(environment, cancellationToken);
    }

    internal static async Task<MigrationService> OpenAsync(MigrationEnvironment environment, CancellationToken cancellationToken)
    {
        var service = new MigrationService(environment);
        foreach (var record in await environment.Topology.ListMigrationsAsync<MigrationRecord>(cancellationToken))
        {
            await service.AdoptAsync(record, cancellationToken);
        }

        service._keeping = service.KeepValidationsAsync();
        return service;
    }

    /// <inheritdoc />
    public async Task<IReadOnlyList<MigrationSummary>> ListAsync(CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        cancellationToken.ThrowIfCancellationRequested();
        return [.. _units.Values.Select(u => u.Status(Epoch)).OrderBy(s => s.Name, StringComparer.Ordinal).Select(s => new MigrationSummary(
            s.Name, s.State, s.Source, s.Target, s.Schema, s.Tables.Count, s.Writes,
            s.Stream.State == "running" ? s.Stream.LagSeconds : s.Reverse.State == "running" ? s.Reverse.LagSeconds : null, s.Error))];
    }

    /// <inheritdoc />
    public async Task<MigrationDetails> ShowAsync(string name, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        var entries = await _environment.Topology.ListJournalAsync(name, cancellationToken: cancellationToken);
        var lines = entries.OrderBy(e => e.At).ThenBy(e => e.Sequence).TakeLast(JournalLines)
            .Select(e => new JournalLine(e.At, e.Operation, e.Step, e.Phase.ToString().ToLowerInvariant(), e.Detail ?? (e.DurationMs is { } ms ? $"{ms:0.###} ms" : "")));
        return new MigrationDetails(await unit.LookAsync(Epoch, cancellationToken), unit.Runtime.Record.Settings, [.. lines]);
    }

    /// <inheritdoc />
    public Task<MigrationStatus> StatusAsync(string name, CancellationToken cancellationToken) => Unit(name).LookAsync(Epoch, cancellationToken);

    /// <inheritdoc />
    public async Task<PreflightReport> PreflightAsync(string name, CancellationToken cancellationToken)
    {
        var record = Unit(name).Runtime.Record;
        return await new Preflight(_environment).ReportAsync(record.SettingsNow, record, cancellationToken);
    }

    /// <inheritdoc />
    public Task<PreflightReport> PreflightAsync(CreateMigrationRequest request, CancellationToken cancellationToken) =>
        new Preflight(_environment).ReportAsync(request, null, cancellationToken);

    /// <inheritdoc />
    public async Task<MigrationStatus> CreateAsync(CreateMigrationRequest request, CancellationToken cancellationToken)
    {
        CheckName(request.Name);
        await _creating.WaitAsync(cancellationToken);
        try
        {
            if (_units.ContainsKey(request.Name))
            {
                throw Exists(request.Name);
            }

            var (findings, record) = await new Preflight(_environment).RunAsync(request, null, cancellationToken);
            if (record is null || findings.Exists(f => f.Severity == FindingSeverity.Error))
            {
                throw MigrationException.RefusedBy("preflight", $"The migration '{request.Name}' was not created.", findings);
            }

            var unit = await AdoptAsync(await CommitAsync(record, cancellationToken), cancellationToken);
            await unit.Runtime.ResumeAsync(cancellationToken);
            _environment.Events.Publish(request.Name, "state", "created");
            return unit.Status(Epoch);
        }
        finally
        {
            _creating.Release();
        }
    }

    /// <inheritdoc />
    public async Task<MigrationStatus> StartAsync(string name, StartRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var unit = Unit(name);
        using var verb = unit.Runtime.Verbs.Enter(name, "start");
        RefuseFinished(unit);
        if (unit.Runtime.Record.Operation is { } half)
        {
            throw MigrationException.Refused("half_done", $"{half.Id} of '{name}' is half done.", $"Run `switchyard migration repair {name}` first.");
        }

        await unit.Runtime.HaltAsync(cancellationToken);
        await unit.Runtime.UpdateAsync(
            r => r with { Started = true, Stopped = false, Error = null, Remedy = null, Settings = r.Settings with { OnDdl = request.OnDdl ?? r.Settings.OnDdl } }, cancellationToken);
        await unit.Runtime.ResumeAsync(cancellationToken);
        return unit.Status(Epoch);
    }

    /// <inheritdoc />
    public async Task<MigrationStatus> StopAsync(string name, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        using var verb = unit.Runtime.Verbs.Enter(name, "stop");
        RefuseFinished(unit);
        if (unit.Runtime.Record.Reads is not null)
        {
            throw MigrationException.Refused("validating", $"Reads of '{name}' go to the target, which would become stale.", $"Run `switchyard migration validate {name} --off` first.");
        }

        var (tables, _) = unit.Runtime.CopyStatus();
        await unit.Diff.DisposeAsync();
        await unit.Runtime.HaltAsync(cancellationToken);
        await unit.Runtime.UpdateAsync(r => r with { Stopped = true, Copied = tables }, cancellationToken);
        return unit.Status(Epoch);
    }

    /// <inheritdoc />
    public async Task<MigrationStatus> AddTablesAsync(string name, AddTablesRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var unit = Unit(name);
        using var verb = unit.Runtime.Verbs.Enter(name, "add-table");
        RefuseFinished(unit);
        var findings = await new AddedTables(_environment, unit.Runtime).AddAsync(request, unit.Diff, cancellationToken);
        var status = unit.Status(Epoch);
        return status with { Findings = [.. findings, .. status.Findings] };
    }

    /// <inheritdoc />
    public async Task<MigrationStatus> ThrottleAsync(string name, ThrottleRequest request, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        RefuseFinished(unit);
        if (request is { MaxThreadsRunning: < 0 } or { MaxHistoryList: < 0 } or { MaxReplicaLagSeconds: < 0 or > 86_400 or double.NaN })
        {
            throw MigrationException.Usage("A limit cannot be negative, and a lag not longer than a day.", "Use 0 for no limit.");
        }

        var now = unit.Runtime.Record.Throttle;
        await unit.Runtime.ThrottleAsync(
            now with
            {
                Paused = request.Pause ?? now.Paused,
                MaxThreadsRunning = request.MaxThreadsRunning ?? now.MaxThreadsRunning,
                MaxHistoryList = request.MaxHistoryList ?? now.MaxHistoryList,
                MaxReplicaLagSeconds = request.MaxReplicaLagSeconds ?? now.MaxReplicaLagSeconds,
                Replicas = request.Replicas ?? now.Replicas,
            },
            cancellationToken);
        return unit.Status(Epoch);
    }

    /// <inheritdoc />
    public async Task DeleteAsync(string name, CancellationToken cancellationToken)
    {
        var unit = Unit(name);
        using var verb = unit.Runtime.Verbs.Enter(name, "delete");
        var record = unit.Runtime.Record;
        if (record.Finished is null && record.Phase != MigrationState.Created)
        {
            throw MigrationException.Refused("not_finished", $"'{name}' is {record.State.ToString().ToLowerInvariant()}.", $"Complete it or cancel it first.");
        }

        await unit.Diff.ForgetAsync(cancellationToken);
        await unit.Memory.ForgetAsync(cancellationToken);
        var routing = await _environment.Topology.GetRoutingAsync(cancellationToken);
        var transaction = _environment.Topology.Begin().Require(unit.Runtime.Versioned).Delete(TopologyKeys.Migration(name)).Delete(TopologyKeys.CopiedOf(name))
            .Delete(ViewMemory.Key(name, Side.Source)).Delete(ViewMemory.Key(name, Side.Target));
        if (record.Finished is null)
        {
            transaction.Require(routing).Put(RoutingRules.Without(routing.Value, record, null));
        }

        foreach (var entry in await _environment.Topology.ListJournalAsync(name, cancellationToken: cancellationToken))
        {
            transaction.Delete(TopologyKeys.JournalEntry(entry.Migration, entry.Operation, entry.Sequence));
        }

        if (!(await transaction.CommitAsync(cancellationToken)).Succeeded)
        {
            throw MigrationException.Failed("conflict", "The store changed at the same moment; nothing was deleted.", "Try again.");
        }

        _units.TryRemove(name, out _);
    }

    /// <inheritdoc />
    public Task<DiffReport> StartDiffAsync(string name, DiffRequest request, CancellationToken cancellationToken) =>
        BeginDiffAsync(name, diff => diff.StartAsync(request, cancellationToken));

    /// <inheritdoc />
    public Task<DiffReport> ShowDiffAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult(Unit(name).Diff.Report ?? new DiffReport(DiffStatus.None, []));

    /// <inheritdoc />
    public Task<DiffReport> WaitDiffAsync(string name, CancellationToken cancellationToken) => Unit(name).Diff.WaitAsync(cancellationToken);

    /// <inheritdoc />
    public Task<DiffReport> StopDiffAsync(string name, CancellationToken cancellationToken) => Unit(name).Diff.StopAsync(cancellationToken);

    /// <inheritdoc />
    public Task<DiffReport> ResumeDiffAsync(string name, CancellationToken cancellationToken) => BeginDiffAsync(name, diff => diff.ResumeAsync(cancellationToken));

    /// <inheritdoc />
    public Task<DiffReport> RepairDiffAsync(string name, CancellationToken cancellationToken) => BeginDiffAsync(name, diff => diff.RepairAsync(cancellationToken));

    /// <inheritdoc />
    public Task<CopyAccountsReport> CopyAccountsAsync(string name, CopyAccountsRequest request, CancellationToken cancellationToken) =>
        new AccountCopier(_environment, Unit(name).Runtime.Record).RunAsync(request, cancellationToken);

    /// <inheritdoc />
    public IAsyncEnumerable<MigrationEvent> WatchAsync(CancellationToken cancellationToken) => _environment.Events.FollowAsync(cancellationToken);

    /// <summary>Stops all copies, streams and comparisons; they go on when the service is opened again.</summary>
    public async ValueTask DisposeAsync()
    {
        _environment.Validation.Found -= TellShadow;
        await _stop.CancelAsync();
        await _keeping;
        _stop.Dispose();
        foreach (var unit in _units.Values)
        {
            await unit.Ending;
            await unit.Memory.SaveAsync(CancellationToken.None);
            await unit.Diff.DisposeAsync();
            await unit.Runtime.DisposeAsync();
        }
    }

    /// <summary>Writes a new migration down with its rules, again when other rules changed meanwhile: another process may have created or switched one of its own.</summary>
    private async Task<Versioned<MigrationRecord>> CommitAsync(MigrationRecord record, CancellationToken cancellationToken)
    {
        const int Attempts = 20;
        var key = TopologyKeys.Migration(record.Name);
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var routing = await _environment.Topology.GetRoutingAsync(cancellationToken);
            if (await _environment.Topology.GetMigrationAsync<MigrationRecord>(record.Name, cancellationToken) is not null)
            {
                throw Exists(record.Name);
            }

            if (RoutingRules.Conflict(routing.Value, record) is { } conflict)
            {
                throw MigrationException.RefusedBy("preflight", $"The migration '{record.Name}' was not created.", [conflict]);
            }

            await FaultPoints.HitAsync("create.commit.before", cancellationToken);
            var result = await _environment.Topology.Begin().RequireAbsent(key).Require(routing)
                .PutMigration(record.Name, record).Put(RoutingRules.With(routing.Value, record)).CommitAsync(cancellationToken);
            if (result.Succeeded)
            {
                return new Versioned<MigrationRecord>(key, record, result.Revision);
            }
        }

        throw MigrationException.Failed("conflict", "The routing table keeps changing; nothing was created.", "Try again when nobody else changes it.");
    }

    private static MigrationException Exists(string name) =>
        MigrationException.Refused("exists", $"There is a migration named '{name}' already.", "Choose another name, or delete that one once it is completed or cancelled.");

    private async Task KeepValidationsAsync()
    {
        using var timer = new PeriodicTimer(_environment.Options.ValidationSaveInterval, _environment.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                foreach (var unit in _units.Values)
                {
                    await unit.Memory.SaveAsync(_stop.Token);
                }
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The service ends.
        }
    }

    private void TellShadow(string migration, string sentence) => _environment.Events.Publish(migration, "shadow", sentence);

    private long Epoch => _environment.View.Current.Routing.Epoch;

    /// <summary>Not while a verb is under way that may change which side is compared with which.</summary>
    private async Task<DiffReport> BeginDiffAsync(string name, Func<DiffController, Task<DiffReport>> begin)
    {
        var unit = Unit(name);
        using var verb = unit.Runtime.Verbs.Enter(name, "diff");
        return await begin(unit.Diff);
    }

    private MigrationUnit Unit(string name) => _units.TryGetValue(name, out var unit) ? unit : throw MigrationException.NotFound("migration", name);

    private async Task<MigrationUnit> AdoptAsync(Versioned<MigrationRecord> record, CancellationToken cancellationToken)
    {
        var runtime = new MigrationRuntime(_environment, record);
        await runtime.LoadAsync(cancellationToken);
        var unit = new MigrationUnit(runtime, new DiffController(_environment, runtime), new PurgeWatch(_environment, runtime), _environment.Validation, new ValidationMemory(_environment, record.Value.Name));
        _units[record.Value.Name] = unit;
        await unit.Diff.LoadAsync(cancellationToken);
        await unit.Memory.LoadAsync(cancellationToken);
        if (record.Value.Operation is { Kind: OperationKind.Complete or OperationKind.Cancel })
        {
            // Nobody's statements wait for it, and it may wait for a server for a while.
            unit.Ending = RecoverAsync(unit, _stop.Token);
        }
        else if (record.Value.Operation is not null)
        {
            await RecoverAsync(unit, CancellationToken.None);
        }
        else
        {
            await runtime.ResumeAsync(cancellationToken);
        }

        return unit;
    }

    private static void RefuseFinished(MigrationUnit unit)
    {
        if (unit.Runtime.Record.Finished is { } finished)
        {
            throw MigrationException.Refused("finished", $"'{unit.Runtime.Name}' is {finished.ToString().ToLowerInvariant()}.", "Create a new migration.");
        }
    }

    private static void CheckName(string name)
    {
        if (!Name().IsMatch(name))
        {
            throw MigrationException.Usage(
                $"'{name}' cannot be the name of a migration.", "Use letters, digits, hyphens and underscores, at most 40, beginning with a letter or digit.");
        }
    }

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]
    private static partial Regex Name();
}
