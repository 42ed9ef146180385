using System.Text;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Keys;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Copy;

/// <summary>The copy's progress on the target: tables, and ranges planned and done.</summary>
internal static class CopyStore
{
    /// <summary>Gives every table that is not copied completely its state: what is copied, what is left.</summary>
    public static async Task LoadAsync(BackendConnection target, string streamId, StreamTables tables, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter();
        sql.Sql("SELECT table_schema, table_name, state, frontier, planned_to_end FROM ").Sql(ControlTables.CopyTable).Sql(" WHERE stream_id="u8).QuotedText(streamId);
        var states = await target.QueryAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        foreach (var row in states.Rows)
        {
            if (tables.Find(row.GetString(0), row.GetString(1)) is not { Plan: { } plan } table)
            {
                continue;
            }

            var work = new TableWork(table);
            table.Work = work;
            if (row.GetString(2) == "copied")
            {
                work.Phase = CopyPhase.Copied;
                work.IsPlannedToEnd = true;
            }
            else
            {
                table.Copy = new TableCopyState(plan);
                work.Frontier = row.IsNull(3) ? null : KeyBound.Parse(plan.Codec, row.GetString(3));
                work.IsPlannedToEnd = row.GetInt64(4) != 0;
            }
        }

        foreach (var (name, at) in await ReadMadeAnewAsync(target, streamId, cancellationToken).ConfigureAwait(false))
        {
            if (tables.Find(name.Schema, name.Name) is { } table)
            {
                table.MadeAnewAt = at;
            }
        }

        sql.Reset();
        sql.Sql("SELECT table_schema, table_name, range_no, lower_bound, upper_bound, rows_copied, state FROM ").Sql(ControlTables.CopyRange)
            .Sql(" WHERE stream_id="u8).QuotedText(streamId).Sql(" ORDER BY range_no"u8);
        var ranges = await target.QueryAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        foreach (var row in ranges.Rows)
        {
            if (tables.Find(row.GetString(0), row.GetString(1)) is { Plan: { } plan, Work: { } work } table)
            {
                Load(row, plan, work, table.Copy);
            }
        }
    }

    /// <summary>Plans a range: the row is there before the range is begun. A table that was let go meanwhile stays so.</summary>
    public static async Task PlanAsync(BackendConnection target, string streamId, string ownerToken, TableWork work, PlannedRange planned, bool toEnd, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter();
        sql.Sql("BEGIN;UPDATE ").Sql(ControlTables.CopyTable).Sql(" SET state='copying',frontier="u8).Bound(planned.Range.Upper)
            .Sql(",planned_to_end="u8).Sql(toEnd ? "1"u8 : "0"u8).TableKey(streamId, work.Table.Name).Sql(" AND state<>'copied';"u8);
        WriteInsert(sql, streamId, ownerToken, work.Table.Name, planned);
        await target.ExecuteMultiAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        await target.ExecuteAsync("COMMIT", cancellationToken).ConfigureAwait(false);
    }

    public static void WriteInsert(PayloadWriter sql, string streamId, string ownerToken, TableName table, PlannedRange planned) =>
        sql.Sql("INSERT INTO ").Sql(ControlTables.CopyRange).Sql(" (stream_id,table_schema,table_name,range_no,owner_token,lower_bound,upper_bound,state) VALUES ("u8)
            .QuotedText(streamId).Sql(","u8).QuotedText(table.Schema).Sql(","u8).QuotedText(table.Name).Sql(","u8).Number(planned.Number).Sql(","u8)
            .QuotedText(ownerToken).Sql(","u8).Bound(planned.Range.Lower).Sql(","u8).Bound(planned.Range.Upper).Sql(",'planned')"u8);

    /// <summary>Marks the transaction as ours, and checks that the range still is.</summary>
    public static void WriteMark(PayloadWriter sql, string streamId, string ownerToken, TableName table, ulong number) =>
        sql.Sql("UPDATE ").Sql(ControlTables.CopyRange).Sql(" SET revision=revision+1"u8).RangeKey(streamId, ownerToken, table, number);

    public static void WriteDone(PayloadWriter sql, string streamId, string ownerToken, TableName table, ulong number, KeyRange range, long rows) =>
        sql.Sql("UPDATE ").Sql(ControlTables.CopyRange).Sql(" SET state='done',rows_copied="u8).Number((ulong)rows).Sql(",upper_bound="u8).Bound(range.Upper)
            .RangeKey(streamId, ownerToken, table, number);

    /// <summary>Reads, under the row's lock, whether a range is done.</summary>
    public static async Task<bool> IsDoneAsync(BackendConnection target, string streamId, TableName table, ulong number, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter();
        sql.Sql("SELECT state FROM ").Sql(ControlTables.CopyRange).TableKey(streamId, table).Sql(" AND range_no="u8).Number(number).Sql(" FOR UPDATE"u8);
        var result = await target.QueryAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        return result.RowCount == 1 && result.GetString(0, 0) == "done";
    }

    public static async Task FinishTableAsync(BackendConnection target, string streamId, TableName table, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter();
        sql.Sql("UPDATE ").Sql(ControlTables.CopyTable).Sql(" SET state='copied'"u8).TableKey(streamId, table);
        await target.ExecuteAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Lets the copy of some tables, empty now, begin again, and records from where in the log on they are followed.</summary>
    /// <param name="target">Where it is recorded.</param>
    /// <param name="definition">The stream. One that was recorded without a copy, between servers that held the same, has the others copied.</param>
    /// <param name="tables">The tables.</param>
    /// <param name="at">The place in the log.</param>
    /// <param name="cancellationToken">Takes it back.</param>
    public static async Task BeginAgainAsync(BackendConnection target, StreamDefinition definition, IReadOnlyList<TableName> tables, BinlogPosition at, CancellationToken cancellationToken)
    {
        var streamId = definition.Id;
        using var sql = new PayloadWriter();
        sql.Sql("BEGIN"u8);
        foreach (var table in definition.Tables.Except(tables))
        {
            sql.Sql(";INSERT IGNORE INTO "u8).Sql(ControlTables.CopyTable).Sql(" (stream_id,table_schema,table_name,state) VALUES ("u8).QuotedText(streamId).Sql(","u8).QuotedText(table.Schema)
                .Sql(","u8).QuotedText(table.Name).Sql(",'copied')"u8);
        }

        foreach (var table in tables)
        {
            sql.Sql(";DELETE FROM "u8).Sql(ControlTables.CopyRange).TableKey(streamId, table)
                .Sql(";REPLACE INTO "u8).Sql(ControlTables.CopyTable).Sql(" (stream_id,table_schema,table_name,state) VALUES ("u8).QuotedText(streamId).Sql(","u8).QuotedText(table.Schema)
                .Sql(","u8).QuotedText(table.Name).Sql(",'pending')"u8)
                .Sql(";REPLACE INTO "u8).Sql(ControlTables.CopyAgain).Sql(" VALUES ("u8).QuotedText(streamId).Sql(","u8).QuotedText(table.Schema).Sql(","u8).QuotedText(table.Name)
                .Sql(","u8).QuotedText(at.File).Sql(","u8).Number(at.Offset).Sql(")"u8);
        }

        await target.ExecuteMultiAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        await target.ExecuteAsync("COMMIT", cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The tables made anew, and where the log stood then.</summary>
    public static async Task<IReadOnlyList<(TableName Table, BinlogPosition At)>> ReadMadeAnewAsync(BackendConnection target, string streamId, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter();
        sql.Sql("SELECT table_schema, table_name, file, `offset` FROM ").Sql(ControlTables.CopyAgain).Sql(" WHERE stream_id="u8).QuotedText(streamId);
        try
        {
            var rows = await target.QueryAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
            return [.. rows.Rows.Select(r => (new TableName(r.GetString(0), r.GetString(1)), new BinlogPosition(r.GetString(2), r.GetUInt64(3))))];
        }
        catch (ServerErrorException e) when (e.Code == 1146)
        {
            // Earlier versions did not have it.
            return [];
        }
    }

    /// <summary>Forgets where tables were made anew.</summary>
    public static async Task ForgetMadeAnewAsync(BackendConnection target, string streamId, CancellationToken cancellationToken)
    {
        foreach (var (table, _) in await ReadMadeAnewAsync(target, streamId, cancellationToken).ConfigureAwait(false))
        {
            using var sql = new PayloadWriter();
            sql.Sql("DELETE FROM ").Sql(ControlTables.CopyAgain).TableKey(streamId, table);
            await target.ExecuteAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        }
    }

    private static void Load(QueryRow row, TablePlan plan, TableWork work, TableCopyState? copy)
    {
        var number = row.GetUInt64(2);
        work.SawNumber(number);
        work.RowsCopied += row.GetInt64(5);
        if (copy is null)
        {
            return;
        }

        var range = new KeyRange(
            row.IsNull(3) ? null : KeyBound.Parse(plan.Codec, row.GetString(3)),
            row.IsNull(4) ? null : KeyBound.Parse(plan.Codec, row.GetString(4)));
        work.Phase = CopyPhase.Copying;
        if (row.GetString(6) != "done")
        {
            work.Waiting.Enqueue(new PlannedRange(number, range, MayHoldRows: true));
            // The range may have been begun: changes were applied to it, and have to be from here on.
            if (!plan.Cascades.NeedsExactCopy)
            {
                copy.Begin(number, range);
            }

            return;
        }

        copy.HasBegun = true;
        if (copy.JudgesRanges)
        {
            copy.Copied.Add(range);
        }
    }

    private static PayloadWriter Bound(this PayloadWriter sql, KeyBound? bound) =>
        bound is null ? sql.Sql("NULL"u8) : sql.QuotedText(bound.ToText());

    private static PayloadWriter TableKey(this PayloadWriter sql, string streamId, TableName table) =>
        sql.Sql(" WHERE stream_id="u8).QuotedText(streamId).Sql(" AND table_schema="u8).QuotedText(table.Schema).Sql(" AND table_name="u8).QuotedText(table.Name);

    private static PayloadWriter RangeKey(this PayloadWriter sql, string streamId, string ownerToken, TableName table, ulong number) =>
        sql.TableKey(streamId, table).Sql(" AND range_no="u8).Number(number).Sql(" AND state='planned' AND owner_token="u8).QuotedText(ownerToken);
}
