using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Routing;

/// <summary>
/// Stored routines and triggers of the schemas sessions use: what a call of one does is what its body does, and what it leaves in its session must be
/// carried or pins. Safe from any thread.
/// </summary>
internal sealed class RoutineCatalog(BackendProfiles profiles, TimeProvider time, CancellationToken stopping)
{
    /// <summary>How long definitions are taken to be as they were read; a DDL statement through this proxy ends it at once.</summary>
    private static readonly TimeSpan s_keep = TimeSpan.FromSeconds(30);

    /// <summary>Routines may call others of other schemas, whose definitions have to be read then; deeper chains are not followed.</summary>
    private const int MaxSchemas = 8;

    /// <summary>Schemas whose definitions are remembered. Clients name them, so that there may be any number.</summary>
    private const int MaxRemembered = 1024;

    /// <summary>Connections that read definitions at one time.</summary>
    private const int MaxReadings = 4;

    /// <summary>Longer than this no statement waits for definitions; until they are there its routines count as unknown.</summary>
    private static readonly TimeSpan s_waitLimit = TimeSpan.FromSeconds(10);

    /// <summary>Statements whose expansion is remembered, of one schema's reading.</summary>
    private const int MaxExpansions = 4096;

    private readonly ConcurrentDictionary<string, Entry> _schemas = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _readings = new(MaxReadings);

    /// <summary>
    /// The statement with what its routines do in place of their calls. As it was where that cannot be known: then its tables are not known, and a
    /// CALL pins.
    /// </summary>
    public async ValueTask<StatementInfo> ExpandAsync(StatementInfo info, string? schema, TopologyState topology, CancellationToken cancellationToken)
    {
        if (info.Has(SessionEffects.Opaque))
        {
            return info;
        }

        var home = schema is null ? null : await ReadAsync(schema, topology, cancellationToken);
        if (home is not null && home.Expansions.TryGetValue(info, out var known))
        {
            return known;
        }

        var definitions = new Dictionary<string, Definitions?>(StringComparer.Ordinal);
        if (schema is not null)
        {
            definitions[schema] = home;
        }

        while (true)
        {
            var missing = new HashSet<string>(StringComparer.Ordinal);
            var expanded = RoutineExpansion.Expand(
                info, schema, routine => Find(routine, schema, definitions, missing), (owner, name) => definitions.GetValueOrDefault(owner)?.Packages.Contains(name) == true);
            if (missing.Count == 0 || definitions.Count + missing.Count > MaxSchemas)
            {
                if (home is not null && definitions.Count == 1 && home.Expansions.Count < MaxExpansions)
                {
                    home.Expansions.TryAdd(info, expanded);
                }

                return expanded;
            }

            foreach (var name in missing)
            {
                definitions[name] = await ReadAsync(name, topology, cancellationToken);
            }
        }
    }

    /// <summary>User variables that triggers and routines of a schema may assign, whatever statement sets them off.</summary>
    public async ValueTask<ImmutableArray<string>> AssignedVariablesAsync(string schema, TopologyState topology, CancellationToken cancellationToken) =>
        StatementRouter.IsSystemSchema(schema) ? [] : (await ReadAsync(schema, topology, cancellationToken, mayBeOld: true))?.AssignedVariables ?? [];

    /// <summary>Definitions may have changed.</summary>
    public void ForgetAll() => _schemas.Clear();

    private static StatementInfo? Find(RoutineReference routine, string? homeSchema, Dictionary<string, Definitions?> definitions, HashSet<string> missing)
    {
        if (routine.Schema is not { } name)
        {
            // Without any schema a name is one of the server's own or an error.
            return SqlScanner.Nothing;
        }

        if (StatementRouter.IsSystemSchema(name))
        {
            return null;
        }

        if (!definitions.TryGetValue(name, out var known))
        {
            missing.Add(name);
            return null;
        }

        if (known is null)
        {
            return null;
        }

        if (known.Routines.TryGetValue((routine.Name.ToLowerInvariant(), routine.IsProcedure), out var body))
        {
            return body;
        }

        // A function of no schema that none has defined is built in, or loaded. A procedure may be new, or hidden from us; bodies of packages are not read.
        return routine.IsProcedure || routine.IsOfPackage || name != homeSchema ? null : SqlScanner.Nothing;
    }

    /// <summary>Null when they cannot be read now. Old ones may do while new ones are being read: nothing waits for those in the pause of a switch.</summary>
    private async ValueTask<Definitions?> ReadAsync(string schema, TopologyState topology, CancellationToken cancellationToken, bool mayBeOld = false)
    {
        if (!_schemas.ContainsKey(schema) && _schemas.Count >= MaxRemembered)
        {
            _schemas.Clear();
        }

        var entry = _schemas.GetOrAdd(schema, static (name, arguments) => arguments.self.Begin(name, arguments.topology), (self: this, topology));
        if (entry.Reading.IsCompleted && (!entry.Reading.IsCompletedSuccessfully || time.GetElapsedTime(entry.At) > s_keep))
        {
            var old = entry;
            var fresh = Begin(schema, topology);
            entry = _schemas.TryUpdate(schema, fresh, entry) ? fresh : _schemas.GetValueOrDefault(schema, fresh);
            entry = mayBeOld && old.Reading.IsCompletedSuccessfully ? old : entry;
        }

        try
        {
            return await entry.Reading.WaitAsync(s_waitLimit, time, cancellationToken);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException or TimeoutException)
        {
            return null;
        }
    }

    private Entry Begin(string schema, TopologyState topology) =>
        new(time.GetTimestamp(), ReadAsync(schema, StatementRouter.HomeOf(schema, topology.Routing) ?? ""));

    private async Task<Definitions> ReadAsync(string schema, string backend)
    {
        await Task.Yield();
        await _readings.WaitAsync(stopping);
        try
        {
            return await ReadFromAsync(await profiles.GetAsync(backend, stopping), schema);
        }
        finally
        {
            _readings.Release();
        }
    }

    private async Task<Definitions> ReadFromAsync(BackendProfile profile, string schema)
    {
        await using var connection = await BackendConnection.OpenAsync(profile.Options with { Schema = null }, stopping);
        var name = SqlText.QuoteString(schema);
        var parameters = (await connection.QueryAsync(
            "SELECT routine_type, specific_name, parameter_name FROM information_schema.parameters "
            + $"WHERE specific_schema = {name} AND parameter_name IS NOT NULL", stopping))
            .Rows.ToLookup(row => (row.GetString(1).ToLowerInvariant(), row.GetString(0) == Procedure), row => row.GetString(2));
        var bodies = await connection.QueryAsync(
            "SELECT routine_type, routine_name, routine_definition, sql_mode FROM information_schema.routines "
            + $"WHERE routine_schema = {name} AND routine_type IN ('{Procedure}', 'FUNCTION', '{Package}')", stopping);
        var routines = new Dictionary<(string Name, bool IsProcedure), StatementInfo>();
        var packages = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var row in bodies.Rows)
        {
            if (row.GetString(0) == Package)
            {
                packages.Add(row.GetString(1));
                continue;
            }

            var key = (row.GetString(1).ToLowerInvariant(), row.GetString(0) == Procedure);
            routines[key] = Scan(row.GetStringOrNull(2), row.GetString(3), parameters[key], schema, profile);
        }

        var actions = await connection.QueryAsync(
            $"SELECT action_statement, sql_mode FROM information_schema.triggers WHERE trigger_schema = {name}", stopping);

        // The statement that waits may ask who is connected.
        await connection.LeaveAsync();
        var all = routines.Values.Concat(actions.Rows.Select(row => Scan(row.GetStringOrNull(0), row.GetString(1), [], schema, profile)));
        return new Definitions(routines, packages, [.. all.SelectMany(body => body.AssignedUserVariables).Distinct(StringComparer.Ordinal)]);
    }

    /// <summary>A body in another language, or one that we may not see, is NULL or no SQL: not understood.</summary>
    private static StatementInfo Scan(string? body, string sqlMode, IEnumerable<string> parameters, string schema, BackendProfile profile) =>
        SqlScanner.ScanRoutine(Encoding.UTF8.GetBytes(body ?? ""), profile.ScanOptions.WithSqlMode(sqlMode), parameters, schema);

    private const string Procedure = "PROCEDURE";
    private const string Package = "PACKAGE";

    private sealed record Entry(long At, Task<Definitions> Reading);

    /// <param name="Routines">Bodies by lower-case name.</param>
    /// <param name="Packages">MariaDB's, whose bodies are not read.</param>
    /// <param name="AssignedVariables">See <see cref="AssignedVariablesAsync"/>.</param>
    private sealed record Definitions(
        Dictionary<(string Name, bool IsProcedure), StatementInfo> Routines, HashSet<string> Packages, ImmutableArray<string> AssignedVariables)
    {
        /// <summary>Statements of the cache, by identity, and what they are with their routines.</summary>
        public ConcurrentDictionary<StatementInfo, StatementInfo> Expansions { get; } = new(ReferenceEqualityComparer.Instance);
    }
}
