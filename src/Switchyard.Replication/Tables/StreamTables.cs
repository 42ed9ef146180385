using Switchyard.Replication.Ddl;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Tables;

/// <summary>The tables of a stream, found by name as the log writes it.</summary>
internal sealed class StreamTables
{
    private readonly Dictionary<TableName, StreamTable> _tables;
    private readonly HashSet<string> _schemas;

    public StreamTables(IEnumerable<TableName> names, bool ignoreCase)
    {
        var comparer = new TableNameComparer(ignoreCase);
        _tables = names.Distinct().ToDictionary(n => n, n => new StreamTable(n), comparer);
        _schemas = new HashSet<string>(_tables.Keys.Select(n => n.Schema), comparer.Strings);
    }

    public IReadOnlyCollection<StreamTable> All => _tables.Values;

    public StreamTable? Find(string schema, string table) => _tables.GetValueOrDefault(new TableName(schema, table));

    public bool HasSchema(string schema) => _schemas.Contains(schema);

    /// <summary>Whether a statement names one of the tables, or the schema of one when it acts on schemas, or may do so. Of a change, <see cref="ChangeReach"/> has judged that.</summary>
    public bool Concerns(DdlStatement statement) => statement.Kind switch
    {
        DdlKind.None or DdlKind.Savepoint => false,
        _ when statement.IsUnreadable => true,
        DdlKind.Database => statement.Names.Any(n => HasSchema(n.Schema)),
        DdlKind.Change => true,
        _ => statement.Names.Concat(statement.NewNames).Any(n => _tables.ContainsKey(n)),
    };
}
