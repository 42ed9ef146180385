using Switchyard.Client;

namespace Switchyard.Migration;

/// <summary>Everything that would keep a migration from working, found before anything is changed.</summary>
internal sealed class Preflight(MigrationEnvironment environment)
{
    // True of every migration that has begun; only a new one must find an empty target.
    private static readonly HashSet<string> s_onlyBefore = new(StringComparer.Ordinal) { "target_not_empty" };

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

        var source = await environment.BackendAsync(request.Source, cancellationToken);
        var target = await environment.BackendAsync(request.Target, cancellationToken);
        var findings = new List<Finding>();
        await CheckReachableAsync(request.Source, source, findings, cancellationToken);
        await CheckReachableAsync(request.Target, target, findings, cancellationToken);
        if (findings.Count > 0)
        {
            return findings;
        }

        var all = await environment.Engine.ListTablesAsync(source, request.Schema, cancellationToken);
        var tables = existing?.Tables ?? Select(request, all, findings);
        if (tables.Count == 0 && findings.Count == 0)
        {
            findings.Add(Finding.Error(
                "no_tables", $"There is no table to migrate in the schema '{request.Schema}' on '{request.Source}'.", "Check the schema's name and the rights of Switchyard's account, which sees only what it may read."));
        }

        if (findings.Count > 0)
        {
            return findings;
        }

        findings.AddRange((await environment.Engine.PreflightAsync(source, target, request, tables, cancellationToken))
            .Where(f => existing is not { Started: true } || !s_onlyBefore.Contains(f.Code)));
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
        return Record(request, Select(request, all, []), !await target.SchemaExistsAsync(cancellationToken));
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

    private static IReadOnlyList<string> Select(CreateMigrationRequest request, IReadOnlyList<string> all, List<Finding> findings)
    {
        var named = request.Tables is { Count: > 0 } some ? some : request.ExcludeTables ?? [];
        foreach (var unknown in named.Except(all, StringComparer.Ordinal))
        {
            findings.Add(Finding.Error("no_such_table", $"'{request.Source}' has no table {request.Schema}.{unknown}.", "Check the name, upper and lower case included."));
        }

        var chosen = request.Tables is { Count: > 0 } only ? all.Intersect(only, StringComparer.Ordinal) : all.Except(request.ExcludeTables ?? [], StringComparer.Ordinal);
        return [.. chosen.Order(StringComparer.Ordinal)];
    }

    private static async Task CheckReachableAsync(string name, ConnectionOptions options, List<Finding> findings, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await BackendConnection.OpenAsync(options, cancellationToken);
        }
        catch (BackendUnavailableException e)
        {
            findings.Add(Finding.Error("unreachable", $"'{name}' cannot be reached: {e.Message}", "Check its address and that it runs."));
        }
        catch (ServerErrorException e)
        {
            findings.Add(Finding.Error("login_refused", $"'{name}' refused the login: {e.ServerMessage}", $"Check user and password of the backend '{name}'."));
        }
    }
}
