namespace Switchyard.Replication.Copy;

/// <summary>How the applier moves a chunk on. Called by the applier alone.</summary>
internal static class ChunkTransitions
{
    /// <summary>Takes note of how an insert ended.</summary>
    public static void Settle(TableCopyState copy, Chunk chunk, InsertOutcome outcome)
    {
        if (chunk.State != ChunkState.Inserting)
        {
            return;
        }

        if (outcome == InsertOutcome.Inserted)
        {
            copy.Close(chunk, copied: true);
        }
        else
        {
            chunk.State = ChunkState.Tracking;
        }
    }

    /// <summary>Takes note of every insert of a table that has ended.</summary>
    public static void SettleAll(TableCopyState copy)
    {
        foreach (var chunk in copy.Active.Where(c => c is { State: ChunkState.Inserting, Outcome.IsCompletedSuccessfully: true }).ToArray())
        {
            Settle(copy, chunk, chunk.Outcome.Result);
        }
    }
}
