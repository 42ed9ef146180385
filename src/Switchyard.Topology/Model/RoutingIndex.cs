namespace Switchyard.Topology;

/// <summary>The rules of one routing table, arranged for lookups without allocation.</summary>
internal sealed class RoutingIndex
{
    private readonly Dictionary<string, SchemaRules> _schemas;

    public RoutingIndex(RoutingTable table)
    {
        var comparer = table.IgnoreCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;
        _schemas = new Dictionary<string, SchemaRules>(comparer);
        foreach (var rule in table.Rules)
        {
            if (!_schemas.TryGetValue(rule.Schema, out var rules))
            {
                _schemas[rule.Schema] = rules = new SchemaRules(comparer);
            }

            rules.Add(rule);
        }

        SingleBackend = table.DefaultBackend is { } only && table.Rules.All(rule => IsOnly(rule, only)) ? only : null;
    }

    /// <summary>The backend that answers for everything, if there is one.</summary>
    public string? SingleBackend { get; }

    public bool Has(string schema) => _schemas.ContainsKey(schema);

    public RoutingRule? Find(ReadOnlySpan<char> schema, ReadOnlySpan<char> table) =>
        _schemas.Count > 0 && _schemas.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(schema, out var rules) ? rules.Find(table) : null;

    private static bool IsOnly(RoutingRule rule, string backend) =>
        string.Equals(rule.Writer, backend, StringComparison.Ordinal)
        && (rule.ReadPercent == 0 || string.Equals(rule.Reader, backend, StringComparison.Ordinal));

    private sealed class SchemaRules(StringComparer comparer)
    {
        private readonly Dictionary<string, RoutingRule> _tables = new(comparer);
        private RoutingRule? _all;

        public void Add(RoutingRule rule)
        {
            var twice = rule.Table is null ? _all is not null : !_tables.TryAdd(rule.Table, rule);
            if (twice)
            {
                throw new InvalidOperationException($"Two routing rules name {rule.Schema}.{rule.Table ?? "*"}; there must be one.");
            }

            _all = rule.Table is null ? rule : _all;
        }

        public RoutingRule? Find(ReadOnlySpan<char> table) =>
            _tables.Count > 0 && _tables.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(table, out var rule) ? rule : _all;
    }
}
