using Switchyard.Client;

namespace Switchyard.Migration;

/// <summary>Everything that would keep a migration from working, found before anything is changed.</summary>
internal sealed class Preflight(MigrationEnvironment environment)
{
    // Without these nothing else can be looked at.
    private static readonly HashSet<string> s_blind = new(StringComparer.Ordinal) { "unreachable", "login_refused" };

    private static readonly HashSet<string> s_system = new(StringComparer.OrdinalIgnoreCase) { "mysql", "sys", "information_schema", "performance_schema", "_switchyard" };

    /// <summary>The findings, with what applications run that would need both backends.</summary>
    public async Task<PreflightReport> ReportAsync(CreateMigrationRequest request, MigrationRecord? existing, CancellationToken cancellationToken)
    {
        var findings = await RunAsync(request, existing, cancellationToken);
        if (findings.Exists(f => s_blind.Contains(f.Code)))
        {
            return PreflightReport.Of(findings, []);
        }

        var spanning = await new SpanningStatements(environment).FindAsync(existing ?? await MakeRecordAsync(request, cancellationToken), cancellationToken);
        return PreflightReport.Of([.. findings, .. SpanningStatements.Summarize(spanning)], spanning);
    }

    public async Task<List<Finding>> RunAsync(CreateMigrationRequest request, MigrationRecord? existing, CancellationToken cancellationToken)
    {
        if (string.Equals(request.Source, request.Target, StringComparison.Ordinal))
        {
            throw MigrationException.Usage("Source and target are the same backend.", "Name two different backends.");
        }

        CheckSelections(request);
        request = await NamedAsServerDoesAsync(request, cancellationToken);
        var source = await environment.BackendAsync(request.Source, cancellationToken);
        var target = await environment.BackendAsync(request.Target, cancellationToken);
        var findings = (await environment.Engine.PreflightAsync(source, target, request, existing is { Started: true }, cancellationToken)).ToList();
        if (findings.Exists(f => s_blind.Contains(f.Code)))
        {
            return findings;
        }

        var record = existing ?? await MakeRecordAsync(request, cancellationToken);
        if (RoutingRules.Conflict((await environment.Topology.GetRoutingAsync(cancellationToken)).Value, record) is { } conflict)
        {
            // What is there is that migration's copy: nobody is to be told to drop it.
            findings.RemoveAll(f => f.Code == "target_not_empty");
            findings.Add(conflict);
        }

        findings.AddRange(await new AccountGap(environment).FindAsync(record, FindingSeverity.Warning, cancellationToken));
        return findings;
    }

    public async Task<MigrationRecord> MakeRecordAsync(CreateMigrationRequest request, CancellationToken cancellationToken)
    {
        request = await NamedAsServerDoesAsync(request, cancellationToken);
        var source = await environment.BackendAsync(request.Source, cancellationToken);
        await using var target = environment.Sides.Create(await environment.BackendAsync(request.Target, cancellationToken), [.. request.Selections.Select(s => s.Schema)]);
        var schemas = new List<MigratedSchema>();
        foreach (var selection in request.Selections)
        {
            var tables = Select(selection, await environment.Engine.ListTablesAsync(source, selection.Schema, cancellationToken));
            schemas.Add(new MigratedSchema(selection.Schema, tables, selection.IsWhole, !await target.SchemaExistsAsync(selection.Schema, cancellationToken)));
        }

        return new MigrationRecord { Settings = request, Schemas = schemas, CreatedAt = environment.Time.GetUtcNow(), Started = request.AutoStart };
    }

    /// <summary>
    /// The request with the names the source itself gives: a server that ignores their case finds a schema by any, but lists and logs it by one, and that
    /// is what everything else is compared with.
    /// </summary>
    private async Task<CreateMigrationRequest> NamedAsServerDoesAsync(CreateMigrationRequest request, CancellationToken cancellationToken)
    {
        var source = await environment.BackendAsync(request.Source, cancellationToken);
        try
        {
            var names = await environment.Engine.ReadNamesAsync(source, cancellationToken);
            if (!names.IgnoreCase)
            {
                return request;
            }

            var selections = new List<SchemaSelection>();
            foreach (var selection in request.Selections)
            {
                var schema = NameIn(names.Schemas, selection.Schema);
                var tables = selection.IsWhole ? [] : await environment.Engine.ListTablesAsync(source, schema, cancellationToken);
                selections.Add(new SchemaSelection
                {
                    Schema = schema,
                    Tables = selection.Tables is { } some ? [.. some.Select(t => NameIn(tables, t))] : null,
                    ExcludeTables = selection.ExcludeTables is { } others ? [.. others.Select(t => NameIn(tables, t))] : null,
                });
            }

            var named = request.Schemas is { Count: > 0 }
                ? request with { Schemas = selections }
                : request with { Schema = selections[0].Schema, Tables = selections[0].Tables, ExcludeTables = selections[0].ExcludeTables };
            CheckSelections(named);
            return named;
        }
        catch (Exception e) when (e is BackendUnavailableException or ServerErrorException)
        {
            // The inspection of the servers says so.
            return request;
        }
    }

    private static string NameIn(IReadOnlyList<string> names, string name) => names.FirstOrDefault(n => string.Equals(n, name, StringComparison.OrdinalIgnoreCase)) ?? name;

    private static void CheckSelections(CreateMigrationRequest request)
    {
        if (request.Schemas is { Count: > 0 } && (request.Schema.Length > 0 || request.Tables is { Count: > 0 } || request.ExcludeTables is { Count: > 0 }))
        {
            throw MigrationException.Usage("One schema and several are given at once.", "Give schema with its tables, or schemas with theirs.");
        }

        foreach (var selection in request.Selections)
        {
            if (selection.Schema.Length == 0)
            {
                throw MigrationException.Usage("No schema is named.", "Give --schema.");
            }

            if (selection.Tables is { Count: > 0 } && selection.ExcludeTables is { Count: > 0 })
            {
                throw MigrationException.Usage("Tables are either named or left out, not both.", "Give --tables or --exclude-tables.");
            }

            if (s_system.Contains(selection.Schema))
            {
                throw MigrationException.Refused(
                    "system_schema", $"{selection.Schema} belongs to the server itself and cannot be moved. Nothing was changed.", "Name one of the application's own schemas.");
            }
        }

        if (request.Selections.GroupBy(s => s.Schema, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw MigrationException.Usage($"The schema {twice.Key} is given twice.", "Give each schema once, with all its tables.");
        }
    }

    private static IReadOnlyList<string> Select(SchemaSelection selection, IReadOnlyList<string> all)
    {
        var chosen = selection.Tables is { Count: > 0 } only ? all.Intersect(only, StringComparer.Ordinal) : all.Except(selection.ExcludeTables ?? [], StringComparer.Ordinal);
        return [.. chosen.Order(StringComparer.Ordinal)];
    }
}
