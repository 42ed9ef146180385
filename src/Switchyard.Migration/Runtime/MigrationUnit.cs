namespace Switchyard.Migration;

/// <summary>A migration in this process with what belongs to it.</summary>
internal sealed class MigrationUnit(MigrationRuntime runtime, DiffController diff)
{
    private Cutover? _cutover;

    public MigrationRuntime Runtime => runtime;

    public DiffController Diff => diff;

    /// <summary>The switch or reverse under way; null when there is none.</summary>
    public Cutover? Cutover
    {
        get => Volatile.Read(ref _cutover);
        set => Volatile.Write(ref _cutover, value);
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
            Schema = record.Settings.Schema,
            Tables = tables,
            Copy = copy,
            Throttle = runtime.ThrottleStatus(),
            Stream = runtime.StreamStatus(Direction.Forward),
            Reverse = runtime.StreamStatus(Direction.Reverse),
            Reads = record.Reads is not null && record.Authoritative == Side.Source ? record.Settings.Target : writes,
            ReadPercent = record.Reads?.Percent ?? 100,
            Writes = writes,
            Diff = diff.Report?.Summary ?? DiffStatus.None,
            Error = record.Error,
            Remedy = record.Remedy,
            ForeignWrites = record.Foreign.Side == record.Direction.To ? record.Foreign.Found : 0,
            Findings = record.SchemaFindings,
            Epoch = epoch,
            CreatedAt = record.CreatedAt,
            SwitchedAt = record.SwitchedAt,
            Operation = operation,
        };
    }
}
