using System.Collections.Immutable;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>The routing rules of a migration, as the next version of the routing table.</summary>
internal static class RoutingRules
{
    /// <summary>The tables and sequences of a migration, as gates and rules name them.</summary>
    public static ImmutableArray<TableScope> Scopes(MigrationRecord record) =>
        [.. record.Schemas.SelectMany(s => s.Whole ? [new TableScope(s.Name, null)] : s.Tables.Concat(s.Sequences ?? []).Select(t => new TableScope(s.Name, t)))];

    /// <summary>The table with this migration's rules as the record says they should be.</summary>
    public static RoutingTable With(RoutingTable table, MigrationRecord record)
    {
        var writer = record.Backend(record.Authoritative);
        var reads = record.Authoritative == Side.Source ? record.Reads : null;
        var reader = reads is null ? writer : record.Backend(Side.Target);
        var rules = Scopes(record).Select(scope => new RoutingRule(
            scope.Schema, scope.Table, writer, reader, record.Name, reads?.Percent ?? 100, Consistency(reads?.Consistency ?? ReadGuarantee.Global))
        {
            ShadowPercent = reads?.Shadow ?? 0,
        });
        return table with { Epoch = table.Epoch + 1, Rules = [.. Others(table, record), .. rules] };
    }

    /// <summary>
    /// The table after the end of the migration: its rules are gone where the default backend says the same, and else stay without the
    /// migration's name.
    /// </summary>
    public static RoutingTable Without(RoutingTable table, MigrationRecord record, string? newDefault)
    {
        var writer = record.Backend(record.Authoritative);
        var next = table with { Epoch = table.Epoch + 1 };
        if (newDefault is not null && newDefault != table.DefaultBackend)
        {
            next = next with
            {
                DefaultBackend = newDefault,
                DefaultsBefore = [.. table.DefaultsBefore.Append(table.DefaultBackend).OfType<string>().Where(d => d != newDefault).Distinct(StringComparer.Ordinal)],
            };
        }

        var kept = string.Equals(next.DefaultBackend, writer, StringComparison.Ordinal)
            ? []
            : Scopes(record).Select(scope => new RoutingRule(scope.Schema, scope.Table, writer, writer));
        return next with { Rules = [.. Others(table, record), .. kept] };
    }

    /// <summary>Why the rules of a new migration cannot be set; null when they can.</summary>
    public static Finding? Conflict(RoutingTable table, MigrationRecord record)
    {
        var scopes = Scopes(record);
        bool Meets(RoutingRule rule) => scopes.Any(s => s.Schema == rule.Schema && (rule.Table is null || s.Table is null || s.Table == rule.Table));
        bool IsSequence(RoutingRule rule) => rule.Table is { } name && record.Schemas.Any(s => s.Name == rule.Schema && s.Sequences?.Contains(name) == true);
        var rule = record.SchemaNames.SelectMany(table.RulesOf).OrderBy(IsSequence)
            .FirstOrDefault(r => Meets(r) && (r.Migration is null ? r.Writer != record.Settings.Source : r.Migration != record.Name));
        if (rule is null)
        {
            return null;
        }

        if (IsSequence(rule))
        {
            return Finding.Error(
                "sequence_moved",
                $"The sequence {rule.Schema}.{rule.Table} {(rule.Migration is { } other ? $"belongs to the migration '{other}'" : $"went to '{rule.Writer}' with tables that were moved before")}, so it cannot move with this one as well.",
                $"Give the tables that use it on '{record.Settings.Source}' a sequence of their own, which begins above the values they hold (CREATE SEQUENCE …, then ALTER TABLE … ALTER COLUMN … SET DEFAULT NEXTVAL(…), or the trigger that asks it made anew). If --tables names it, leave it out there.");
        }

        return rule.Migration is not null
            ? Finding.Error("already_migrating", $"{rule.Schema}.{rule.Table ?? "*"} belongs to the migration '{rule.Migration}'.", "Complete or cancel that migration first.")
            : Finding.Error(
                "routed_elsewhere", $"{rule.Schema}.{rule.Table ?? "*"} is routed to '{rule.Writer}', so '{record.Settings.Source}' is not where its data lives.",
                $"Migrate from '{rule.Writer}'.");
    }

    private static IEnumerable<RoutingRule> Others(RoutingTable table, MigrationRecord record)
    {
        var mine = Scopes(record).ToHashSet();
        return table.Rules.Where(r => !string.Equals(r.Migration, record.Name, StringComparison.Ordinal) && !mine.Contains(new TableScope(r.Schema, r.Table)));
    }

    private static ReadConsistency Consistency(ReadGuarantee guarantee) => guarantee switch
    {
        ReadGuarantee.Session => ReadConsistency.Session,
        ReadGuarantee.Eventual => ReadConsistency.Eventual,
        _ => ReadConsistency.Global,
    };
}
