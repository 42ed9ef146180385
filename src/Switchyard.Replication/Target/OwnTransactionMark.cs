using Switchyard.Client;

namespace Switchyard.Replication.Target;

/// <summary>
/// Two statements that make a transaction one of a stream's, as far as the stream of the other direction and the watch for writes of others
/// are concerned. For writes that stand in for the stream, like a repaired row. The marking row is gone again when the transaction ends.
/// </summary>
public sealed class OwnTransactionMark(string streamId)
{
    // Of its own, so that transactions that run side by side do not wait for each other's marks.
    private readonly string _token = Guid.NewGuid().ToString("N");

    /// <summary>Run first in the transaction.</summary>
    public string Begin => $"INSERT INTO {ControlTables.StreamMark} (stream_id, owner_token, worker) VALUES ({SqlText.QuoteString(streamId)}, '{_token}', 0)";

    /// <summary>Run last in it.</summary>
    public string End => $"DELETE FROM {ControlTables.StreamMark} WHERE stream_id={SqlText.QuoteString(streamId)} AND owner_token='{_token}' AND worker=0";
}
