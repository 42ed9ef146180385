using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>What the tables to be moved must be like.</summary>
internal static class SchemaRules
{
    internal static async Task CheckAsync(
        GateRequest request, BackendConnection source, ServerFacts server, BackendConnection? target, List<GateFinding> findings, CancellationToken cancellationToken)
    {
        var all = new List<TableDefinition>();
        var chosen = new List<TableDefinition>();
        foreach (var schema in request.Schemas)
        {
            var (present, moved) = await ReadAsync(schema, source, findings, cancellationToken).ConfigureAwait(false);
            all.AddRange(present);
            chosen.AddRange(moved);
        }

        foreach (var table in chosen)
        {
            findings.AddRange(TableRules.Check(table));
        }

        findings.AddRange(ForeignKeyRules.Check(chosen, all, server));
        findings.AddRange(ForeignKeyRules.CheckOthers(chosen, await OuterForeignKeys.ReadAsync(source, [.. request.Schemas.Select(s => s.Name)], cancellationToken).ConfigureAwait(false)));
        findings.AddRange(await OutsideRules.CheckAsync(request.Schemas, [.. chosen.Select(t => t.Name)], source, target, cancellationToken).ConfigureAwait(false));
        if (target is null)
        {
            return;
        }

        findings.AddRange(await SequenceRules.CheckAsync(request, chosen.Select(t => t.Name).ToHashSet(), source, target.Server, cancellationToken).ConfigureAwait(false));
        foreach (var schema in request.IsResume ? [] : request.Schemas)
        {
            findings.AddRange(await TakenNameRules.CheckAsync(schema, source, target, cancellationToken).ConfigureAwait(false));
        }

        findings.AddRange(chosen.SelectMany(table => TableRules.CheckPair(table, source.Server, target.Server)));
        var copier = new SchemaCopier(source, target);
        foreach (var moved in chosen.GroupBy(t => t.Name.Schema))
        {
            var names = moved.Select(t => t.Name.Name).ToHashSet(StringComparer.Ordinal);
            findings.AddRange(await copier.TryTranslateAsync(moved.Key, names, cancellationToken).ConfigureAwait(false));
            if (!request.IsResume)
            {
                await CheckEmptyAsync(moved.Key, names, target, findings, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private static async Task<(IReadOnlyList<TableDefinition> All, IReadOnlyList<TableDefinition> Chosen)> ReadAsync(
        GateSchema schema, BackendConnection source, List<GateFinding> findings, CancellationToken cancellationToken)
    {
        var exists = await source.QueryAsync(
            $"SELECT 1 FROM information_schema.schemata WHERE schema_name = {SqlText.QuoteString(schema.Name)}", cancellationToken).ConfigureAwait(false);
        if (exists.RowCount == 0)
        {
            findings.Add(GateFinding.Refuse(
                "unknown_schema", schema.Name, $"The source has no schema {schema.Name}, or the account may not see it.", "Check the name, and the account's grants on it."));
            return ([], []);
        }

        var all = await SchemaReader.ReadTablesAsync(source, schema.Name, cancellationToken).ConfigureAwait(false);
        var sequences = schema.IsWhole ? [] : await SequenceReader.ListAsync(source, schema.Name, cancellationToken).ConfigureAwait(false);
        foreach (var unknown in schema.Tables.Except(sequences.Select(s => s.Name)).Concat(schema.ExcludedTables).Where(n => !all.Any(t => t.Name.Name == n)))
        {
            findings.Add(GateFinding.Refuse(
                "unknown_table", unknown, $"The schema {schema.Name} has no table {unknown}.", "Check the name; it is compared with its case."));
        }

        IReadOnlyList<TableDefinition> chosen = [.. all.Where(schema.Has)];
        if (chosen.Count == 0)
        {
            findings.Add(GateFinding.Refuse("no_tables", schema.Name, $"The schema {schema.Name} has no table to move.", "Check the schema and the list of tables."));
        }

        return (all, chosen);
    }

    internal static async Task CheckEmptyAsync(
        string schema, HashSet<string> names, BackendConnection target, List<GateFinding> findings, CancellationToken cancellationToken)
    {
        var present = await target.QueryAsync(
            $"SELECT table_name AS n FROM information_schema.tables WHERE table_schema = {SqlText.QuoteString(schema)}", cancellationToken).ConfigureAwait(false);
        var taken = present.Rows.Select(r => r.GetString("n")).Where(names.Contains).Order(StringComparer.Ordinal).ToList();
        if (taken.Count > 0)
        {
            findings.Add(GateFinding.Refuse(
                "target_not_empty", "target",
                $"The target already has {(taken.Count == 1 ? "the table" : $"{taken.Count} of the tables, first")} {schema}.{taken[0]}.",
                $"Drop or rename what is there ({string.Join(", ", taken.Take(10))}{(taken.Count > 10 ? ", …" : "")}), or choose another target."));
        }
    }
}
