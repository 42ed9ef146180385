using System.Diagnostics;
using Switchyard.Binlog;
using Switchyard.Wire;

namespace Switchyard.Replication.Apply;

/// <summary>
/// Memory of the rows that wait in the queue: blocks that the reader fills in the log's order, and the applier leaves behind in it. One thread takes, one reaches.
/// </summary>
internal sealed class QueueMemory
{
    // As long as the runtime's own pool keeps them.
    private const int BlockBytes = 256 * 1024;

    private PayloadWriter? _filled;
    private PayloadWriter? _reached;

    /// <summary>Moves what an event only borrows into a block.</summary>
    /// <returns>The block, to be given to <see cref="Reach"/>.</returns>
    public PayloadWriter Take(RowsEvent rows)
    {
        var bytes = rows.BorrowedBytes;
        if (_filled is not { } block || block.Capacity - block.Length < bytes)
        {
            // The one before is the applier's now.
            _filled = block = new PayloadWriter(Math.Max(BlockBytes, bytes));
        }

        rows.MoveTo(block.GetMemory(bytes)[..bytes]);
        block.Advance(bytes);
        return block;
    }

    /// <summary>Rows in a block are looked at now: those in the blocks before have been.</summary>
    public void Reach(PayloadWriter block)
    {
        if (ReferenceEquals(block, _reached))
        {
            return;
        }

        if (_reached is not null)
        {
            Spoil(_reached);
            _reached.Dispose();
        }

        _reached = block;
    }

    // Whoever still looks at it sees at once that he must not.
    [Conditional("DEBUG")]
    private static void Spoil(PayloadWriter block) => block.MutableSpan.Fill(0xDD);
}
