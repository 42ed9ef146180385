using Switchyard.Api;
using Switchyard.Client;
using Switchyard.Configuration;
using Switchyard.Hosting;
using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.Backends;

/// <summary>The verbs of <c>backend</c>.</summary>
internal sealed class BackendService(
    TopologyRepository repository, TopologyView view, IBackendProbe probe, Engines engines, TimeProvider time, ILogger<BackendService> logger)
{
    public async Task<IReadOnlyList<BackendInfo>> ListAsync(CancellationToken cancellationToken)
    {
        var routing = (await repository.GetRoutingAsync(cancellationToken)).Value;
        return [.. (await repository.ListBackendsAsync(cancellationToken)).Select(backend => new BackendInfo(
            backend.Name, backend.RedactedDsn, backend.ServerVersion, backend.Name == routing.DefaultBackend, backend.AddedAt))];
    }

    /// <summary>Adds a backend that answers; what it lacks for a migration is reported and does not refuse it.</summary>
    public async Task<BackendReport> AddAsync(AddBackendRequest request, CancellationToken cancellationToken)
    {
        var name = Name(request.Name);
        var known = (await repository.GetBackendAsync(name, cancellationToken))?.Value;
        if (known is not null && known.Dsn != request.Dsn)
        {
            throw Refused("backend_exists", $"A backend named {name} exists already, at {known.RedactedDsn}.", $"Choose another name, or remove it first: switchyard backend remove {name}");
        }

        var report = await ProbeAsync(name, request.Dsn, cancellationToken);
        if (!report.Reachable)
        {
            var finding = report.Findings[0];
            throw new MigrationException(finding.Code, finding.What, finding.Remedy, 3) { Findings = report.Findings };
        }

        await SaveAsync((known ?? new Backend(name, request.Dsn) { AddedAt = time.GetUtcNow() }) with { ServerVersion = Version(report) }, request.Default, report, cancellationToken);
        return report;
    }

    public async Task<BackendReport> TestAsync(string name, CancellationToken cancellationToken)
    {
        var backend = await repository.GetBackendAsync(name, cancellationToken) ?? throw NotFound(name);
        return await ProbeAsync(name, backend.Value.Dsn, cancellationToken);
    }

    /// <summary>
    /// Another server takes a backend's place: a replica of it, after a failover. Refused, with nothing changed, unless every migration that reads from
    /// it finds there what it has applied.
    /// </summary>
    public async Task<BackendReport> MoveAsync(string name, MoveBackendRequest request, CancellationToken cancellationToken)
    {
        var backend = await repository.GetBackendAsync(name, cancellationToken) ?? throw NotFound(name);
        var report = await ProbeAsync(name, request.Dsn, cancellationToken);
        if (!report.Reachable)
        {
            var finding = report.Findings[0];
            throw new MigrationException(finding.Code, finding.What, finding.Remedy, 3) { Findings = report.Findings };
        }

        await engines.Migrations.VerifyBackendMoveAsync(name, ConnectionOptions.Parse(request.Dsn), cancellationToken);
        string[] before = [.. backend.Value.DsnsBefore.Append(backend.Value.Dsn).Where(d => d != request.Dsn).Distinct(StringComparer.Ordinal)];
        await SaveAsync(backend.Value with { Dsn = request.Dsn, ServerVersion = Version(report), DsnsBefore = before }, makeDefault: false, report, cancellationToken);

        // The caller may be gone, and what reads from the server of before must not go on with it.
        await engines.Migrations.ReconnectBackendAsync(name, CancellationToken.None);
        return report;
    }

    public async Task RemoveAsync(string name, CancellationToken cancellationToken)
    {
        var backend = await repository.GetBackendAsync(name, cancellationToken) ?? throw NotFound(name);
        var routing = await repository.GetRoutingAsync(cancellationToken);
        var rule = routing.Value.Rules.FirstOrDefault(rule => rule.Writer == name || rule.Reader == name);
        if (rule is not null)
        {
            throw Refused("backend_in_use", $"The backend {name} answers for {rule.Schema}.{rule.Table ?? "*"}.", "Move its tables to another backend first; see: switchyard routing show");
        }

        var user = (await engines.Migrations.ListAsync(cancellationToken)).FirstOrDefault(migration =>
            (migration.Source == name || migration.Target == name) && migration.State is not (MigrationState.Completed or MigrationState.Cancelled));
        if (user is not null)
        {
            throw Refused("backend_in_use", $"The migration {user.Name} uses the backend {name}.", $"Complete or cancel it first: switchyard migration status {user.Name}");
        }

        var others = (await repository.ListBackendsAsync(cancellationToken)).Any(other => other.Name != name);
        if (routing.Value.DefaultBackend == name && others)
        {
            throw Refused("backend_is_default", $"The backend {name} answers for every table without a rule.", "Start serve with another --default-backend first.");
        }

        var transaction = repository.Begin().Require(backend).Require(routing).Delete(backend.Key);
        if (routing.Value.DefaultBackend == name)
        {
            transaction.Put(routing.Value with { DefaultBackend = null, Epoch = routing.Value.Epoch + 1 });
        }

        await CommitAsync(transaction, cancellationToken);
    }

    /// <summary>
    /// Adds or updates what the configuration names. A server that cannot be reached now is kept all the same: the process must be able to start
    /// while one of its backends is down.
    /// </summary>
    public async Task ApplyAsync(ServeSettings settings, CancellationToken cancellationToken)
    {
        var standing = (await repository.GetRoutingAsync(cancellationToken)).Value;
        if (settings.DefaultBackend is { } configured && standing.DefaultBackend is { } taken && standing.DefaultsBefore.Contains(configured))
        {
            ServeLog.DefaultIsOfBefore(logger, configured, taken);
            settings = settings with { DefaultBackend = null };
        }

        var reports = await Task.WhenAll(settings.Backends.Select(backend => ProbeAsync(backend.Key, backend.Value, cancellationToken)));
        foreach (var ((name, dsn), report) in settings.Backends.Zip(reports))
        {
            var before = (await repository.GetBackendAsync(name, cancellationToken))?.Value;
            if (before?.DsnsBefore.Contains(dsn) == true)
            {
                ServeLog.BackendIsOfBefore(logger, name, report.Dsn, before.RedactedDsn);
                continue;
            }

            if (!report.Reachable)
            {
                ServeLog.BackendUnusable(logger, name, report.Findings[0].What);
            }

            await SaveAsync(
                new Backend(name, dsn) { ServerVersion = Version(report) ?? before?.ServerVersion, AddedAt = before?.AddedAt ?? time.GetUtcNow(), DsnsBefore = before?.DsnsBefore ?? [] },
                makeDefault: name == settings.DefaultBackend,
                report,
                cancellationToken);
            ServeLog.BackendGiven(logger, name, report.Dsn);
        }

        await ApplyDefaultAsync(settings.DefaultBackend, cancellationToken);
    }

    private static string Name(string name)
    {
        try
        {
            return SettingParsers.BackendName(name);
        }
        catch (ConfigurationException error)
        {
            throw new MigrationException("bad_backend_name", error.Message, "", 2);
        }
    }

    /// <summary>The vendor's name is part of MariaDB's version text and not of MySQL's.</summary>
    private static string? Version(BackendReport report) => report.Version is null ? null
        : $"{(report.Vendor == "mariadb" ? "MariaDB" : "MySQL")} {report.Version}";

    private static MigrationException NotFound(string name) =>
        new("no_such_backend", $"There is no backend named '{name}'.", "List what exists with: switchyard backend list", 4);

    private static MigrationException Refused(string code, string message, string remedy) => new(code, message, remedy, 3);

    /// <summary>Returns once this process's proxy knows of it: the next client is served by what the caller was told.</summary>
    private async Task CommitAsync(TopologyTransaction transaction, CancellationToken cancellationToken)
    {
        var result = await transaction.CommitAsync(cancellationToken);
        if (!result.Succeeded)
        {
            throw Refused("changed_meanwhile", "Somebody else changed the topology at the same moment; nothing was changed.", "Try again.");
        }

        await view.CatchUpAsync(result.Revision, cancellationToken);
    }

    private async Task ApplyDefaultAsync(string? name, CancellationToken cancellationToken)
    {
        var routing = await repository.GetRoutingAsync(cancellationToken);
        if (name is not null && await repository.GetBackendAsync(name, cancellationToken) is null)
        {
            throw new ConfigurationException($"The default backend {name} is not known; give it with --backend {name}=DSN, or name one of those in: switchyard backend list");
        }

        if (name is not null && routing.Value.DefaultBackend != name)
        {
            await CommitAsync(repository.Begin().Require(routing).Put(routing.Value with { DefaultBackend = name, Epoch = routing.Value.Epoch + 1 }), cancellationToken);
        }

        if ((name ?? routing.Value.DefaultBackend) is { } chosen)
        {
            ServeLog.DefaultBackend(logger, chosen);
        }
        else
        {
            ServeLog.NoBackend(logger);
        }
    }

    private async Task<BackendReport> ProbeAsync(string name, string dsn, CancellationToken cancellationToken)
    {
        try
        {
            return await probe.ProbeAsync(name, dsn, cancellationToken);
        }
        catch (FormatException error)
        {
            throw Refused("bad_dsn", error.Message, "Write it as mysql://user:password@host:port/?ssl-mode=preferred, with special characters percent-encoded.");
        }
    }

    /// <summary>The first backend becomes the default one, and the default one decides how names are compared.</summary>
    private async Task SaveAsync(Backend backend, bool makeDefault, BackendReport report, CancellationToken cancellationToken)
    {
        var routing = await repository.GetRoutingAsync(cancellationToken);
        var table = routing.Value;
        if (makeDefault || table.DefaultBackend is null)
        {
            table = table with { DefaultBackend = backend.Name, DefaultsBefore = [.. table.DefaultsBefore.Where(d => d != backend.Name)] };
        }

        if (table.DefaultBackend == backend.Name && report.LowerCaseTableNames is { } lower)
        {
            table = table with { IgnoreCase = lower != 0 };
        }

        var transaction = repository.Begin().Require(routing).Put(backend);
        if (!table.Equals(routing.Value))
        {
            transaction.Put(table with { Epoch = table.Epoch + 1 });
        }

        await CommitAsync(transaction, cancellationToken);
    }
}
