using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Switchyard.Migration;

namespace Switchyard.WebConsole.Tests;

/// <summary>Migrations that only exist to be looked at; remembers what it was asked to do.</summary>
internal sealed class FakeMigrations : IMigrationService
{
    private readonly Channel<MigrationEvent> _events = Channel.CreateUnbounded<MigrationEvent>();

    public Dictionary<string, MigrationDetails> All { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, DiffReport> Diffs { get; } = new(StringComparer.Ordinal);

    public List<string> Calls { get; } = [];

    public Func<SwitchRequest, SwitchReport> OnSwitch { get; set; } = _ => new SwitchReport { Result = "switched", Steps = [] };

    public Diagnosis Diagnosis { get; set; } = new(true, "Nothing is wrong.", [], [], []);

    public void Publish(string migration, string kind, string message) =>
        _events.Writer.TryWrite(new MigrationEvent(TimeProvider.System.GetUtcNow(), migration, kind, message));

    public void Set(MigrationStatus status, IReadOnlyList<JournalLine>? journal = null)
    {
        var settings = new CreateMigrationRequest { Name = status.Name, Source = status.Source, Target = status.Target, Schema = status.Schema };
        All[status.Name] = new MigrationDetails(status, settings, journal ?? (All.TryGetValue(status.Name, out var known) ? known.Journal : []));
    }

    public Task<IReadOnlyList<MigrationSummary>> ListAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<MigrationSummary>>(
        [.. All.Values.Select(d => d.Status).Select(s => new MigrationSummary(s.Name, s.State, s.Source, s.Target, s.Schema, s.Tables.Count, s.Writes, s.Stream.LagSeconds, s.Error))]);

    public Task<MigrationDetails> ShowAsync(string name, CancellationToken cancellationToken) => Task.FromResult(Get(name));

    public Task<MigrationStatus> StatusAsync(string name, CancellationToken cancellationToken) => Task.FromResult(Get(name).Status);

    public Task<DiffReport> ShowDiffAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult(Diffs.GetValueOrDefault(name) ?? new DiffReport(Get(name).Status.Diff, []));

    public Task<MigrationStatus> StartAsync(string name, StartRequest request, CancellationToken cancellationToken) => Did("start " + name, Get(name).Status with { State = MigrationState.Copying });

    public Task<MigrationStatus> StopAsync(string name, CancellationToken cancellationToken) => Did("stop " + name, Get(name).Status with { State = MigrationState.Stopped });

    public Task<MigrationStatus> ThrottleAsync(string name, ThrottleRequest request, CancellationToken cancellationToken) => Did("throttle " + name, Get(name).Status);

    public Task<MigrationStatus> AddTablesAsync(string name, AddTablesRequest request, CancellationToken cancellationToken) =>
        Did($"add-table {name} {string.Join(' ', request.Tables)}", Get(name).Status with { State = MigrationState.Copying });

    public Task DeleteAsync(string name, CancellationToken cancellationToken) => Did("delete " + name, 0);

    public Task<MigrationStatus> ValidateAsync(string name, ValidateRequest request, CancellationToken cancellationToken) =>
        Did($"validate {name} {request.Percent} {request.Consistency} {request.Off}", Get(name).Status with { ReadPercent = request.Percent });

    public Task<ValidationStatus> ShowValidationAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult(Get(name).Status.Validation ?? new ValidationStatus());

    public Task<SwitchReport> SwitchAsync(string name, SwitchRequest request, CancellationToken cancellationToken) => Did($"switch {name} {request}", OnSwitch(request));

    public Task<SwitchReport> ReverseAsync(string name, SwitchRequest request, CancellationToken cancellationToken) => Did($"reverse {name} {request}", OnSwitch(request));

    public Task<CompleteReport> CompleteAsync(string name, CompleteRequest request, CancellationToken cancellationToken) =>
        Did($"complete {name} {request.SourceData} {request.DryRun} {request.AbandonSource}", new CompleteReport("completed", ["Stopped replication"], []));

    public Task<MigrationStatus> CancelAsync(string name, CancelRequest request, CancellationToken cancellationToken) => Did($"cancel {name} {request.AbandonSource}", Get(name).Status with { State = MigrationState.Cancelled });

    public Task<MigrationStatus> DetachAsync(string name, CancellationToken cancellationToken) => Did("detach " + name, Get(name).Status);

    public Task<Diagnosis> DiagnoseAsync(string name, CancellationToken cancellationToken) => Task.FromResult(Diagnosis);

    public Task<Diagnosis> RepairAsync(string name, CancellationToken cancellationToken) => Did("repair " + name, Diagnosis);

    public Task<DiffReport> StartDiffAsync(string name, DiffRequest request, CancellationToken cancellationToken) => Did($"diff {name} {request.ShowValues}", new DiffReport(DiffStatus.None, []));

    public Task<PreflightReport> PreflightAsync(string name, CancellationToken cancellationToken) => Did("preflight " + name, new PreflightReport(true, [], []));

    public Task<MigrationStatus> CreateAsync(CreateMigrationRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<PreflightReport> PreflightAsync(CreateMigrationRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<DiffReport> WaitDiffAsync(string name, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task<DiffReport> StopDiffAsync(string name, CancellationToken cancellationToken) => Did("diff-stop " + name, new DiffReport(DiffStatus.None, []));

    public Task<DiffReport> ResumeDiffAsync(string name, CancellationToken cancellationToken) => Did("diff-resume " + name, new DiffReport(DiffStatus.None, []));

    public Task<DiffReport> RepairDiffAsync(string name, CancellationToken cancellationToken) => Did("diff-repair " + name, new DiffReport(DiffStatus.None, []));

    public Task<CopyAccountsReport> CopyAccountsAsync(string name, CopyAccountsRequest request, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task VerifyBackendMoveAsync(string backend, Client.ConnectionOptions server, CancellationToken cancellationToken) => throw new NotSupportedException();

    public Task ReconnectBackendAsync(string backend, CancellationToken cancellationToken) => throw new NotSupportedException();

    public async IAsyncEnumerable<MigrationEvent> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var happened in _events.Reader.ReadAllAsync(cancellationToken))
        {
            yield return happened;
        }
    }

    private MigrationDetails Get(string name) => All.TryGetValue(name, out var found) ? found
        : throw new MigrationException("no_such_migration", $"There is no migration named '{name}'.", "List what exists with `switchyard migration list`.", 4);

    private Task<T> Did<T>(string call, T answer)
    {
        lock (Calls)
        {
            Calls.Add(call);
        }

        return Task.FromResult(answer);
    }
}
