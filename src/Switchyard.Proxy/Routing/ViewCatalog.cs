using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Routing;

/// <summary>
/// The views of schemas that are not migrated, or of which only some tables are: there a view may show tables of another backend than its own name is
/// routed to. Nothing is looked up while there is no migration, nor of schemas migrated whole. Safe from any thread.
/// </summary>
internal sealed class ViewCatalog(BackendProfiles profiles, TimeProvider time, CancellationToken stopping)
{
    /// <summary>How long a schema's views are taken to be as they were read; a DDL statement through this proxy ends it at once.</summary>
    private static readonly TimeSpan s_keep = TimeSpan.FromSeconds(30);

    /// <summary>Longer than this no statement waits for views; until they are there its tables are not known.</summary>
    private static readonly TimeSpan s_waitLimit = TimeSpan.FromSeconds(10);

    /// <summary>Views may show those of other schemas, which have to be read then; deeper chains are not followed.</summary>
    private const int MaxSchemas = 8;

    /// <summary>Schemas whose views are remembered. Clients name them, so that there may be any number.</summary>
    private const int MaxRemembered = 1024;

    /// <summary>Connections that read views at one time.</summary>
    private const int MaxReadings = 4;

    private readonly ConcurrentDictionary<string, Entry> _schemas = new(StringComparer.OrdinalIgnoreCase);
    private readonly SemaphoreSlim _readings = new(MaxReadings);
    private Migrated? _migrated;

    /// <summary>Reads what a statement's routing needs to know; returns at once when that is known or nothing is migrated.</summary>
    public ValueTask EnsureAsync(StatementInfo info, string? schema, TopologyState topology, CancellationToken cancellationToken)
    {
        var migrated = MigratedBy(topology);
        return migrated.IsEmpty || info.Tables.IsEmpty || FirstUnread(info, schema, migrated, null) is null ? ValueTask.CompletedTask : new ValueTask(ReadAllAsync(info, schema, topology, migrated, cancellationToken));
    }

    public void Forget(string schema) => _schemas.TryRemove(schema, out _);

    /// <summary>Replaces views by their tables. A view that is not known leaves the statement's tables unknown.</summary>
    public StatementTables Expand(StatementTables named, string? schema)
    {
        if (Volatile.Read(ref _migrated) is not { IsEmpty: false } migrated || !MayHaveViews(named.Tables, schema, migrated))
        {
            return named;
        }

        var tables = ImmutableArray.CreateBuilder<TableReference>();
        var unlisted = new HashSet<string?>(named.UnlistedIn, StringComparer.Ordinal);
        var areKnown = named.AreKnown;
        var seen = new HashSet<TableReference>();
        var toVisit = new Queue<TableReference>(named.Tables.Select(table => table with { Schema = table.Schema ?? schema }));
        while (toVisit.TryDequeue(out var table))
        {
            if (!seen.Add(table))
            {
                continue;
            }

            var views = table.Schema is { } name && migrated.LooksInto(name) ? Known(name) : s_none;
            if (views is null || !views.TryGetValue(table.Name, out var definition))
            {
                tables.Add(table);
                areKnown &= views is not null;
                if (views is null)
                {
                    unlisted.Add(table.Schema);
                }

                continue;
            }

            if (!IsUnderstood(definition))
            {
                tables.Add(table);
                unlisted.Add(table.Schema);
                areKnown = false;
            }

            foreach (var inner in definition.Tables)
            {
                toVisit.Enqueue(inner with { Schema = inner.Schema ?? table.Schema, Access = table.Access });
            }

            foreach (var function in definition.Routines)
            {
                // What is not migrated stays where the view is.
                if (function.Schema is { } of && migrated.Has(of))
                {
                    unlisted.Add(of);
                    areKnown = false;
                }
            }
        }

        return named with { Tables = tables.ToImmutable(), AreKnown = areKnown, UnlistedIn = [.. unlisted] };
    }

    private static readonly Dictionary<string, StatementInfo> s_none = [];

    /// <summary>One that we may not see is empty.</summary>
    private static bool IsUnderstood(StatementInfo definition) => definition is { TablesKnownBesideRoutines: true, Kind: not StatementKind.Empty };

    private Migrated MigratedBy(TopologyState topology)
    {
        var migrated = Volatile.Read(ref _migrated);
        if (migrated is null || !ReferenceEquals(migrated.Routing, topology.Routing) || migrated.Gates != topology.HeldGates)
        {
            migrated = new Migrated(topology.Routing, topology.HeldGates);
            Volatile.Write(ref _migrated, migrated);
        }

        return migrated;
    }

    private bool MayHaveViews(ImmutableArray<TableReference> tables, string? schema, Migrated migrated)
    {
        foreach (var table in tables)
        {
            if ((table.Schema ?? schema) is { } name && migrated.LooksInto(name) && (Known(name) is not { } views || views.ContainsKey(table.Name)))
            {
                return true;
            }
        }

        return false;
    }

    private Dictionary<string, StatementInfo>? Known(string schema) =>
        _schemas.TryGetValue(schema, out var entry) && entry.Reading.IsCompletedSuccessfully ? entry.Reading.Result : null;

    /// <summary>The first schema, of those the statement names and those its views show tables of, whose views have to be read (again).</summary>
    /// <param name="info">The statement.</param>
    /// <param name="schema">The session's schema.</param>
    /// <param name="migrated">What is migrated.</param>
    /// <param name="tried">Schemas that were read just now; null when none was.</param>
    private string? FirstUnread(StatementInfo info, string? schema, Migrated migrated, HashSet<string>? tried)
    {
        Queue<(string Schema, StatementInfo View)>? shown = null;
        HashSet<(string Schema, string View)>? seen = null;
        var (reader, home) = (info, schema);
        while (true)
        {
            foreach (var table in reader.Tables)
            {
                if ((table.Schema ?? home) is not { } name || !migrated.LooksInto(name))
                {
                    continue;
                }

                if (!IsFresh(name) && tried?.Contains(name) != true)
                {
                    return name;
                }

                if (Known(name) is { } views && views.TryGetValue(table.Name, out var view) && (seen ??= []).Add((name, table.Name)))
                {
                    (shown ??= new Queue<(string, StatementInfo)>()).Enqueue((name, view));
                }
            }

            if (shown is null || !shown.TryDequeue(out var next))
            {
                return null;
            }

            (home, reader) = next;
        }
    }

    private bool IsFresh(string schema) =>
        _schemas.TryGetValue(schema, out var entry) && entry.Reading.IsCompletedSuccessfully && time.GetElapsedTime(entry.At) <= s_keep;

    private async Task ReadAllAsync(StatementInfo info, string? schema, TopologyState topology, Migrated migrated, CancellationToken cancellationToken)
    {
        var tried = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        while (tried.Count < MaxSchemas && FirstUnread(info, schema, migrated, tried) is { } name)
        {
            tried.Add(name);
            if (!_schemas.ContainsKey(name) && _schemas.Count >= MaxRemembered)
            {
                _schemas.Clear();
            }

            var entry = _schemas.GetOrAdd(name, static (name, arguments) => arguments.self.Begin(name, arguments.topology), (self: this, topology));
            if (entry.Reading.IsCompleted && !IsFresh(name))
            {
                var fresh = Begin(name, topology);
                entry = _schemas.TryUpdate(name, fresh, entry) ? fresh : _schemas.GetValueOrDefault(name, fresh);
            }

            try
            {
                await entry.Reading.WaitAsync(s_waitLimit, time, cancellationToken);
            }
            catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException or TimeoutException)
            {
                // Unknown then: the statement counts as touching everything in that schema.
            }
        }
    }

    private Entry Begin(string schema, TopologyState topology) =>
        new(time.GetTimestamp(), ReadAsync(schema, StatementRouter.HomeOf(schema, topology.Routing) ?? ""));

    private async Task<Dictionary<string, StatementInfo>> ReadAsync(string schema, string backend)
    {
        await Task.Yield();
        await _readings.WaitAsync(stopping);
        try
        {
            var profile = await profiles.GetAsync(backend, stopping);
            await using var connection = await BackendConnection.OpenAsync(profile.Options with { Schema = null }, stopping);
            var rows = await connection.QueryAsync(
                $"SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = {SqlText.QuoteString(schema)}", stopping);
            var definitions = new Dictionary<string, StatementInfo>(StringComparer.OrdinalIgnoreCase);
            foreach (var row in rows.Rows)
            {
                definitions[row.GetString(0)] = SqlScanner.Scan(Encoding.UTF8.GetBytes(row.GetStringOrNull(1) ?? ""), profile.ScanOptions);
            }

            return definitions;
        }
        finally
        {
            _readings.Release();
        }
    }

    private sealed record Entry(long At, Task<Dictionary<string, StatementInfo>> Reading);

    /// <summary>What rules and held gates of one state of the topology name.</summary>
    private sealed class Migrated
    {
        private readonly HashSet<string> _any;
        private readonly HashSet<string> _whole;

        public Migrated(RoutingTable routing, ImmutableArray<Gate> gates)
        {
            (Routing, Gates) = (routing, gates);
            var comparer = routing.IgnoreCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;
            var scopes = routing.Rules.Select(rule => new TableScope(rule.Schema, rule.Table)).Concat(gates.SelectMany(gate => gate.Scopes)).ToList();
            _any = scopes.Select(scope => scope.Schema).ToHashSet(comparer);
            _whole = _any.Except(scopes.Where(scope => scope.Table is not null).Select(scope => scope.Schema), comparer).ToHashSet(comparer);
        }

        public RoutingTable Routing { get; }

        public ImmutableArray<Gate> Gates { get; }

        public bool IsEmpty => _any.Count == 0;

        public bool Has(string schema) => _any.Contains(schema);

        /// <summary>In a schema migrated whole a view is where its tables are.</summary>
        public bool LooksInto(string schema) => !_whole.Contains(schema) && !StatementRouter.IsSystemSchema(schema);
    }
}
