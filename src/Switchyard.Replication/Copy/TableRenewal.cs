using Microsoft.Extensions.Logging;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Schema;
using Switchyard.Replication.Source;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Copy;

/// <summary>
/// Lets the copy of some tables begin again: they are made anew on the target, as the source has them at a place of its log, from which on they are followed. Every step can be
/// repeated, and until the last one nothing says that the tables are anything but what they were.
/// </summary>
/// <param name="definition">The stream.</param>
/// <param name="deferIndexes">Leave secondary indexes that can wait.</param>
/// <param name="clock">Counts pauses.</param>
/// <param name="logger">Is told of attempts.</param>
/// <param name="delayed">Is told why it takes longer, and null when it does not any more.</param>
/// <param name="added">Those of the tables that the stream has not followed before.</param>
internal sealed class TableRenewal(
    StreamDefinition definition, bool deferIndexes, TimeProvider clock, ILogger logger, Action<string?>? delayed, IReadOnlyCollection<TableName> added)
{
    // Whoever changes definitions on and on is told after so many.
    private const int MaxChanges = 10;
    private const int RowLockWaitSeconds = 20;
    private const int TableLockWaitSeconds = 60;

    // The source's definitions are held still for so long at most.
    private static readonly TimeSpan s_holdLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(15);

    public async Task<IReadOnlyList<GateFinding>> RunAsync(IReadOnlyList<TableName> names, CancellationToken cancellationToken)
    {
        var pause = s_firstPause;
        var changes = 0;
        while (true)
        {
            try
            {
                var findings = await RunOnceAsync(names, cancellationToken).ConfigureAwait(false);
                delayed?.Invoke(null);
                return findings;
            }
            catch (Exception e) when (ServerErrors.IsPassing(e) || (e is ServerErrorException s && ServerErrors.IsDefinitionChange(s) && ++changes < MaxChanges))
            {
                delayed?.Invoke(e is ServerErrorException { Code: ServerErrors.LockWaitTimeout }
                    ? $"somebody on the target has used {string.Join(", ", names)} in a transaction or a statement that has not ended, which keeps it from being dropped"
                    : e.Message);
                logger.CopyReconnecting(pause.TotalMilliseconds, e is ServerErrorException server ? $"error {server.Code}" : e.Message);
                await Task.Delay(pause, clock, cancellationToken).ConfigureAwait(false);
                pause = pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
            }
        }
    }

    private async Task<IReadOnlyList<GateFinding>> RunOnceAsync(IReadOnlyList<TableName> names, CancellationToken cancellationToken)
    {
        var source = await BackendConnection.OpenAsync(definition.From with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var sourceLease = source.ConfigureAwait(false);
        var target = await BackendConnection.OpenAsync(definition.To with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var targetLease = target.ConfigureAwait(false);
        var writer = await WriteSession.OpenAsync(definition.To, RowLockWaitSeconds, cancellationToken).ConfigureAwait(false);
        await using var writerLease = writer.ConfigureAwait(false);

        // From here on nothing that another process still has under way for the stream makes a table or writes to one.
        await new DdlTurn(definition.Id).TakeAsync(target, cancellationToken).ConfigureAwait(false);
        var row = await StreamRecorder.TakeOverAsync(writer, definition.Id, cancellationToken).ConfigureAwait(false);
        row = await StreamRecorder.FollowAsync(definition, source, writer, row, cancellationToken).ConfigureAwait(false);

        var tables = await WithCascadesAsync(source, target, names, cancellationToken).ConfigureAwait(false);
        await VerifyAsync(source, target, tables, cancellationToken).ConfigureAwait(false);
        await CreateControlTablesAsync(cancellationToken).ConfigureAwait(false);
        await FaultPoints.HitAsync("copy.again.drop.before", cancellationToken).ConfigureAwait(false);
        await target.ExecuteAsync($"SET SESSION foreign_key_checks=0, lock_wait_timeout={TableLockWaitSeconds}", cancellationToken).ConfigureAwait(false);
        await target.ExecuteAsync($"DROP TABLE IF EXISTS {string.Join(", ", tables.Select(t => t.Quoted))}", cancellationToken).ConfigureAwait(false);
        await FaultPoints.HitAsync("copy.again.create.before", cancellationToken).ConfigureAwait(false);
        var (at, findings) = await TryCreateAsync(source, target, row.SourceIdentity, tables, cancellationToken).ConfigureAwait(false);
        await FaultPoints.HitAsync("copy.again.mark.before", cancellationToken).ConfigureAwait(false);
        await CopyStore.BeginAgainAsync(writer, definition, tables, at, cancellationToken).ConfigureAwait(false);
        logger.CopiesAgain(definition.Id, string.Join(", ", tables), at);
        await FaultPoints.HitAsync("copy.again.mark.after", cancellationToken).ConfigureAwait(false);
        return findings;
    }

    /// <summary>
    /// Where cascaded changes are not in the source's log, the target makes them, from parents that are complete; so children begin again with their parents. By the foreign keys of
    /// both sides: the source's are those from here on, the target's were those before.
    /// </summary>
    private async Task<IReadOnlyList<TableName>> WithCascadesAsync(BackendConnection source, BackendConnection target, IReadOnlyList<TableName> names, CancellationToken cancellationToken)
    {
        if (definition.SourceLogsCascades ?? await TablePlanner.ReadLogsCascadesAsync(source, cancellationToken).ConfigureAwait(false))
        {
            return names;
        }

        var comparer = await TableNameComparer.ReadAsync(source, cancellationToken).ConfigureAwait(false);
        var children = new List<(TableName Child, TableName Parent)>();
        foreach (var server in (BackendConnection[])[source, target])
        {
            foreach (var schema in definition.Tables.Select(t => t.Schema).Distinct())
            {
                var keys = await SchemaReader.ReadForeignKeysAsync(server, schema, cancellationToken).ConfigureAwait(false);
                children.AddRange(keys.SelectMany(t => t.Value.Where(k => k.Cascades).Select(k => (t.Key, k.ReferencedTable))));
            }
        }

        var all = new HashSet<TableName>(names, comparer);
        for (var known = 0; known < all.Count;)
        {
            known = all.Count;
            all.UnionWith(children.Where(c => all.Contains(c.Parent)).Select(c => c.Child).ToArray());
        }

        return [.. definition.Tables.Where(all.Contains).Order()];
    }

    /// <summary>What preflight would say of the tables as they are now.</summary>
    private async Task VerifyAsync(BackendConnection source, BackendConnection target, IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        foreach (var table in tables)
        {
            if (await SchemaReader.ReadTableAsync(source, table, cancellationToken).ConfigureAwait(false) is null)
            {
                throw new ReplicationException($"Table {table} is not on the source any more, so it cannot be copied again. Give a table that name again on the source and start, or cancel the migration and leave the table out.");
            }
        }

        var findings = new List<GateFinding>();
        var request = new GateRequest
        {
            Source = definition.From,
            Target = definition.To,
            Schemas = [.. definition.Tables.GroupBy(t => t.Schema).Select(s => new GateSchema(s.Key) { Tables = [.. s.Select(t => t.Name)] })],
            IsResume = true,
        };
        var server = await ServerFacts.ReadAsync(source, cancellationToken).ConfigureAwait(false);
        await SchemaRules.CheckAsync(request, source, server, target, findings, cancellationToken).ConfigureAwait(false);
        var refused = findings.Where(f => f.Severity == GateSeverity.Refuse && tables.Any(t => f.Subject == t.ToString() || f.Subject.StartsWith($"{t}.", StringComparison.Ordinal))).ToList();
        if (refused.Count > 0)
        {
            throw new ReplicationException($"What is on the source now cannot be copied again; the target was left as it is. {string.Join(' ', refused)}");
        }

        await VerifyAddedAsync(target, cancellationToken).ConfigureAwait(false);
        await VerifyChildrenAsync(source, target, tables, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>An attempt that was ended has left an added table empty; rows in it are somebody else's.</summary>
    private async Task VerifyAddedAsync(BackendConnection target, CancellationToken cancellationToken)
    {
        foreach (var table in added)
        {
            var isThere = (await target.QueryAsync(
                $"SELECT 1 FROM information_schema.tables WHERE table_schema={SqlText.QuoteString(table.Schema)} AND table_name={SqlText.QuoteString(table.Name)}", cancellationToken).ConfigureAwait(false)).RowCount > 0;
            if (isThere && (await target.QueryAsync($"SELECT 1 FROM {table.Quoted} LIMIT 1", cancellationToken).ConfigureAwait(false)).RowCount > 0)
            {
                throw new ReplicationException($"The target has a table {table} that holds rows, which are not the migration's. Drop or rename it there, and add the table again.");
            }
        }
    }

    /// <summary>
    /// A foreign key goes with the table it refers to when that is renamed. On the target it would refer to the new table by the old name, which is another key: rows that the source takes
    /// could be refused there.
    /// </summary>
    private async Task VerifyChildrenAsync(BackendConnection source, BackendConnection target, IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        var comparer = await TableNameComparer.ReadAsync(source, cancellationToken).ConfigureAwait(false);
        var renewed = tables.ToHashSet(comparer);
        foreach (var schema in definition.Tables.Select(t => t.Schema).Distinct())
        {
            var there = new Dictionary<TableName, IReadOnlyList<ForeignKeyDefinition>>(await SchemaReader.ReadForeignKeysAsync(source, schema, cancellationToken).ConfigureAwait(false), comparer);
            foreach (var (child, keys) in (await SchemaReader.ReadForeignKeysAsync(target, schema, cancellationToken).ConfigureAwait(false)).Where(t => !renewed.Contains(t.Key)))
            {
                foreach (var key in keys.Where(k => renewed.Contains(k.ReferencedTable)))
                {
                    var now = there.GetValueOrDefault(child, []).FirstOrDefault(k => string.Equals(k.Name, key.Name, StringComparison.OrdinalIgnoreCase));
                    if (now is not null && !comparer.Equals(now.ReferencedTable, key.ReferencedTable))
                    {
                        throw new ReplicationException(
                            $"Foreign key {now.Name} of {child} refers to {now.ReferencedTable} on the source, since that is what {key.ReferencedTable} is called now, so {key.ReferencedTable} cannot be copied again; the target was left as it is. "
                            + $"Let it refer to {key.ReferencedTable} on the source (ALTER TABLE {child.Quoted} DROP FOREIGN KEY {SqlText.QuoteIdentifier(now.Name)}, and ADD it anew), or drop it there, and start.");
                    }
                }
            }
        }
    }

    private async Task CreateControlTablesAsync(CancellationToken cancellationToken)
    {
        var connection = await BackendConnection.OpenAsync(definition.To with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var lease = connection.ConfigureAwait(false);
        await ControlTables.HoldAsync(connection, cancellationToken).ConfigureAwait(false);
        await ControlTables.CreateAsync(connection, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Where the target refuses one, none of those that are not needed without it stays.</summary>
    private async Task<(BinlogPosition At, IReadOnlyList<GateFinding> Findings)> TryCreateAsync(
        BackendConnection source, BackendConnection target, string identity, IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        try
        {
            return await CreateAsync(source, target, identity, tables, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (added.Count > 0 && target.IsUsable && (e is SchemaTranslationException || (e is ServerErrorException && !ServerErrors.IsPassing(e))))
        {
            await target.ExecuteAsync($"DROP TABLE IF EXISTS {string.Join(", ", added.Select(t => t.Quoted))}", cancellationToken).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Creates the tables as they are at one place of the source's log. A transaction that has read them keeps every definition as it is until it ends: what changed one
    /// before is in the log up to the end read meanwhile, and what comes after behind it.
    /// </summary>
    private async Task<(BinlogPosition At, IReadOnlyList<GateFinding> Findings)> CreateAsync(
        BackendConnection source, BackendConnection target, string identity, IReadOnlyList<TableName> tables, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(s_holdLimit, clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            var holder = await SourceSession.OpenAsync(definition.From, either.Token).ConfigureAwait(false);
            await using var lease = holder.ConfigureAwait(false);
            if (await SourceLog.ReadIdentityAsync(holder, either.Token).ConfigureAwait(false) != identity)
            {
                throw new SourceMovedException($"{definition.From.Host}:{definition.From.Port} became another server while tables of the stream {definition.Id} were made anew.");
            }

            await holder.ExecuteAsync("START TRANSACTION", either.Token).ConfigureAwait(false);
            foreach (var table in tables)
            {
                await holder.QueryAsync($"SELECT 1 FROM {table.Quoted} LIMIT 1", either.Token).ConfigureAwait(false);
            }

            var at = await SourceLog.ReadEndAsync(holder, either.Token).ConfigureAwait(false);
            await FaultPoints.HitAsync("copy.again.held", either.Token).ConfigureAwait(false);
            var copier = new SchemaCopier(source, target);
            var findings = new List<GateFinding>();
            foreach (var schema in tables.GroupBy(t => t.Schema))
            {
                string[] names = [.. schema.Select(t => t.Name)];
                if (target.Server.IsMariaDb && await SequenceReader.ListMovingAsync(source, schema.Key, names, either.Token).ConfigureAwait(false) is { Count: > 0 } sequences)
                {
                    await copier.CopySequencesAsync(schema.Key, [.. sequences.Select(s => s.Name)], either.Token).ConfigureAwait(false);
                }

                findings.AddRange((await copier.CopyTablesAsync(schema.Key, names, deferIndexes, either.Token).ConfigureAwait(false)).Findings);
            }

            await holder.ExecuteAsync("ROLLBACK", either.Token).ConfigureAwait(false);
            return (at, findings);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new BackendUnavailableException(UnavailableReason.TimedOut, $"Creating {string.Join(", ", tables)} took longer than definitions of the source are held still for.", e);
        }
    }
}
