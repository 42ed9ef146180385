using System.Diagnostics;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// The journal of one operation. A step is written before it acts; the end of a step is written together with the beginning of the next, so
/// that a step costs one durable write.
/// </summary>
internal sealed class Journal(MigrationEnvironment environment, string migration, string operation)
{
    private readonly List<StepTiming> _timings = [];
    private JournalEntry? _pending;
    private int _sequence;
    private long _began;
    private string? _step;

    /// <summary>The steps that ended well, with their times.</summary>
    public IReadOnlyList<StepTiming> Timings => _timings;

    /// <summary>The step that runs now; null between steps.</summary>
    public string? Step => Volatile.Read(ref _step);

    public async Task BeginAsync(string step, string detail, CancellationToken cancellationToken)
    {
        var transaction = environment.Topology.Begin();
        AppendPending(transaction);
        transaction.Append(Entry(step, JournalPhase.Begun, null, detail));
        await CommitAsync(transaction, cancellationToken);
        Volatile.Write(ref _step, step);
        _began = environment.Time.GetTimestamp();
        environment.Events.Publish(migration, "step", $"{operation}: {step}");
    }

    /// <summary>The step is done; written with whatever comes next.</summary>
    public void Done(string detail = "")
    {
        var elapsed = environment.Time.GetElapsedTime(_began).TotalMilliseconds;
        Debug.Assert(_step is not null, "A step was ended that was not begun.");
        _timings.Add(new StepTiming(_step!, Math.Round(elapsed, 3)));
        _pending = Entry(_step!, JournalPhase.Done, elapsed, detail);
        Volatile.Write(ref _step, null);
    }

    /// <summary>Adds what is not written yet to a transaction of the caller's, which must succeed or end the operation.</summary>
    public void AppendPending(TopologyTransaction transaction)
    {
        if (_pending is { } pending)
        {
            transaction.Append(pending);
            _pending = null;
        }
    }

    /// <summary>Writes an entry of its own, for failures, for what is undone, and at the end.</summary>
    public async Task WriteAsync(string step, JournalPhase phase, string detail, CancellationToken cancellationToken)
    {
        var transaction = environment.Topology.Begin();
        AppendPending(transaction);
        transaction.Append(Entry(step, phase, null, detail));
        await CommitAsync(transaction, cancellationToken);
    }

    public async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (_pending is not null)
        {
            var transaction = environment.Topology.Begin();
            AppendPending(transaction);
            await CommitAsync(transaction, cancellationToken);
        }
    }

    /// <summary>Continues the numbers of an operation that another process began.</summary>
    public async Task ContinueAsync(CancellationToken cancellationToken)
    {
        var entries = await environment.Topology.ListJournalAsync(migration, operation, cancellationToken);
        _sequence = entries.Length == 0 ? 0 : entries[^1].Sequence;
    }

    private JournalEntry Entry(string step, JournalPhase phase, double? durationMs, string detail) =>
        new(migration, operation, ++_sequence, step, phase, environment.Time.GetUtcNow())
        {
            DurationMs = durationMs,
            Detail = detail.Length == 0 ? null : detail,
        };

    private async Task CommitAsync(TopologyTransaction transaction, CancellationToken cancellationToken)
    {
        if (!(await transaction.CommitAsync(cancellationToken)).Succeeded)
        {
            throw new InvalidOperationException(
                $"The journal of {migration}, {operation}, was written by somebody else as well. Two processes work on one migration; stop one of them.");
        }
    }
}
