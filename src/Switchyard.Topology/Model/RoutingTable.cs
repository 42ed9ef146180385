using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Switchyard.Topology;

/// <summary>
/// All routing rules, as one immutable version with a number. <see cref="DefaultBackend"/> answers for every table no rule names; null when
/// none is configured yet, and then nothing outside the rules can be reached.
/// </summary>
public sealed record RoutingTable(long Epoch, string? DefaultBackend, ImmutableArray<RoutingRule> Rules)
{
    private RoutingIndex? _index;

    /// <summary>A copy starts without the index, which belongs to the rules it was built from.</summary>
    private RoutingTable(RoutingTable original)
    {
        Epoch = original.Epoch;
        DefaultBackend = original.DefaultBackend;
        Rules = original.Rules;
        IgnoreCase = original.IgnoreCase;
        DefaultsBefore = original.DefaultsBefore;
    }

    public static RoutingTable Empty { get; } = new(0, null, []);

    /// <summary>Names are compared without regard to case, as servers with <c>lower_case_table_names</c> 1 or 2 do.</summary>
    public bool IgnoreCase { get; init; }

    /// <summary>
    /// Backends whose place as the default one was taken when a migration was completed, which are not to come back to it by a configuration written before: what they hold is of before, too.
    /// </summary>
    public IReadOnlyList<string> DefaultsBefore { get; init; } = [];

    private RoutingIndex Index => Volatile.Read(ref _index) ?? (_index = new RoutingIndex(this));

    /// <summary>Who answers for a table; null when neither a rule nor a default backend does.</summary>
    public Route? Resolve(string schema, string table) => Resolve(schema.AsSpan(), table.AsSpan());

    /// <inheritdoc cref="Resolve(string, string)"/>
    public Route? Resolve(ReadOnlySpan<char> schema, ReadOnlySpan<char> table)
    {
        var rule = Index.Find(schema, table);
        return rule is not null ? new Route(rule.Writer, rule.Reader, rule)
            : DefaultBackend is not null ? new Route(DefaultBackend, DefaultBackend, null)
            : null;
    }

    /// <summary>
    /// The fast path: true when every statement of a session in <paramref name="schema"/> belongs to one backend whatever it names. A statement
    /// may name tables of other schemas, so the rules of all schemas have a say, not only those of this one.
    /// </summary>
    public bool TryGetSingleBackend(string? schema, [NotNullWhen(true)] out string? backend)
    {
        _ = schema;
        backend = Index.SingleBackend;
        return backend is not null;
    }

    /// <summary>True when any rule names the schema or a table in it.</summary>
    public bool HasRules(string schema) => Index.Has(schema);

    /// <summary>Every rule that names the schema.</summary>
    public IEnumerable<RoutingRule> RulesOf(string schema)
    {
        var comparison = IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        return Rules.Where(rule => string.Equals(rule.Schema, schema, comparison));
    }

    public bool Equals(RoutingTable? other) => ReferenceEquals(this, other)
        || (other is not null && Epoch == other.Epoch && IgnoreCase == other.IgnoreCase
            && string.Equals(DefaultBackend, other.DefaultBackend, StringComparison.Ordinal) && Rules.SequenceEqual(other.Rules)
            && DefaultsBefore.SequenceEqual(other.DefaultsBefore, StringComparer.Ordinal));

    public override int GetHashCode() => HashCode.Combine(Epoch, DefaultBackend, Rules.Length);
}
