using Switchyard.Client;

namespace Switchyard.Replication.Schema;

/// <summary>What the tables to be moved must be like.</summary>
internal static class SchemaRules
{
    internal static async Task CheckAsync(
        GateRequest request, BackendConnection source, ServerFacts server, BackendConnection? target, List<GateFinding> findings, CancellationToken cancellationToken)
    {
        var exists = await source.QueryAsync(
            $"SELECT 1 FROM information_schema.schemata WHERE schema_name = {SqlText.QuoteString(request.Schema)}", cancellationToken).ConfigureAwait(false);
        if (exists.RowCount == 0)
        {
            findings.Add(GateFinding.Refuse(
                "unknown_schema", request.Schema, $"The source has no schema {request.Schema}, or the account may not see it.", "Check the name, and the account's grants on it."));
            return;
        }

        var all = await SchemaReader.ReadTablesAsync(source, request.Schema, cancellationToken).ConfigureAwait(false);
        foreach (var unknown in request.Tables.Concat(request.ExcludedTables).Where(n => !all.Any(t => t.Name.Name == n)))
        {
            findings.Add(GateFinding.Refuse(
                "unknown_table", unknown, $"The schema {request.Schema} has no table {unknown}.", "Check the name; it is compared with its case."));
        }

        var chosen = all.Where(t => (request.Tables.Count == 0 || request.Tables.Contains(t.Name.Name)) && !request.ExcludedTables.Contains(t.Name.Name)).ToList();
        if (chosen.Count == 0)
        {
            findings.Add(GateFinding.Refuse("no_tables", request.Schema, $"The schema {request.Schema} has no table to move.", "Check the schema and the list of tables."));
        }

        foreach (var table in chosen)
        {
            findings.AddRange(TableRules.Check(table));
        }

        findings.AddRange(ForeignKeyRules.Check(chosen, all, server));
        if (target is null)
        {
            return;
        }

        var names = chosen.Select(t => t.Name.Name).ToHashSet(StringComparer.Ordinal);
        findings.AddRange(await new SchemaCopier(source, target).TryTranslateAsync(request.Schema, names, cancellationToken).ConfigureAwait(false));
        if (!request.IsResume)
        {
            await CheckEmptyAsync(request.Schema, names, target, findings, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task CheckEmptyAsync(
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
