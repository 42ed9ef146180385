using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Routing;
using Switchyard.Sql;
using Switchyard.Topology;

namespace Switchyard.Proxy.Reads;

/// <summary>
/// Data-router mode: plain reads of tables whose reader is not their writer go to the reader once it shows every write they must see.
/// Safe from any thread; costs one comparison per statement while no table is in that mode.
/// </summary>
internal sealed class ReadRouter(
    TopologyView view, AppliedPositions applied, BackendProfiles profiles, ViewCatalog views, ProxyOptions options, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<(string Migration, string Writer, string Reader), MigrationReads> _migrations = new();
    private readonly CancellationTokenSource _stop = new();
    private volatile Activity _activity = new(RoutingTable.Empty, []);
    private readonly Lock _activating = new();

    public TimeSpan WaitLimit => options.ReadWaitLimit;

    /// <summary>The one reader for all tables of a plain read, and what must be visible on it; null when the read is the writer's.</summary>
    public ReadPlan? Plan(StatementInfo info, string? schema, TopologyState topology, SessionMarks marks, long sessionId)
    {
        if (!IsActive(topology.Routing) || !info.IsPlainRead || info.Tables.IsEmpty)
        {
            return null;
        }

        RoutingRule? first = null;
        var number = 0L;
        foreach (var table in info.Tables)
        {
            if ((table.Schema ?? schema) is not { } name || StatementRouter.IsSystemSchema(name)
                || topology.Routing.Resolve(name, table.Name)?.Rule is not { Migration: { } migration } rule
                || rule.Reader == rule.Writer || !IsChosen(sessionId, rule.ReadPercent)
                || (first is not null && (first.Reader != rule.Reader || first.Migration != migration)))
            {
                return null;
            }

            first = rule;
            number = Math.Max(number, Required(rule, Of(rule, topology), name, table.Name, marks, topology));
        }

        return first is null ? null : new ReadPlan(first.Reader, Of(first, topology), number);
    }

    /// <summary>The one reader of all migrated tables, with everything a transaction that begins now must see; null when there is no such one.</summary>
    public ReadPlan? PlanAll(TopologyState topology, SessionMarks marks, long sessionId)
    {
        if (!IsActive(topology.Routing))
        {
            return null;
        }

        RoutingRule? first = null;
        foreach (var rule in topology.Routing.Rules)
        {
            if (rule.Migration is null || rule.Reader == rule.Writer || !IsChosen(sessionId, rule.ReadPercent))
            {
                continue;
            }

            if (first is not null && (first.Migration != rule.Migration || first.Reader != rule.Reader))
            {
                return null;
            }

            first = rule;
        }

        if (first is null)
        {
            return null;
        }

        var reads = Of(first, topology);
        var number = first.Consistency switch
        {
            ReadConsistency.Eventual => 0,
            ReadConsistency.Session => Math.Max(marks.Last, reads.Beginning),
            _ => topology.Proxies.Count > 1 ? reads.Marks.Next() : Math.Max(marks.Last, reads.Marks.Current),
        };
        return new ReadPlan(first.Reader, reads, number);
    }

    /// <summary>
    /// Called with the answer to a statement in hand and before its end goes to the client. Marks what it wrote, or keeps that for the end of its
    /// transaction. Looks at the topology of now, not of the statement's beginning: the mode may have begun meanwhile.
    /// </summary>
    public void Acknowledging(SessionMarks marks, StatementInfo info, string? schema, bool wasInTransaction, bool inTransaction, bool failed)
    {
        var topology = view.Current;
        if (!IsActive(topology.Routing))
        {
            if (marks.FollowsTransaction)
            {
                // What it writes from here on is not kept.
                marks.ClearPending();
            }

            return;
        }

        if (inTransaction && !wasInTransaction)
        {
            marks.FollowsTransaction = true;
        }

        SawSource(marks, info, schema, topology);
        if (inTransaction && info.MayWrite)
        {
            // Also what a routine, or several statements, wrote before one failed, or behind the one that began the transaction.
            marks.AddPending(info, schema);
        }

        if (inTransaction && !failed && !info.Has(SessionEffects.ImplicitCommit | SessionEffects.EndsTransaction))
        {
            return;
        }

        if (wasInTransaction)
        {
            MarkPending(marks, topology);
        }

        MarkWrites(info, schema, topology);
        if (!inTransaction)
        {
            marks.ClearPending();
        }
    }

    /// <summary>Where a migration's reads have gone since validation began; null when none was looked at.</summary>
    public RoutedReads? Show(string migration)
    {
        foreach (var (key, reads) in _migrations)
        {
            if (key.Migration == migration)
            {
                return reads.Counts.Show();
            }
        }

        return null;
    }

    /// <summary>A count of a migration's reads begins anew.</summary>
    public void BeginCount(string migration)
    {
        foreach (var (key, reads) in _migrations)
        {
            if (key.Migration == migration)
            {
                reads.Counts.Begin();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        foreach (var migration in _migrations.Values)
        {
            await migration.DisposeAsync();
        }

        _stop.Dispose();
    }

    private bool IsActive(RoutingTable routing)
    {
        var activity = _activity;
        return ReferenceEquals(activity.Routing, routing) ? activity.IsActive : Activate(routing).IsActive;
    }

    /// <summary>Nothing was marked of a migration while its reads were all the writer's.</summary>
    private Activity Activate(RoutingTable routing)
    {
        lock (_activating)
        {
            var before = _activity;
            if (ReferenceEquals(before.Routing, routing))
            {
                return before;
            }

            var now = new Activity(routing, [.. routing.Rules.Where(rule => rule.Migration is not null && rule.Reader != rule.Writer && rule.ReadPercent > 0).Select(KeyOf)]);
            foreach (var key in now.Active.Except(before.Active))
            {
                if (_migrations.TryGetValue(key, out var reads))
                {
                    reads.BeginAnew();
                }
            }

            return _activity = now;
        }
    }

    private static (string Migration, string Writer, string Reader) KeyOf(RoutingRule rule) => (rule.Migration!, rule.Writer, rule.Reader);

    private MigrationReads Of(RoutingRule rule, TopologyState topology) => _migrations.GetOrAdd(
        KeyOf(rule),
        static (_, arguments) => arguments.self.Create(arguments.rule, arguments.topology),
        (self: this, rule, topology));

    private MigrationReads Create(RoutingRule rule, TopologyState topology) => new(
        rule.Migration!,
        new SourcePosition(profiles, rule.Writer),
        applied,
        new SchemaShapes(profiles, rule.Writer, topology.Routing.IgnoreCase, _stop.Token),
        topology.Routing.IgnoreCase,
        time,
        logger);

    private static long Required(RoutingRule rule, MigrationReads reads, string schema, string table, SessionMarks marks, TopologyState topology)
    {
        if (rule.Consistency == ReadConsistency.Eventual)
        {
            return 0;
        }

        if (!reads.Shapes.IsBaseTable(schema, table))
        {
            // A view, perhaps: it shows tables that are marked under their own names.
            return reads.Marks.Current;
        }

        var own = Math.Max(marks.Own(schema, table), reads.Beginning);
        return rule.Consistency == ReadConsistency.Session ? own

            // Writes through other proxies are not marked here; a fresh number makes the read ask the source for its position.
            : topology.Proxies.Count > 1 ? reads.Marks.Next()
            : Math.Max(own, reads.Marks.Of(schema, table));
    }

    /// <summary>Sessions are spread by a multiplicative hash, so that consecutive ones do not fall on one side together.</summary>
    private static bool IsChosen(long sessionId, int percent) =>
        percent >= 100 || (uint)((ulong)sessionId * 2654435769UL >> 16) % 100 < (uint)percent;

    /// <summary>Later reads of this session must not show less than the source has shown it, acknowledged or not.</summary>
    private void SawSource(SessionMarks marks, StatementInfo info, string? schema, TopologyState topology)
    {
        foreach (var table in StatementTables.Of(info, schema, views).Tables)
        {
            if (RuleOf(table, schema, topology) is { } rule)
            {
                var reads = Of(rule, topology);
                marks.SawSource(table.Schema ?? schema!, table.Name, reads.Marks.Next());
            }
        }
    }

    private void MarkPending(SessionMarks marks, TopologyState topology)
    {
        if (marks.PendingAll || !marks.FollowsTransaction)
        {
            MarkEverything(topology);
        }

        foreach (var (info, schema) in marks.Pending)
        {
            MarkWrites(info, schema, topology);
        }
    }

    private void MarkWrites(StatementInfo info, string? schema, TopologyState topology)
    {
        if (MayChangeDefinitions(info))
        {
            // Which tables a write changes besides is another question from now on, also where the text does not say of which.
            foreach (var reads in _migrations.Values)
            {
                reads.Shapes.ForgetAll();
            }

            MarkEverything(topology);
            return;
        }

        var tables = StatementTables.Of(info, schema, views);
        if (!tables.AreKnown || info.Has(SessionEffects.EndsXa))
        {
            // XA COMMIT makes real what any session may have prepared, long ago.
            MarkEverything(topology);
            return;
        }

        foreach (var table in tables.Tables)
        {
            if (table.Access != TableAccess.Write || RuleOf(table, schema, topology) is not { } rule)
            {
                continue;
            }

            var reads = Of(rule, topology);
            var name = table.Schema ?? schema!;
            if (reads.Shapes.ClosureOf(name, table.Name) is { } closure)
            {
                foreach (var changed in closure)
                {
                    reads.Marks.Mark(name, changed);
                }
            }
            else
            {
                reads.Marks.MarkAll();
            }
        }
    }

    private static bool MayChangeDefinitions(StatementInfo info) =>
        info.Statements.Any(part => part.Kind == StatementKind.Ddl && !part.Has(SessionEffects.CreatesTemporaryTable | SessionEffects.DropsTemporaryTable))
        || (info.Has(SessionEffects.ImplicitCommit) && (info.Kind == StatementKind.Call || info.Has(SessionEffects.CallsProcedure)));

    private void MarkEverything(TopologyState topology)
    {
        foreach (var rule in topology.Routing.Rules)
        {
            if (rule.Migration is not null && rule.Reader != rule.Writer)
            {
                Of(rule, topology).Marks.MarkAll();
            }
        }
    }

    private static RoutingRule? RuleOf(TableReference table, string? schema, TopologyState topology) =>
        (table.Schema ?? schema) is { } name && topology.Routing.Resolve(name, table.Name)?.Rule is { Migration: not null } rule && rule.Reader != rule.Writer ? rule : null;

    private sealed record Activity(RoutingTable Routing, ImmutableHashSet<(string Migration, string Writer, string Reader)> Active)
    {
        public bool IsActive { get; } = !Active.IsEmpty;
    }
}

/// <summary>A read that may go to <paramref name="Backend"/> once <paramref name="Number"/> is visible there.</summary>
internal sealed record ReadPlan(string Backend, MigrationReads Reads, long Number);
