using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>The position row of a stream, as it stands on the target.</summary>
internal sealed record StreamRow(string Id, string OwnerToken, string SourceIdentity, BinlogPosition Position, string Gtid)
{
    public static string NewToken() => Guid.NewGuid().ToString("N");

    /// <summary>Reads the row, waiting for any transaction that is about to change it.</summary>
    public static async Task<StreamRow?> ReadAsync(BackendConnection target, string id, bool locked, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter();
        sql.Sql("SELECT owner_token, source_identity, file, `offset`, gtid FROM ").Sql(ControlTables.Stream).Sql(" WHERE id="u8).QuotedText(id);
        if (locked)
        {
            sql.Sql(" FOR UPDATE"u8);
        }

        var result = await target.QueryAsync(System.Text.Encoding.UTF8.GetString(sql.WrittenSpan), cancellationToken).ConfigureAwait(false);
        return result.RowCount == 0
            ? null
            : new StreamRow(id, result.GetString(0, 0), result.GetString(0, 1), new BinlogPosition(result.GetString(0, 2), result.GetUInt64(0, 3)), result.GetString(0, 4));
    }

    /// <summary>
    /// Moves the position, only if the row still is the caller's and where the caller left it: one row affected, or someone else applies too.
    /// </summary>
    public static void WriteAdvance(PayloadWriter sql, string id, string token, BinlogPosition from, BinlogPosition to, string gtid) =>
        sql.Sql("UPDATE ").Sql(ControlTables.Stream).Sql(" SET file="u8).QuotedText(to.File).Sql(",`offset`="u8).Number(to.Offset)
            .Sql(",gtid="u8).QuotedText(gtid).Sql(",revision=revision+1,updated=UTC_TIMESTAMP(6)"u8).Where(id, token, from);

    /// <summary>
    /// Marks a worker's transaction as ours at its beginning, without the position row, which is another's turn. The row is nobody else's, and gone again
    /// before the end.
    /// </summary>
    public static void WriteWorkerMark(PayloadWriter sql, string id, string token, int worker) =>
        sql.Sql("INSERT INTO ").Sql(ControlTables.StreamMark).Sql(" (stream_id,owner_token,worker) VALUES ("u8).QuotedText(id).Sql(","u8).QuotedText(token)
            .Sql(","u8).Number((ulong)worker).Sql(")"u8);

    /// <summary>Takes the mark's row away.</summary>
    /// <param name="onlyIfStrict">Finds it only while MariaDB's row applier holds changes to their word.</param>
    public static void WriteWorkerMarkEnd(PayloadWriter sql, string id, string token, int worker, bool onlyIfStrict) =>
        sql.Sql("DELETE FROM ").Sql(ControlTables.StreamMark).Sql(" WHERE stream_id="u8).QuotedText(id).Sql(" AND owner_token="u8).QuotedText(token)
            .Sql(" AND worker="u8).Number((ulong)worker).Sql(onlyIfStrict ? " AND @@global.slave_exec_mode='STRICT'"u8 : ""u8);

    /// <summary>Marks a transaction as ours at its beginning, before its end position is known.</summary>
    public static void WriteMark(PayloadWriter sql, string id, string token, BinlogPosition from) =>
        sql.Sql("UPDATE ").Sql(ControlTables.Stream).Sql(" SET revision=revision+1"u8).Where(id, token, from);
}

file static class StreamRowSql
{
    public static void Where(this PayloadWriter sql, string id, string token, BinlogPosition from) =>
        sql.Sql(" WHERE id="u8).QuotedText(id).Sql(" AND owner_token="u8).QuotedText(token).Sql(" AND file="u8).QuotedText(from.File)
            .Sql(" AND `offset`="u8).Number(from.Offset);
}
