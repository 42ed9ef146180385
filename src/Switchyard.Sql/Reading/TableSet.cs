using System.Collections.Immutable;

namespace Switchyard.Sql.Reading;

/// <summary>Tables in the order they were named, each once with its strongest access.</summary>
internal sealed class TableSet
{
    private readonly List<TableReference> _tables = [];
    private readonly Dictionary<(string?, string), int> _index = [];

    public void Add(TableReference table)
    {
        if (_index.TryGetValue((table.Schema, table.Name), out var at))
        {
            if (_tables[at].Access < table.Access)
            {
                _tables[at] = table;
            }

            return;
        }

        _index.Add((table.Schema, table.Name), _tables.Count);
        _tables.Add(table);
    }

    public void AddRange(ImmutableArray<TableReference> tables)
    {
        foreach (var table in tables)
        {
            Add(table);
        }
    }

    public ImmutableArray<TableReference> ToImmutable() => [.. _tables];
}
