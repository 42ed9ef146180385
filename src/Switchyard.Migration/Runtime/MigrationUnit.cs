using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>A migration in this process with what belongs to it.</summary>
internal sealed class MigrationUnit(MigrationRuntime runtime, DiffController diff, PurgeWatch purge, ReadValidation validation, ValidationMemory memory)
{
    private const int DifferencesInStatus = 10;
    private Cutover? _cutover;

    public MigrationRuntime Runtime => runtime;

    public DiffController Diff => diff;

    public ValidationMemory Memory => memory;

    /// <summary>What an earlier process had begun to end and this one goes on with; does not fail.</summary>
    public Task Ending { get; set; } = Task.CompletedTask;

    /// <summary>Ends with the switch or reverse under way; does not fail.</summary>
    public Task Changing { get; set; } = Task.CompletedTask;

    /// <summary>The switch or reverse under way; null when there is none.</summary>
    public Cutover? Cutover
    {
        get => Volatile.Read(ref _cutover);
        set => Volatile.Write(ref _cutover, value);
    }

    /// <summary>As <see cref="Status"/>, and what the servers have to be asked for.</summary>
    public async Task<MigrationStatus> LookAsync(long epoch, CancellationToken cancellationToken)
    {
        var status = Status(epoch);
        return status with { Findings = [.. status.Findings, .. await purge.OfStoppedAsync(cancellationToken)] };
    }

    public MigrationStatus Status(long epoch)
    {
        var record = runtime.Record;
        var (tables, copy) = runtime.CopyStatus();
        var writes = record.Backend(record.Authoritative);
        var operation = Cutover?.Step is { } step ? $"{(record.Authoritative == Side.Source ? "switch" : "reverse")}: {step}"
            : record.Operation?.Id ?? runtime.Verbs.Running;
        return new MigrationStatus
        {
            Name = record.Name,
            State = record.State,
            Source = record.Settings.Source,
            Target = record.Settings.Target,
            Schema = string.Join(", ", record.SchemaNames),
            Schemas = record.SchemaNames,
            Tables = tables,
            Copy = copy,
            Throttle = runtime.ThrottleStatus(),
            Stream = runtime.StreamStatus(Direction.Forward),
            Reverse = runtime.StreamStatus(Direction.Reverse),
            Reads = record.Reads is { Percent: > 0 } && record.Authoritative == Side.Source ? record.Settings.Target : writes,
            ReadPercent = record.Reads is { Percent: > 0 and var percent } ? percent : 100,
            Writes = writes,
            Diff = diff.Report?.Summary ?? DiffStatus.None,
            Validation = Validation(differencesOnly: true),
            Error = record.Error,
            Remedy = record.Remedy,
            ForeignWrites = record.Foreign.Side == record.Direction.To ? record.Foreign.Found : 0,
            Findings = [.. record.SchemaFindings, .. ReplacedTables.Find(record), .. ReplacedTables.FindDelay(record, runtime.RenewalDelay), .. purge.OfRunning(runtime.StreamStatus(record.Direction)), .. Silent(record)],
            Epoch = epoch,
            CreatedAt = record.CreatedAt,
            SwitchedAt = record.SwitchedAt,
            Operation = operation,
        };
    }

    // A frozen server keeps its connections, so that replication merely seems slow.
    private IEnumerable<Finding> Silent(MigrationRecord record)
    {
        var stream = runtime.StreamStatus(record.Direction);
        foreach (var (side, silence) in new[] { (record.Direction.From, stream.OriginSilentSeconds), (record.Direction.To, stream.FollowerSilentSeconds) })
        {
            if (silence is { } seconds)
            {
                yield return Finding.Warning(
                    "server_silent",
                    $"'{record.Backend(side)}' has not answered for {TimeSpan.FromSeconds(Math.Round(seconds)):c}: it is frozen, overloaded or out of reach. Copy and replication wait for it, and go on when it answers or has been restarted.",
                    $"Look at the server of '{record.Backend(side)}', its disk and the network to it.");
            }
        }
    }

    /// <summary>What data-router mode has shown; null when it is off and was never on.</summary>
    public ValidationStatus? Validation(bool differencesOnly)
    {
        var record = runtime.Record;
        var found = validation.Of(record.Name);
        if (record.Reads is null && found is null)
        {
            return null;
        }

        var compared = found?.Shadow ?? new ShadowReadCounts();
        return new ValidationStatus
        {
            On = record.Reads is not null && record.Authoritative == Side.Source,
            Percent = record.Reads?.Percent ?? 0,
            Shadow = record.Reads?.Shadow ?? 0,
            Consistency = record.Reads?.Consistency ?? ReadGuarantee.Global,
            Summary = ValidationStatus.Sentence(compared),
            Routed = found?.Routed ?? new RoutedReads(),
            Compared = differencesOnly ? compared with { Shapes = [.. compared.Shapes.Where(shape => shape.Different > 0).Take(DifferencesInStatus)] } : compared,
        };
    }
}
