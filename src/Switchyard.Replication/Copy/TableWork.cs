using System.Collections.Concurrent;
using Switchyard.Replication.Keys;
using Switchyard.Replication.Tables;

namespace Switchyard.Replication.Copy;

/// <summary>A range to copy: written down on the target before it is begun.</summary>
/// <param name="Number">Its number in the table.</param>
/// <param name="Range">Its bounds.</param>
/// <param name="MayHoldRows">It was begun before, so the target may hold rows of it.</param>
internal sealed record PlannedRange(ulong Number, KeyRange Range, bool MayHoldRows);

/// <summary>What is left to copy of a table, as the copier sees it. Guarded by the copier's lock.</summary>
internal sealed class TableWork(StreamTable table)
{
    private ulong _lastNumber;

    public StreamTable Table { get; } = table;

    /// <summary>Planned and not done: from before a restart, given back, or the rest of a chunk that was cut.</summary>
    public ConcurrentQueue<PlannedRange> Waiting { get; } = new();

    /// <summary>The end of what is planned; null at the beginning.</summary>
    public KeyBound? Frontier { get; set; }

    /// <summary>Nothing lies beyond the planned ranges.</summary>
    public bool IsPlannedToEnd { get; set; }

    /// <summary>A number no range of the table has.</summary>
    public ulong TakeNumber() => Interlocked.Increment(ref _lastNumber);

    public void SawNumber(ulong number) => _lastNumber = Math.Max(_lastNumber, number);

    public long RowsCopied { get; set; }

    public int ChunkRows { get; set; }

    /// <summary>Rows so large that only one chunk of such is held at a time, of all tables.</summary>
    public bool HasLargeRows { get; set; }

    /// <summary>Bytes of a row on average, as the source estimates.</summary>
    public long AverageRowBytes => (Table.Plan?.Source.DataLength ?? 0) / Math.Max(1, Table.Plan?.Source.RowEstimate ?? 1);

    /// <summary>Chunks of the table in flight.</summary>
    public int InFlight { get; set; }

    /// <summary>Somebody marks it done. Decided together with giving back the last chunk.</summary>
    public bool IsFinishing { get; set; }

    public CopyPhase Phase { get; set; } = CopyPhase.Pending;

    /// <summary>One planner at a time.</summary>
    public SemaphoreSlim Planning { get; } = new(1);

    public bool HasMore => !Waiting.IsEmpty || !IsPlannedToEnd;

    /// <summary>Every range is done and nobody says so yet: the last one just was, or it was when the process ended.</summary>
    public bool IsToBeFinished => !HasMore && InFlight == 0 && !IsFinishing;

    public long RowsLeft => Math.Max(1, (Table.Plan?.Source.RowEstimate ?? 0) - RowsCopied);
}
