using Switchyard.Binlog;
using Switchyard.Replication.Copy;

namespace Switchyard.Replication.Apply;

/// <summary>
/// Consecutive source transactions that become one target transaction. Those that meet nothing uncommitted run ahead of the group's turn; the others
/// when everything before the group is committed.
/// </summary>
internal sealed class ApplyGroup : IDisposable
{
    private readonly List<(bool Waits, int Statements)> _order = [];

    /// <summary>Its place in the order, from 1.</summary>
    public long Number { get; set; }

    /// <summary>Where the position row stands before it.</summary>
    public BinlogPosition From { get; set; }

    /// <summary>Where the position row stands after it.</summary>
    public BinlogPosition End { get; set; }

    public string EndGtid { get; set; } = "";

    /// <summary>What may run ahead.</summary>
    public ChangeGroup Ahead { get; } = new();

    /// <summary>What waits for the group's turn.</summary>
    public ChangeGroup Waiting { get; } = new();

    public List<(Chunk Chunk, byte[] Key)> Touched { get; } = [];

    public int Transactions { get; private set; }

    public int Bytes => Ahead.Bytes + Waiting.Bytes;

    public bool HasLogged => Ahead.HasLogged || Waiting.HasLogged;

    /// <summary>Set when an earlier group needs what this one has locked.</summary>
    public TaskCompletionSource GiveWay { get; private set; } = NewSignal();

    /// <summary>Ends when the group is committed.</summary>
    public Task Run { get; set; } = Task.CompletedTask;

    public void Add(ChangeGroup transaction, bool waits)
    {
        var part = waits ? Waiting : Ahead;
        part.Append(transaction);
        _order.Add((waits, transaction.Count));
        Touched.AddRange(transaction.Touched);
        Transactions++;
    }

    /// <summary>Counts transactions that are not in its text.</summary>
    public void Count(int transactions) => Transactions += transactions;

    /// <summary>All of it in the source's order.</summary>
    public void WriteInOrder(Target.StatementBatch batch)
    {
        if (Waiting.IsEmpty || Ahead.IsEmpty)
        {
            batch.Add(Ahead);
            batch.Add(Waiting);
            return;
        }

        var (ahead, waiting) = (0, 0);
        foreach (var (waits, count) in _order)
        {
            ref var next = ref waits ? ref waiting : ref ahead;
            batch.Add(waits ? Waiting : Ahead, next, count);
            next += count;
        }
    }

    public void Clear()
    {
        Ahead.Clear();
        Waiting.Clear();
        Touched.Clear();
        _order.Clear();
        Transactions = 0;
        if (GiveWay.Task.IsCompleted)
        {
            GiveWay = NewSignal();
        }
    }

    public void Dispose()
    {
        Ahead.Dispose();
        Waiting.Dispose();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
