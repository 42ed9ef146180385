using Switchyard.Binlog;
using Switchyard.Replication.Keys;
using Switchyard.Replication.Tables;

namespace Switchyard.Replication.Copy;

internal enum ChunkState
{
    /// <summary>Its rows are being read; changes to the range are applied, and the keys remembered.</summary>
    Tracking,

    /// <summary>Its rows are being inserted; changes to the range wait.</summary>
    Inserting,

    /// <summary>Part of the table's copied ranges, or given up.</summary>
    Closed,
}

internal enum InsertOutcome
{
    /// <summary>The rows are committed.</summary>
    Inserted,

    /// <summary>Nothing was inserted; the chunk tracks on.</summary>
    Returned,
}

/// <summary>
/// A range of a table on its way. Its state and touched keys are changed by the applier alone, between transactions; the copier asks for
/// changes and reads.
/// </summary>
internal sealed class Chunk(TablePlan table, KeyRange range, ulong number, int maxTouchedKeys)
{
    private TaskCompletionSource<InsertOutcome> _outcome = NewOutcome();

    public TablePlan Table { get; } = table;

    /// <summary>Shrinks when the chunk is cut where its rows grew too large.</summary>
    public KeyRange Range { get; set; } = range;

    /// <summary>What it leaves to another chunk when it is cut; what changes have brought of it is on the target.</summary>
    public PlannedRange? Rest { get; set; }

    public ulong Number { get; } = number;

    public ChunkState State { get; set; }

    /// <summary>The last transaction applied before tracking began: the snapshot has to contain it.</summary>
    public BinlogPosition TrackedFrom { get; set; }

    /// <summary>The GTIDs delivered up to there (MySQL).</summary>
    public string TrackedGtid { get; set; } = "";

    /// <summary>XA transactions committed up to there whose rows may not be visible yet.</summary>
    public IReadOnlyCollection<string> EndedXa { get; set; } = [];

    /// <summary>Keys of the range (of the whole table where ranges cannot be judged here) changed since tracking began.</summary>
    public HashSet<byte[]> Touched { get; } = new(KeyBytesComparer.Instance);

    /// <summary>Remembers a key; past the limit the chunk is given up instead.</summary>
    public void Touch(byte[] key)
    {
        if (Touched.Count < maxTouchedKeys)
        {
            Touched.Add(key);
        }
        else
        {
            IsSpoiled = true;
        }
    }

    /// <summary>DDL or too many touched keys: the rows read are of no use.</summary>
    public bool IsSpoiled { get; set; }

    /// <summary>How the insert ended; the applier waits for it before it changes the range.</summary>
    public Task<InsertOutcome> Outcome => _outcome.Task;

    public void BeginInsert()
    {
        _outcome = NewOutcome();
        State = ChunkState.Inserting;
    }

    public void EndInsert(InsertOutcome outcome) => _outcome.TrySetResult(outcome);

    /// <summary>Whether the rows are there is not known: what waits for it fails.</summary>
    public void FailInsert(Exception e) => _outcome.TrySetException(e);

    private static TaskCompletionSource<InsertOutcome> NewOutcome() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
