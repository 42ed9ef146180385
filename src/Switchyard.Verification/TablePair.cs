using Switchyard.Replication.Schema;

namespace Switchyard.Verification;

/// <summary>One table on both sides: its columns, key columns first, and the statements that read it.</summary>
internal sealed class TablePair
{
    private readonly string _leftColumns;
    private readonly string _rightColumns;

    public TablePair(TableDefinition left, TableDefinition right, bool crossVendor, bool readsJsonTypes)
    {
        Left = left;
        Right = right;
        if (left.Key is null)
        {
            throw new InvalidOperationException($"The table {left.Name} has no primary key and no unique key without NULLs, so its rows cannot be told apart. Add one.");
        }

        var keyNames = left.KeyColumns.Select(c => c.Name).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var ordered = left.KeyColumns.Concat(left.Columns.Where(c => !keyNames.Contains(c.Name)));
        var others = right.Columns.ToDictionary(c => c.Name, StringComparer.OrdinalIgnoreCase);
        var columns = new List<ComparedColumn>();
        foreach (var column in ordered)
        {
            if (!others.Remove(column.Name, out var other))
            {
                throw new InvalidOperationException($"The column {column.Name} of {left.Name} does not exist on the other side. Bring the two definitions together and compare again.");
            }

            columns.Add(new ComparedColumn(column, other, crossVendor, readsJsonTypes));
        }

        if (others.Count > 0)
        {
            throw new InvalidOperationException(
                $"The column {others.Keys.First()} of {right.Name} exists only on the following side. Bring the two definitions together and compare again.");
        }

        Columns = columns;
        KeyLength = left.KeyColumns.Count;
        if (columns.Take(KeyLength).FirstOrDefault(c => c.ByName) is { } named)
        {
            throw new InvalidOperationException($"The key column {named.Name} of {left.Name} is an ENUM or SET with different definitions on the two sides. Make them equal and compare again.");
        }

        Lenient = columns.Exists(c => c.IsLenient);
        _leftColumns = string.Join(", ", columns.Select(c => c.Expression(left: true)));
        _rightColumns = string.Join(", ", columns.Select(c => c.Expression(left: false)));
        LeftKey = new KeyClause(columns.Take(KeyLength).Select(c => (c.Left, c.Converted)));
        RightKey = new KeyClause(columns.Take(KeyLength).Select(c => (c.Right, c.Converted)));
        RangesAgree = columns.Take(KeyLength).All(c => c.Left.Kind != ColumnKind.Text || string.Equals(c.Left.Collation, c.Right.Collation, StringComparison.OrdinalIgnoreCase));
    }

    public TableDefinition Left { get; }

    public TableDefinition Right { get; }

    public IReadOnlyList<ComparedColumn> Columns { get; }

    public int KeyLength { get; }

    public KeyClause LeftKey { get; }

    public KeyClause RightKey { get; }

    /// <summary>
    /// Whether both servers put the keys in the same order, as far as names can tell. When they do not, a range of one side is no range of the
    /// other, and rows are looked up by equality in both directions instead.
    /// </summary>
    public bool RangesAgree { get; }

    private bool Lenient { get; }

    public string Select(bool left) => left ? $"SELECT {_leftColumns} FROM {Left.Name.Quoted}" : $"SELECT {_rightColumns} FROM {Right.Name.Quoted}";

    public KeyClause Key(bool left) => left ? LeftKey : RightKey;

    /// <summary>Whether two packed rows hold the same values.</summary>
    public bool Same(byte[] left, ReadOnlySpan<byte> right)
    {
        if (right.SequenceEqual(left))
        {
            return true;
        }

        return Lenient && DifferingColumns(left, right.ToArray()).Count == 0;
    }

    public IReadOnlyList<int> DifferingColumns(byte[] left, byte[] right)
    {
        var a = PackedRow.Split(left);
        var b = PackedRow.Split(right);
        return [.. Enumerable.Range(0, Columns.Count).Where(i => !Columns[i].Same(a[i], b[i]))];
    }
}
