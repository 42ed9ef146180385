using System.Text;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Apply;
using Switchyard.Replication.Copy;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Ddl;

/// <summary>
/// Follows changes of definition at their place in the order. What is about to run is written down first with the definitions before it, so
/// that after a crash a changed definition tells that it ran.
/// </summary>
internal sealed class DdlExecutor(StreamDefinition definition, StreamTables tables, TablePlanner planner)
{
    private const string ByHand = "Make the change on the target by hand, with the columns in the same order, and go on with `migration start --on-ddl ignore`; when that is passed, `migration start --on-ddl exec` follows the next ones again.";

    private readonly DdlTurn _turn = new(definition.Id);

    // Same words, other meaning on the other vendor: a column so declared would not hold the same bytes.
    private static readonly string[] s_notPortable = ["JSON", "UUID", "INET4", "INET6", "VECTOR", "CHARSET", "CHARACTER", "COLLATE", "CONVERT", "GENERATED", "VIRTUAL", "PERSISTENT", "STORED", "CHECK", "PARTITION", "SYSTEM", "PERIOD"];

    /// <param name="item">The statement.</param>
    /// <param name="reached">Where the log's next transaction begins, which is the statement's.</param>
    /// <param name="target">Where it is followed.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    /// <exception cref="TablesReplacedException">It brings rows behind a table's name that were never streamed.</exception>
    /// <exception cref="ReplicationException">It cannot be followed, or was not to be.</exception>
    public async Task HandleAsync(StatementItem item, BinlogPosition reached, TargetWriter target, CancellationToken cancellationToken)
    {
        var statement = item.Statement;
        var named = statement.Names.Concat(statement.NewNames).Select(n => tables.Find(n.Schema, n.Name)).OfType<StreamTable>().Distinct().ToArray();
        var met = named.Where(t => !t.IsMadeAnewAfter(reached)).Select(t => t.Name).ToArray();
        if (named.Length > 0 && met.Length == 0)
        {
            return;
        }

        if (statement.Kind == DdlKind.Change)
        {
            throw new ReplicationException($"The source changed rows of a migrated table by a statement logged as text, at {item.Position}, or may have done so through a view, trigger or function; such a change cannot be repeated exactly. Set binlog_format=ROW for every session of the source and copy again.");
        }

        if (statement.IsUnreadable)
        {
            if (definition.OnDdl == OnDdl.Ignore)
            {
                return;
            }

            throw new ReplicationException($"The source ran a statement that changes definitions at {item.Position} in a character set that is not read here (collation {item.Query.ClientCharsetId}); it may act on a migrated table. If it does: {ByHand} If it does not, go on with `migration start --on-ddl ignore` until it is passed. Changing definitions from sessions with SET NAMES utf8mb4 avoids this.");
        }

        if (statement.Kind == DdlKind.Own)
        {
            var changed = statement.Names.Where(n => tables.Find(n.Schema, n.Name) is not null).ToArray();
            await SpoilChunksAsync(changed, cancellationToken).ConfigureAwait(false);
            await ReloadAsync(item, changed, target, cancellationToken).ConfigureAwait(false);
            return;
        }

        if (statement.Kind is DdlKind.Rename)
        {
            throw Replaced(item, met);
        }

        if (met.Length != named.Length)
        {
            throw new ReplicationException($"One statement at {item.Position} changes {Listing(met)} and a table that was copied again after that ({Naming(statement)}). Cancel the migration and start again.");
        }

        if (statement.Kind is DdlKind.Database)
        {
            if (item.Query.SqlText.TrimStart().StartsWith("DROP", StringComparison.OrdinalIgnoreCase))
            {
                throw new ReplicationException($"The schema {statement.Names[0].Schema} of migrated tables was dropped on the source at {item.Position}; the target was left as it is.");
            }

            return;
        }

        if (statement.LeavesExisting && await DefinitionAsync(target.Connection, statement.Names[0], cancellationToken).ConfigureAwait(false) is not null)
        {
            // What the target holds at this place the source held, too: nothing was changed there.
            return;
        }

        var concerned = statement.Names.Where(n => tables.Find(n.Schema, n.Name) is not null).ToArray();
        if (definition.OnDdl == OnDdl.Stop)
        {
            throw new ReplicationException($"{Naming(statement)} changed by a statement at {item.Position}, and the migration was told to stop at such (--on-ddl stop). {ByHand} Or copy again.");
        }

        if (definition.OnDdl == OnDdl.Ignore)
        {
            return;
        }

        if (statement.MayBeTemporary)
        {
            throw new TablesReplacedException(met, $"{Naming(statement)} changed on the source by {statement.Verb} at {item.Position}, or a temporary table of that name that its session made before replication began", "which of the two cannot be told");
        }

        if (StatementText.IsForeign(item.Query))
        {
            throw new ReplicationException($"Table {string.Join(", ", concerned)} was changed on the source at {item.Position} by a statement in a character set other than UTF-8. {ByHand}");
        }

        if (concerned.Length != statement.Names.Count)
        {
            throw new ReplicationException($"One statement at {item.Position} changes migrated tables and others ({Naming(statement)}); it was not run on the target. Drop the tables one by one, or copy again.");
        }

        await SpoilChunksAsync(concerned, cancellationToken).ConfigureAwait(false);
        try
        {
            await RunOnceAsync(item, concerned, target, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (!ServerErrors.IsTransient(e) && !e.IsOutOfSpace)
        {
            if (definition.OnDdl != OnDdl.ExecIgnore && !(e.Code is 1091 or 1176 && await IsOnlyAboutDeferredAsync(concerned, cancellationToken).ConfigureAwait(false)))
            {
                throw new ReplicationException($"{Naming(statement)} changed on the source at {item.Position}; the target refused the same statement with error {e.Code}: {e.ServerMessage}. {ByHand} Or copy again.", e);
            }
        }

        await ReloadAsync(item, concerned, target, cancellationToken).ConfigureAwait(false);
    }

    public async Task ForgetIntentAsync(TargetWriter target, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter();
        sql.Sql("DELETE FROM ").Sql(ControlTables.DdlIntent).Sql(" WHERE stream_id="u8).QuotedText(definition.Id);
        await target.Connection.ExecuteAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
    }

    private static string Naming(DdlStatement statement) =>
        (statement.Names.Count == 1 ? "Table " : "Tables ") + string.Join(", ", statement.Names.Select(n => n.ToString())) + (statement.Names.Count == 1 ? " was" : " were");

    private static string Listing(IReadOnlyList<TableName> names) => (names.Count == 1 ? "table " : "tables ") + string.Join(", ", names);

    /// <summary>What to do where other rows are behind a name.</summary>
    private ReplicationException Replaced(StatementItem item, TableName[] met)
    {
        var (tables, it) = met.Length == 1 ? ("Table ", "it") : ("Tables ", "them");
        var what = $"{tables}{string.Join(", ", met)} {(met.Length == 1 ? "was" : "were")} replaced on the source by {item.Statement.Verb} at {item.Position}";
        return definition.OnDdl is OnDdl.Exec or OnDdl.ExecIgnore
            ? new TablesReplacedException(met, what)
            : new ReplicationException($"{what}: rows that were never streamed can be behind the name, and the migration was told not to follow (--on-ddl {definition.OnDdl.ToString().ToLowerInvariant()}). `migration start --on-ddl exec` copies {it} again.");
    }

    private async Task ReloadAsync(StatementItem item, TableName[] changed, TargetWriter target, CancellationToken cancellationToken)
    {
        if (await planner.ReloadAsync(changed, cancellationToken).ConfigureAwait(false) is { Count: > 0 } lost)
        {
            var isCopied = lost.Any(n => tables.Find(n.Schema, n.Name)?.Copy is not null);
            throw new TablesReplacedException(lost, $"{(lost.Count == 1 ? "Table" : "Tables")} {string.Join(", ", lost)} {(lost.Count == 1 ? "was" : "were")} dropped on the source, or got another key, by {item.Statement.Verb} at {item.Position}{(isCopied ? " while being copied" : "")}");
        }

        if (definition.CopiesTables)
        {
            // A table of that name that is made later is followed from its beginning on, and no range of this one concerns it.
            foreach (var name in changed.Where(n => tables.Find(n.Schema, n.Name) is { Plan: null }))
            {
                await CopyStore.FinishTableAsync(target.Connection, definition.Id, tables.Find(name.Schema, name.Name)!.Name, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task SpoilChunksAsync(TableName[] concerned, CancellationToken cancellationToken)
    {
        foreach (var name in concerned)
        {
            if (tables.Find(name.Schema, name.Name)?.Copy is not { } copy)
            {
                continue;
            }

            foreach (var chunk in copy.Active.ToArray())
            {
                if (chunk.State == ChunkState.Inserting)
                {
                    ChunkTransitions.Settle(copy, chunk, await chunk.Outcome.WaitAsync(cancellationToken).ConfigureAwait(false));
                }

                chunk.IsSpoiled = true;
            }
        }
    }

    /// <summary>
    /// Whether a statement that drops or renames an index failed because that index waits for the rows: then the target has every column the
    /// source has and no index the source lacks, and what is missing is built in the end as the source has it by then.
    /// </summary>
    private async Task<bool> IsOnlyAboutDeferredAsync(TableName[] concerned, CancellationToken cancellationToken)
    {
        if (!definition.CopiesTables)
        {
            return false;
        }

        var source = await BackendConnection.OpenAsync(definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var sourceLease = source.ConfigureAwait(false);
        var target = await BackendConnection.OpenAsync(definition.To with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var targetLease = target.ConfigureAwait(false);
        foreach (var name in concerned)
        {
            var there = await SchemaReader.ReadTableAsync(source, name, cancellationToken).ConfigureAwait(false);
            var here = await SchemaReader.ReadTableAsync(target, name, cancellationToken).ConfigureAwait(false);
            if (there is null || here is null
                || !there.Columns.Select(c => c.Name).SequenceEqual(here.Columns.Select(c => c.Name), StringComparer.OrdinalIgnoreCase)
                || here.Indexes.Any(i => !there.Indexes.Any(other => string.Equals(other.Name, i.Name, StringComparison.OrdinalIgnoreCase))))
            {
                return false;
            }
        }

        return true;
    }

    private async Task RunOnceAsync(StatementItem item, TableName[] concerned, TargetWriter target, CancellationToken cancellationToken)
    {
        var sourceIsMariaDb = planner.SourceServer.IsMariaDb;
        if (sourceIsMariaDb != planner.TargetServer.IsMariaDb && item.Statement.Kind is not (DdlKind.Truncate or DdlKind.Drop)
            && item.Statement.Words.FirstOrDefault(w => s_notPortable.Contains(w, StringComparer.OrdinalIgnoreCase)) is { } word)
        {
            throw new ReplicationException($"{Naming(item.Statement)} changed on the source at {item.Position} by a statement with {word.ToUpperInvariant()}, which means something else on the target's kind of server. {ByHand}");
        }

        if (VersionComments.FindApart(item.Query.SqlText, planner.SourceServer, planner.TargetServer) is { } comment)
        {
            throw new ReplicationException($"{Naming(item.Statement)} changed on the source at {item.Position} by a statement with a comment ({comment} …) that only one of the servers reads as a part of it. {ByHand}");
        }

        if (HazardOf(item.Statement, concerned) is { } hazard)
        {
            throw new ReplicationException($"{Naming(item.Statement)} changed on the source at {item.Position} by a statement that {hazard}");
        }

        var runner = await BackendConnection.OpenAsync(definition.To with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using (runner.ConfigureAwait(false))
        {
            await _turn.TakeAsync(runner, cancellationToken).ConfigureAwait(false);
            var before = await DefinitionsAsync(target.Connection, concerned, cancellationToken).ConfigureAwait(false);
            if (await AlreadyRanAsync(item, target.Connection, before, cancellationToken).ConfigureAwait(false))
            {
                return;
            }

            if (await new DdlSession(definition, planner.SourceServer, runner).PrepareAsync(item.Query, item.Statement, cancellationToken).ConfigureAwait(false) is { } why)
            {
                throw new ReplicationException($"{Naming(item.Statement)} changed on the source at {item.Position} by a statement that {why}. {ByHand}");
            }

            await WriteIntentAsync(item, target.Connection, before, cancellationToken).ConfigureAwait(false);
            if (item.Query.Schema.Length > 0 && tables.HasSchema(item.Query.Schema))
            {
                await runner.ChangeSchemaAsync(item.Query.Schema, cancellationToken).ConfigureAwait(false);
            }

            await runner.ExecuteAsync(item.Query.Sql, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Why a statement that runs well is not to be run, with the remedy; null for most.</summary>
    private string? HazardOf(DdlStatement statement, TableName[] concerned)
    {
        if (statement.Traits.Engine is { } engine)
        {
            return $"gives it the engine {engine}, in which changes and position cannot be committed as one. Run ALTER TABLE … ENGINE=InnoDB on the source, then cancel the migration and start again.";
        }

        if (statement.Traits.KeepsHistory)
        {
            return "lets it keep the history of its rows, whose times cannot be carried over. Take that back on the source, then cancel the migration and start again.";
        }

        if (statement.Traits.AddsInvented is { } function)
        {
            return $"fills a new column by {function}, which gives other values on each server. {ByHand} Then compare, and repair what differs (`migration diff`).";
        }

        return statement.Traits.AddsNumbers && concerned.Any(n => tables.Find(n.Schema, n.Name) is { } t && (t.Copy is not null || t.Plan?.TargetKey.Any(k => k.ExactComparison is not null) == true))
            ? "numbers the rows that are there, in an order that is not the target's. Cancel the migration and start again."
            : null;
    }

    // Collation ids of utf8mb3 and utf8mb4 shared by the vendors, and MySQL's and MariaDB's newer ones.
    private static async Task<string> DefinitionsAsync(BackendConnection connection, TableName[] names, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        foreach (var name in names)
        {
            text.Append(await DefinitionAsync(connection, name, cancellationToken).ConfigureAwait(false) ?? $"-- {name} does not exist\n");
        }

        return text.ToString();
    }

    private static async Task<string?> DefinitionAsync(BackendConnection connection, TableName name, CancellationToken cancellationToken)
    {
        try
        {
            var create = await connection.QueryAsync($"SHOW CREATE TABLE {name.Quoted}", cancellationToken).ConfigureAwait(false);
            return create.GetString(0, 1) + ";\n";
        }
        catch (ServerErrorException e) when (e.Code == 1146)
        {
            return null;
        }
    }

    private async Task<bool> AlreadyRanAsync(StatementItem item, BackendConnection connection, string now, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter();
        sql.Sql("SELECT file, `offset`, definitions FROM ").Sql(ControlTables.DdlIntent).Sql(" WHERE stream_id="u8).QuotedText(definition.Id);
        var intent = await connection.QueryAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
        return intent.RowCount == 1
            && new BinlogPosition(intent.GetString(0, 0), intent.GetUInt64(0, 1)) == item.Position
            && intent.GetString(0, 2) != now;
    }

    private async Task WriteIntentAsync(StatementItem item, BackendConnection connection, string before, CancellationToken cancellationToken)
    {
        using var sql = new PayloadWriter();
        sql.Sql("REPLACE INTO ").Sql(ControlTables.DdlIntent).Sql(" VALUES ("u8).QuotedText(definition.Id).Sql(","u8).QuotedText(item.Position.File)
            .Sql(","u8).Number(item.Position.Offset).Sql(","u8).QuotedBytes(item.Query.Sql.Span).Sql(","u8).QuotedText(before).Sql(")"u8);
        await connection.ExecuteAsync(sql.WrittenMemory, cancellationToken).ConfigureAwait(false);
    }
}
