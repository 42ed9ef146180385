using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Source;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>Writes the rows a stream begins with, and takes them over.</summary>
internal static class StreamRecorder
{
    public static async Task RecordAsync(StreamDefinition definition, BinlogPosition at, CancellationToken cancellationToken)
    {
        string identity, gtid;
        var source = await BackendConnection.OpenAsync(definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using (source.ConfigureAwait(false))
        {
            await SourceLog.VerifyContainsAsync(source, at, cancellationToken).ConfigureAwait(false);
            identity = await SourceLog.ReadIdentityAsync(source, cancellationToken).ConfigureAwait(false);
            gtid = await SourceLog.ReadGtidAsync(source, cancellationToken).ConfigureAwait(false);
        }

        var target = await WriteSession.OpenAsync(definition.To, 20, cancellationToken).ConfigureAwait(false);
        await using var lease = target.ConfigureAwait(false);
        await ControlTables.CreateAsync(target, cancellationToken).ConfigureAwait(false);
        using var sql = new PayloadWriter();
        sql.Sql("BEGIN"u8);
        foreach (var table in (string[])[ControlTables.Stream, ControlTables.CopyRange, ControlTables.CopyTable, ControlTables.DdlIntent, ControlTables.StreamXa])
        {
            sql.Sql(";DELETE FROM "u8).Sql(table).Sql(table == ControlTables.Stream ? " WHERE id="u8 : " WHERE stream_id="u8).QuotedText(definition.Id);
        }

        sql.Sql(";INSERT INTO "u8).Sql(ControlTables.Stream).Sql(" (id,owner_token,source_identity,file,`offset`,gtid,updated) VALUES ("u8)
            .QuotedText(definition.Id).Sql(","u8).QuotedText(StreamRow.NewToken()).Sql(","u8).QuotedText(identity).Sql(","u8).QuotedText(at.File)
            .Sql(","u8).Number(at.Offset).Sql(","u8).QuotedText(gtid).Sql(",UTC_TIMESTAMP(6))"u8);
        if (definition.CopiesTables)
        {
            foreach (var table in definition.Tables)
            {
                sql.Sql(";INSERT INTO "u8).Sql(ControlTables.CopyTable).Sql(" (stream_id,table_schema,table_name,state) VALUES ("u8)
                    .QuotedText(definition.Id).Sql(","u8).QuotedText(table.Schema).Sql(","u8).QuotedText(table.Name).Sql(",'pending')"u8);
            }
        }

        await target.ExecuteMultiAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        await target.ExecuteAsync("COMMIT", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Gives the stream a new owner. Waits for whatever the last owner has under way; from then on its transactions find no row and end.
    /// </summary>
    /// <returns>The row with its new token.</returns>
    public static async Task<StreamRow> TakeOverAsync(BackendConnection target, string id, CancellationToken cancellationToken)
    {
        StreamRow? row;
        await target.ExecuteAsync("BEGIN", cancellationToken).ConfigureAwait(false);
        try
        {
            row = await StreamRow.ReadAsync(target, id, locked: true, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (e.Code is 1146 or 1049)
        {
            row = null;
        }

        if (row is null)
        {
            await target.ExecuteAsync("ROLLBACK", cancellationToken).ConfigureAwait(false);
            throw new ReplicationException($"The target has no record of the stream {id}; record its start first.");
        }

        row = row with { OwnerToken = StreamRow.NewToken() };
        using var sql = new PayloadWriter();
        sql.Sql("UPDATE ").Sql(ControlTables.Stream).Sql(" SET owner_token="u8).QuotedText(row.OwnerToken).Sql(" WHERE id="u8).QuotedText(id)
            .Sql(";UPDATE "u8).Sql(ControlTables.CopyRange).Sql(" SET owner_token="u8).QuotedText(row.OwnerToken)
            .Sql(" WHERE state<>'done' AND stream_id="u8).QuotedText(id);
        await target.ExecuteMultiAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        await target.ExecuteAsync("COMMIT", cancellationToken).ConfigureAwait(false);
        return row;
    }
}
