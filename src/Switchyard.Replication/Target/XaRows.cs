using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Apply;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>
/// XA transactions that were open on the source at the stream's position, written down on the target with it: where each begins in the log, from which it is read
/// again if it is committed after a restart.
/// </summary>
internal static class XaRows
{
    public static async Task<IReadOnlyList<(string Xid, BinlogPosition Begin)>> LoadAsync(BackendConnection target, string streamId, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter();
        sql.Sql("SELECT xid, file, `offset` FROM ").Sql(ControlTables.StreamXa).Sql(" WHERE stream_id="u8).QuotedText(streamId);
        try
        {
            var rows = await target.QueryAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
            return [.. rows.Rows.Select(r => (r.GetString(0), new BinlogPosition(r.GetString(1), r.GetUInt64(2))))];
        }
        catch (ServerErrorException e) when (e.Code == 1146)
        {
            // Recorded by a version that knew no XA.
            await ControlTables.CreateAsync(target, cancellationToken).ConfigureAwait(false);
            return [];
        }
    }

    /// <summary>
    /// What to do about one that never ends: MySQL before 8.0.30 could log XA PREPARE and lose the transaction in a crash, and its log never tells.
    /// </summary>
    public static string DescribeLost(string streamId, string xid) =>
        $"If XA RECOVER on the source does not list it, a crash of the source has lost it: then run DELETE FROM {ControlTables.Schema}.stream_xa WHERE stream_id={SqlText.QuoteString(streamId)} AND xid={SqlText.QuoteString(xid)} on the side that is written, and start again";

    public static void Write(PayloadWriter sql, string streamId, XaChange change)
    {
        if (change.IsPrepared)
        {
            sql.Sql("INSERT INTO ").Sql(ControlTables.StreamXa).Sql(" (stream_id,xid,file,`offset`) VALUES ("u8).QuotedText(streamId).Sql(","u8)
                .QuotedText(change.Branch.Xid).Sql(","u8).QuotedText(change.Branch.Begin.File).Sql(","u8).Number(change.Branch.Begin.Offset).Sql(")"u8);
        }
        else
        {
            sql.Sql("DELETE FROM ").Sql(ControlTables.StreamXa).Sql(" WHERE stream_id="u8).QuotedText(streamId).Sql(" AND xid="u8).QuotedText(change.Branch.Xid);
        }
    }
}
