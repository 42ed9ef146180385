using Switchyard.Client;
using Switchyard.Wire;

namespace Switchyard.Migration;

/// <summary>Everything that would keep a migration from working, found before anything is changed.</summary>
internal sealed class Preflight(MigrationEnvironment environment)
{
    // Without these nothing else can be looked at.
    private static readonly HashSet<string> s_blind = new(StringComparer.Ordinal) { "unreachable", "login_refused", "server_silent" };

    private static readonly HashSet<string> s_system = new(StringComparer.OrdinalIgnoreCase) { "mysql", "sys", "information_schema", "performance_schema", "_switchyard" };

    /// <summary>The findings, with what applications run that would need both backends.</summary>
    public async Task<PreflightReport> ReportAsync(CreateMigrationRequest request, MigrationRecord? existing, CancellationToken cancellationToken)
    {
        var (findings, record) = await RunAsync(request, existing, cancellationToken);
        IReadOnlyList<SpanningStatement> spanning = [];
        if (record is not null)
        {
            await AddAsync(findings, async () =>
            {
                spanning = await new SpanningStatements(environment).FindAsync(record, cancellationToken);
                findings.AddRange(SpanningStatements.Summarize(spanning));
            });
        }

        return PreflightReport.Of(findings, spanning);
    }

    /// <returns>The findings, and what the migration is recorded as, or would be; null where the servers did not say enough for it, which is among the findings then.</returns>
    public async Task<(List<Finding> Findings, MigrationRecord? Record)> RunAsync(CreateMigrationRequest request, MigrationRecord? existing, CancellationToken cancellationToken)
    {
        if (string.Equals(request.Source, request.Target, StringComparison.Ordinal))
        {
            throw MigrationException.Usage("Source and target are the same backend.", "Name two different backends.");
        }

        CheckSelections(request);
        var findings = new List<Finding>();
        MigrationRecord? record = null;
        await AddAsync(findings, async () => record = await CheckAsync(request, existing, findings, cancellationToken));
        return (findings, record);
    }

    /// <summary>A server that does not answer is a finding too.</summary>
    private static async Task AddAsync(List<Finding> findings, Func<Task> look)
    {
        try
        {
            await look();
        }
        catch (CutoverFailedException e)
        {
            findings.Add(Finding.Error("server_silent", e.Message, e.Remedy));
        }
    }

    private async Task<MigrationRecord?> CheckAsync(CreateMigrationRequest request, MigrationRecord? existing, List<Finding> findings, CancellationToken cancellationToken)
    {
        request = await NamedAsServerDoesAsync(request, cancellationToken);
        var steps = new ServerSteps(environment, request);
        var source = steps.Bound(await environment.BackendAsync(request.Source, cancellationToken));
        var target = steps.Bound(await environment.BackendAsync(request.Target, cancellationToken));
        findings.AddRange(await environment.Engine.PreflightAsync(source, target, request, existing is { Started: true }, cancellationToken));
        if (findings.Exists(f => s_blind.Contains(f.Code)))
        {
            return null;
        }

        var record = existing ?? await MakeRecordAsync(request, cancellationToken);
        if (RoutingRules.Conflict((await environment.Topology.GetRoutingAsync(cancellationToken)).Value, record) is { } conflict)
        {
            // What is there is that migration's copy: nobody is to be told to drop it.
            findings.RemoveAll(f => f.Code == "target_not_empty");
            findings.Add(conflict);
        }

        findings.AddRange(await new AccountGap(environment).FindAsync(record, FindingSeverity.Warning, cancellationToken));
        return record;
    }

    private async Task<MigrationRecord> MakeRecordAsync(CreateMigrationRequest request, CancellationToken cancellationToken)
    {
        var steps = new ServerSteps(environment, request);
        var schemas = new List<MigratedSchema>();
        foreach (var selection in request.Selections)
        {
            var tables = Select(selection, await steps.ListTablesAsync(selection.Schema, cancellationToken));
            var sequences = selection.IsWhole ? null : await steps.AskAsync(
                [Side.Source], $"list the sequences that tables of {selection.Schema} use",
                async token => await environment.Engine.ListSequencesAsync(await environment.BackendAsync(request.Source, token), selection.Schema, [.. tables, .. selection.Tables ?? []], token),
                cancellationToken);
            var isThere = false;
            await steps.RunAsync(
                Side.Target, $"say whether it has the schema {selection.Schema}", async (side, token) => isThere = await side.SchemaExistsAsync(selection.Schema, token), cancellationToken);
            schemas.Add(new MigratedSchema(selection.Schema, tables, selection.IsWhole, !isThere) { Sequences = sequences });
        }

        return new MigrationRecord { Settings = request, Schemas = schemas, CreatedAt = environment.Time.GetUtcNow(), Started = request.AutoStart };
    }

    /// <summary>
    /// The request with the names the source itself gives: a server that ignores their case finds a schema by any, but lists and logs it by one, and that
    /// is what everything else is compared with.
    /// </summary>
    private async Task<CreateMigrationRequest> NamedAsServerDoesAsync(CreateMigrationRequest request, CancellationToken cancellationToken)
    {
        var steps = new ServerSteps(environment, request);
        try
        {
            var names = await steps.AskAsync(
                [Side.Source], "list its schemas", async token => await environment.Engine.ReadNamesAsync(await environment.BackendAsync(request.Source, token), token), cancellationToken);
            if (!names.IgnoreCase)
            {
                return request;
            }

            var selections = new List<SchemaSelection>();
            foreach (var selection in request.Selections)
            {
                var schema = NameIn(names.Schemas, selection.Schema);
                var tables = selection.IsWhole ? [] : await steps.ListTablesAsync(schema, cancellationToken);
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
        catch (CutoverFailedException e) when (e.InnerException is BackendUnavailableException or MalformedPacketException or ServerErrorException)
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
