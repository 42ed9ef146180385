namespace Switchyard.Migration;

/// <summary>Everything that would keep a migration from working, found before anything is changed.</summary>
internal sealed class Preflight(MigrationEnvironment environment)
{
    // Without these nothing else can be looked at.
    private static readonly HashSet<string> s_blind = new(StringComparer.Ordinal) { "unreachable", "login_refused" };

    private static readonly HashSet<string> s_system = new(StringComparer.OrdinalIgnoreCase) { "mysql", "sys", "information_schema", "performance_schema", "_switchyard" };

    public async Task<List<Finding>> RunAsync(CreateMigrationRequest request, MigrationRecord? existing, CancellationToken cancellationToken)
    {
        if (string.Equals(request.Source, request.Target, StringComparison.Ordinal))
        {
            throw MigrationException.Usage("Source and target are the same backend.", "Name two different backends.");
        }

        if (request.Tables is { Count: > 0 } && request.ExcludeTables is { Count: > 0 })
        {
            throw MigrationException.Usage("Tables are either named or left out, not both.", "Give --tables or --exclude-tables.");
        }

        if (s_system.Contains(request.Schema))
        {
            throw MigrationException.Refused("system_schema", $"{request.Schema} belongs to the server itself and cannot be moved. Nothing was changed.", "Name one of the application's own schemas.");
        }

        var source = await environment.BackendAsync(request.Source, cancellationToken);
        var target = await environment.BackendAsync(request.Target, cancellationToken);
        var findings = (await environment.Engine.PreflightAsync(source, target, request, existing is { Started: true }, cancellationToken)).ToList();
        if (findings.Exists(f => s_blind.Contains(f.Code)))
        {
            return findings;
        }

        var tables = existing?.Tables ?? Select(request, await environment.Engine.ListTablesAsync(source, request.Schema, cancellationToken));
        var record = existing ?? Record(request, tables, schemaMadeHere: false);
        if (RoutingRules.Conflict((await environment.Topology.GetRoutingAsync(cancellationToken)).Value, record) is { } conflict)
        {
            findings.Add(conflict);
        }

        findings.AddRange(await new AccountGap(environment).FindAsync(record, FindingSeverity.Warning, cancellationToken));
        return findings;
    }

    public async Task<MigrationRecord> MakeRecordAsync(CreateMigrationRequest request, CancellationToken cancellationToken)
    {
        var all = await environment.Engine.ListTablesAsync(await environment.BackendAsync(request.Source, cancellationToken), request.Schema, cancellationToken);
        await using var target = environment.Sides.Create(await environment.BackendAsync(request.Target, cancellationToken), request.Schema);
        return Record(request, Select(request, all), !await target.SchemaExistsAsync(cancellationToken));
    }

    private MigrationRecord Record(CreateMigrationRequest request, IReadOnlyList<string> tables, bool schemaMadeHere) => new()
    {
        Settings = request,
        Tables = tables,
        WholeSchema = request.Tables is not { Count: > 0 } && request.ExcludeTables is not { Count: > 0 },
        CreatedAt = environment.Time.GetUtcNow(),
        Started = request.AutoStart,
        SchemaMadeHere = schemaMadeHere,
    };

    private static IReadOnlyList<string> Select(CreateMigrationRequest request, IReadOnlyList<string> all)
    {
        var chosen = request.Tables is { Count: > 0 } only ? all.Intersect(only, StringComparer.Ordinal) : all.Except(request.ExcludeTables ?? [], StringComparer.Ordinal);
        return [.. chosen.Order(StringComparer.Ordinal)];
    }
}
