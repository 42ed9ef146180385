using Switchyard.Client;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Schema;

/// <summary>What a schema copy leaves for later, and what it could not carry over exactly.</summary>
/// <param name="Findings">Differences between the two sides, as sentences.</param>
/// <param name="Tables">The tables that exist on the target now.</param>
public sealed record SchemaCopyReport(IReadOnlyList<GateFinding> Findings, IReadOnlyList<TableName> Tables);

/// <summary>Secondary indexes of one table that are built after its rows.</summary>
/// <param name="Table">The table.</param>
/// <param name="Indexes">Their names.</param>
/// <param name="Statement">One ALTER TABLE that builds them all.</param>
public sealed record DeferredIndexes(TableName Table, IReadOnlyList<string> Indexes, string Statement);

/// <summary>
/// Creates on the target what the source has: sequences, tables translated to the target's vendor and version, then routines and views. Triggers and
/// events are left to the switch, since rows applied to the target must not fire them. Everything can be repeated after a crash. Uses both
/// connections, whose session settings it changes; one caller at a time.
/// </summary>
public sealed class SchemaCopier(BackendConnection source, BackendConnection target)
{
    private ServerTraits? _sourceTraits;
    private ServerTraits? _targetTraits;

    /// <summary>Up to this size of its rows, as the source estimates, a table has all its indexes from the beginning: to build them later, by a statement that makes the table anew or waits for it, costs more.</summary>
    internal long SmallTableBytes { get; init; } = 1024 * 1024;

    /// <summary>Creates the schema and the tables; those that exist are left as they are.</summary>
    /// <param name="schema">The schema, of the same name on both sides.</param>
    /// <param name="tables">The tables by name.</param>
    /// <param name="deferIndexes">Leave secondary indexes that can wait, of tables that are not small, to <see cref="FindDeferredAsync"/>.</param>
    /// <param name="cancellationToken">Stops between statements.</param>
    /// <exception cref="ServerErrorException">A connection or the target's storage failed.</exception>
    /// <exception cref="SchemaTranslationException">A table cannot be expressed on the target, and nothing was created; or the target refused one that could not be told before.</exception>
    public async Task<SchemaCopyReport> CopyTablesAsync(
        string schema, IReadOnlyCollection<string> tables, bool deferIndexes, CancellationToken cancellationToken)
    {
        var translated = await TranslateAsync(schema, tables, t => deferIndexes && t.DataLength > SmallTableBytes, cancellationToken).ConfigureAwait(false);
        var findings = translated.SelectMany(t => t.Findings).ToList();
        if (findings.Exists(f => f.Severity == GateSeverity.Refuse))
        {
            throw new SchemaTranslationException([.. findings.Where(f => f.Severity == GateSeverity.Refuse)]);
        }

        await TargetSession.PrepareAsync(target, cancellationToken).ConfigureAwait(false);
        await target.ExecuteAsync(await CreateSchemaAsync(schema, findings, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        // A server that has no function of a name looks for one in the session's schema, and names it then.
        await target.ChangeSchemaAsync(schema, cancellationToken).ConfigureAwait(false);
        foreach (var table in translated)
        {
            await CreateAsync(table, cancellationToken).ConfigureAwait(false);
        }

        return new SchemaCopyReport(findings, [.. translated.Select(t => t.Name)]);
    }

    /// <summary>Creates the schema and its sequences, which tables may take their defaults from; those that exist are left as they are.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="only">Only these of its sequences; null for all.</param>
    /// <param name="cancellationToken">Stops between statements.</param>
    /// <exception cref="ServerErrorException">The target refused a statement.</exception>
    public async Task CopySequencesAsync(string schema, IReadOnlyCollection<string>? only, CancellationToken cancellationToken)
    {
        var all = await SequenceReader.ListAsync(source, schema, cancellationToken).ConfigureAwait(false);
        var sequences = all.Where(s => only?.Contains(s.Name) ?? true).ToList();
        if (sequences.Count == 0)
        {
            return;
        }

        await TargetSession.PrepareAsync(target, cancellationToken).ConfigureAwait(false);
        await target.ExecuteAsync(await CreateSchemaAsync(schema, [], cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        foreach (var sequence in sequences)
        {
            await target.ExecuteAsync(await SequenceReader.ReadStatementAsync(source, sequence, target.Server, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The indexes the source's tables have and the target's do not have yet, as one ALTER TABLE per table.</summary>
    public async Task<IReadOnlyList<DeferredIndexes>> FindDeferredAsync(
        string schema, IReadOnlyCollection<string> tables, CancellationToken cancellationToken)
    {
        var translated = await TranslateAsync(schema, tables, _ => true, cancellationToken).ConfigureAwait(false);
        var existing = (await SchemaReader.ReadTablesAsync(target, schema, cancellationToken).ConfigureAwait(false))
            .ToDictionary(t => t.Name.Name, t => t.Indexes.Select(i => i.Name).ToHashSet(StringComparer.OrdinalIgnoreCase), StringComparer.Ordinal);
        var result = new List<DeferredIndexes>();
        foreach (var table in translated)
        {
            var missing = existing.TryGetValue(table.Name.Name, out var present)
                ? table.DeferredIndexes.Where(i => !present.Contains(i.Name)).ToList()
                : [];
            if (missing.Count > 0)
            {
                result.Add(new DeferredIndexes(
                    table.Name,
                    [.. missing.Select(i => i.Name)],
                    $"ALTER TABLE {table.Name.Quoted} {string.Join(", ", missing.Select(i => $"ADD {i.Definition}"))}"));
            }
        }

        return result;
    }

    /// <summary>
    /// Creates routines, then views in an order that satisfies their dependencies. What the target refuses is reported, not thrown: the
    /// application may never use it. Several schemas are created as one, since their views may need each other.
    /// </summary>
    public async Task<SchemaCopyReport> CopyViewsAndRoutinesAsync(IReadOnlyCollection<string> schemas, CancellationToken cancellationToken)
    {
        var (routines, views) = (new List<SchemaObject>(), new List<SchemaObject>());
        foreach (var schema in schemas)
        {
            routines.AddRange(await SchemaObjectReader.ReadRoutinesAsync(source, schema, cancellationToken).ConfigureAwait(false));
            views.AddRange(await SchemaObjectReader.ReadViewsAsync(source, schema, cancellationToken).ConfigureAwait(false));
        }

        List<SchemaObject> objects = [.. routines, .. views];
        await TargetSession.PrepareAsync(target, cancellationToken).ConfigureAwait(false);
        var findings = await new ObjectCreator(target, await TargetTraitsAsync(cancellationToken).ConfigureAwait(false))
            .CreateAllAsync(objects, cancellationToken).ConfigureAwait(false);
        return new SchemaCopyReport(findings, []);
    }

    /// <summary>What translating would find, without creating anything.</summary>
    internal async Task<IReadOnlyList<GateFinding>> TryTranslateAsync(
        string schema, IReadOnlyCollection<string> tables, CancellationToken cancellationToken) =>
        [.. (await TranslateAsync(schema, tables, _ => true, cancellationToken).ConfigureAwait(false)).SelectMany(t => t.Findings)];

    private async Task CreateAsync(TranslatedTable table, CancellationToken cancellationToken)
    {
        try
        {
            await target.ExecuteAsync(table.CreateStatement, cancellationToken).ConfigureAwait(false);
        }
        catch (ServerErrorException e) when (!ServerErrors.IsPassing(e) && !e.IsOutOfSpace)
        {
            // No translation knows every function of the other server.
            throw new SchemaTranslationException([GateFinding.Refuse(
                "table_refused", table.Name.ToString(), $"The target refuses to create {table.Name} with error {e.Code}: {e.ServerMessage.TrimEnd('.')}.",
                "Change the table on the source to what both servers take, or create it on the target by hand with the same columns in the same order, and start the migration again; or cancel it and leave the table out.")]);
        }
    }

    private async Task<IReadOnlyList<TranslatedTable>> TranslateAsync(
        string schema, IReadOnlyCollection<string> tables, Func<TableDefinition, bool> defersIndexes, CancellationToken cancellationToken)
    {
        _sourceTraits ??= await ServerTraits.ReadAsync(source, cancellationToken).ConfigureAwait(false);
        var translator = new TableTranslator(_sourceTraits, await TargetTraitsAsync(cancellationToken).ConfigureAwait(false));
        var definitions = await SchemaReader.ReadTablesAsync(source, schema, cancellationToken).ConfigureAwait(false);
        var outer = await OuterForeignKeys.ReadAsync(source, [schema], cancellationToken).ConfigureAwait(false);
        var referenced = definitions.SelectMany(t => t.ForeignKeys).Where(f => string.Equals(f.ReferencedTable.Schema, schema, StringComparison.OrdinalIgnoreCase))
            .Select(f => (Parent: f.ReferencedTable.Name, f.ReferencedColumns)).Concat(outer.Select(k => (Parent: k.Parent.Name, ReferencedColumns: k.Columns)))
            .ToLookup(f => f.Parent, f => f.ReferencedColumns, StringComparer.OrdinalIgnoreCase);
        var translated = new List<TranslatedTable>();
        foreach (var table in definitions.Where(t => tables.Contains(t.Name.Name)))
        {
            var (complete, findings) = await WithUnprintedAsync(table, cancellationToken).ConfigureAwait(false);
            var result = translator.Translate(complete, [.. referenced[table.Name.Name]], defersIndexes(table));
            translated.Add(result with { Findings = [.. findings, .. result.Findings] });
        }

        return translated;
    }

    private async Task<(TableDefinition Table, IReadOnlyList<GateFinding> Findings)> WithUnprintedAsync(TableDefinition table, CancellationToken cancellationToken)
    {
        try
        {
            return (table with { Unprinted = await UnprintedText.ReadAsync(source, table, cancellationToken).ConfigureAwait(false) }, []);
        }
        catch (ServerErrorException e) when (!ServerErrors.IsPassing(e))
        {
            return (table, [GateFinding.Refuse(
                "text_unprinted", table.Name.ToString(), $"The source prints members or defaults of {table.Name} with a question mark, which can stand for a character that it cannot print, and does not let the account find out: {e.ServerMessage.TrimEnd('.')}.",
                $"Run on the source: GRANT CREATE TEMPORARY TABLES ON {SqlText.QuoteIdentifier(table.Name.Schema)}.* to the account, or exclude the table.")]);
        }
    }

    private async Task<string> CreateSchemaAsync(string schema, List<GateFinding> findings, CancellationToken cancellationToken)
    {
        var row = (await source.QueryAsync(
            "SELECT default_collation_name AS c FROM information_schema.schemata WHERE schema_name = " + SqlText.QuoteString(schema),
            cancellationToken).ConfigureAwait(false)).Rows;
        if (row.Count == 0)
        {
            throw new SchemaTranslationException([
                GateFinding.Refuse("unknown_schema", schema, $"The source has no schema {schema}, or the account may not see it.", "Check the name and the account's grants.")]);
        }

        var collation = row[0].GetString("c");
        var mapped = CollationMap.Map(collation, await TargetTraitsAsync(cancellationToken).ConfigureAwait(false));
        if (mapped is not { } found)
        {
            return $"CREATE DATABASE IF NOT EXISTS {SqlText.QuoteIdentifier(schema)}";
        }

        if (!found.IsExact)
        {
            findings.Add(GateFinding.Info(
                "collation_replaced", schema, $"The schema {schema} has the default collation {collation}, which the target does not have; it becomes {found.Collation}."));
        }

        return $"CREATE DATABASE IF NOT EXISTS {SqlText.QuoteIdentifier(schema)} CHARACTER SET {found.CharacterSet} COLLATE {found.Collation}";
    }

    private async Task<ServerTraits> TargetTraitsAsync(CancellationToken cancellationToken) =>
        _targetTraits ??= await ServerTraits.ReadAsync(target, cancellationToken).ConfigureAwait(false);
}
