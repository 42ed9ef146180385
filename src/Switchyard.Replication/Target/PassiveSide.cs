using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Target;

/// <summary>A side that is only applied to must not act by itself: rows applied by SQL fire triggers, and events write on their own.</summary>
internal static class PassiveSide
{
    /// <exception cref="ReplicationException">A live trigger or event is there.</exception>
    public static async Task VerifyAsync(BackendConnection target, IReadOnlyCollection<TableName> tables, CancellationToken cancellationToken)
    {
        var ours = tables.ToHashSet(await TableNameComparer.ReadAsync(target, cancellationToken).ConfigureAwait(false));
        using var sql = new PayloadWriter();
        sql.Sql("SELECT trigger_name, event_object_schema, event_object_table FROM information_schema.triggers WHERE event_object_schema IN ("u8);
        WriteSchemas(sql, tables);
        var triggers = await target.QueryAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < triggers.RowCount; i++)
        {
            if (ours.Contains(new TableName(triggers.GetString(i, 1), triggers.GetString(i, 2))))
            {
                throw new ReplicationException($"Trigger {triggers.GetString(i, 0)} on {triggers.GetString(i, 1)}.{triggers.GetString(i, 2)} is live on the side that is only applied to, and would change rows a second time; drop it there (its definition stays on the other side).");
            }
        }

        sql.Reset();
        sql.Sql("SELECT event_schema, event_name, event_definition, sql_mode FROM information_schema.events WHERE status='ENABLED' AND @@global.event_scheduler='ON' AND event_schema IN ("u8);
        WriteSchemas(sql, tables);
        var events = await target.QueryAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        for (var i = 0; i < events.RowCount; i++)
        {
            if (StoredCode.Uses(events.GetString(i, 2), events.GetString(i, 0), events.GetString(i, 3), ours) || await IsWholeAsync(target, events.GetString(i, 0), ours, cancellationToken).ConfigureAwait(false))
            {
                throw new ReplicationException($"Event {events.GetString(i, 0)}.{events.GetString(i, 1)} is enabled on the side that is only applied to; disable it there (ALTER EVENT … DISABLE).");
            }
        }
    }

    /// <summary>Whether the schema has no tables but these: where others stay, events of theirs stay with them.</summary>
    private static async Task<bool> IsWholeAsync(BackendConnection target, string schema, HashSet<TableName> ours, CancellationToken cancellationToken)
    {
        var tables = await target.QueryAsync(
            $"SELECT table_name FROM information_schema.tables WHERE table_schema={SqlText.QuoteString(schema)} AND table_type='BASE TABLE'", cancellationToken).ConfigureAwait(false);
        return tables.Rows.All(r => ours.Contains(new TableName(schema, r.GetString(0))));
    }

    private static void WriteSchemas(PayloadWriter sql, IReadOnlyCollection<TableName> tables)
    {
        var first = true;
        foreach (var schema in tables.Select(t => t.Schema).Distinct())
        {
            sql.Sql(first ? ""u8 : ","u8).QuotedText(schema);
            first = false;
        }

        sql.Sql(")"u8);
    }
}
