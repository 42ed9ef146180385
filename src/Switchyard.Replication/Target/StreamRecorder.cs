using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Source;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>Writes the rows a stream begins with, and takes them over.</summary>
internal static class StreamRecorder
{
    public static async Task RecordAsync(StreamDefinition definition, BinlogPosition at, CancellationToken cancellationToken)
    {
        string identity;
        var source = await BackendConnection.OpenAsync(definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using (source.ConfigureAwait(false))
        {
            await SourceLog.VerifyContainsAsync(source, at, cancellationToken).ConfigureAwait(false);
            identity = await SourceLog.ReadIdentityAsync(source, cancellationToken).ConfigureAwait(false);
        }

        var target = await WriteSession.OpenAsync(definition.To, 20, cancellationToken).ConfigureAwait(false);
        await using var lease = target.ConfigureAwait(false);
        await ControlTables.HoldAsync(target, cancellationToken).ConfigureAwait(false);
        await ControlTables.CreateAsync(target, cancellationToken).ConfigureAwait(false);
        using var sql = new PayloadWriter();
        sql.Sql("BEGIN"u8);
        foreach (var table in (string[])[ControlTables.Stream, ControlTables.CopyRange, ControlTables.CopyTable, ControlTables.CopyAgain, ControlTables.DdlIntent, ControlTables.StreamXa])
        {
            sql.Sql(";DELETE FROM "u8).Sql(table).Sql(table == ControlTables.Stream ? " WHERE id="u8 : " WHERE stream_id="u8).QuotedText(definition.Id);
        }

        sql.Sql(";INSERT INTO "u8).Sql(ControlTables.Stream).Sql(" (id,owner_token,source_identity,file,`offset`,gtid,updated) VALUES ("u8)
            .QuotedText(definition.Id).Sql(","u8).QuotedText(StreamRow.NewToken()).Sql(","u8).QuotedText(identity).Sql(","u8).QuotedText(at.File)
            .Sql(","u8).Number(at.Offset).Sql(",'',UTC_TIMESTAMP(6))"u8);
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
    /// Where another server answers than the one the stream was recorded on: finds the stream's place in its log by GTIDs and records that.
    /// </summary>
    /// <exception cref="ReplicationException">It cannot be told, or the server lacks what is applied.</exception>
    public static async Task<StreamRow> FollowAsync(StreamDefinition definition, BackendConnection source, BackendConnection target, StreamRow row, CancellationToken cancellationToken)
    {
        var identity = await SourceLog.ReadIdentityAsync(source, cancellationToken).ConfigureAwait(false);
        if (identity == row.SourceIdentity)
        {
            return row;
        }

        await VerifyCanFollowAsync(definition, source, target, row, cancellationToken).ConfigureAwait(false);
        var position = await GtidPositions.LocateAsync(definition.From, source, row.Gtid, cancellationToken).ConfigureAwait(false);
        // All of them are passed, and in the other server's log they would lie anywhere.
        await CopyStore.ForgetMadeAnewAsync(target, row.Id, cancellationToken).ConfigureAwait(false);
        using var sql = new PayloadWriter();
        sql.Sql("UPDATE ").Sql(ControlTables.Stream).Sql(" SET source_identity="u8).QuotedText(identity).Sql(",file="u8).QuotedText(position.File)
            .Sql(",`offset`="u8).Number(position.Offset).Sql(",revision=revision+1,updated=UTC_TIMESTAMP(6) WHERE id="u8).QuotedText(row.Id)
            .Sql(" AND owner_token="u8).QuotedText(row.OwnerToken);
        var moved = await target.ExecuteAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        return moved.AffectedRows == 1
            ? row with { SourceIdentity = identity, Position = position }
            : throw new ReplicationException($"Another process has taken over the stream {row.Id} while its source moved; this one has stopped.");
    }

    /// <summary>Whether <see cref="FollowAsync"/> would find a place; changes nothing.</summary>
    public static async Task VerifyCanFollowAsync(StreamDefinition definition, BackendConnection source, BackendConnection target, StreamRow row, CancellationToken cancellationToken)
    {
        var where = $"{definition.From.Host}:{definition.From.Port}";
        if (!row.SourceIdentity.StartsWith(source.Server.IsMariaDb ? "mariadb:" : "mysql:", StringComparison.Ordinal))
        {
            throw new ReplicationException($"{where} is {source.Server.VersionString}, of another vendor than the server the stream {row.Id} was recorded on; their positions cannot be compared. Point the backend back at the old server, or copy again.");
        }

        if (row.Gtid.Length == 0)
        {
            throw new ReplicationException($"{where} is another server than the one the stream {row.Id} was recorded on, which gave its transactions no GTIDs; without them there is no telling where to go on. Point the backend back at the old server, or copy again (with gtid_mode=ON a move is possible).");
        }

        var open = await XaRows.LoadAsync(target, row.Id, cancellationToken).ConfigureAwait(false);
        if (open.Count > 0)
        {
            throw new ReplicationException($"XA transactions were prepared and not ended when the source moved to {where}: {PreparedXa.Describe([.. open.Select(x => x.Xid)])}; where their rows lie in its log is not known. Point the backend back at the old server until they have ended, or copy again. {XaRows.DescribeLost(row.Id, open[0].Xid)}.");
        }

        using var sql = new PayloadWriter();
        sql.Sql("SELECT 1 FROM ").Sql(ControlTables.DdlIntent).Sql(" WHERE stream_id="u8).QuotedText(row.Id);
        if ((await target.QueryAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false)).RowCount > 0)
        {
            throw new ReplicationException($"A change of definition was under way on the target when the source moved to {where}. Point the backend back at the old server until it is done, or copy again.");
        }

        if ((await CopyStore.ReadMadeAnewAsync(target, row.Id, cancellationToken).ConfigureAwait(false)).FirstOrDefault(t => t.At > row.Position) is { Table.Name: not null } ahead)
        {
            throw new ReplicationException($"Table {ahead.Table} is being copied again as it was at {ahead.At}, a place the stream had not reached when the source moved to {where}. Point the backend back at the old server until it has, or copy again.");
        }
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
