using System.Text;
using Switchyard.Replication.Schema;

namespace Switchyard.Verification;

/// <summary>Conditions on a table's key, in SQL that one server evaluates by its own order and its own index.</summary>
internal sealed class KeyClause
{
    private readonly (ColumnDefinition Column, bool Converted)[] _columns;
    private readonly string[] _operands;

    public KeyClause(IEnumerable<(ColumnDefinition Column, bool Converted)> columns)
    {
        _columns = [.. columns];
        // An ENUM compared with a number sorts by index, which is also the order of its index; compared with text it would sort by text.
        _operands = [.. _columns.Select(c => c.Column.Kind is ColumnKind.Enum or ColumnKind.Set or ColumnKind.Bit ? c.Column.CanonicalExpression : c.Column.QuotedName)];
    }

    public string OrderBy => string.Join(", ", _columns.Select(c => c.Column.QuotedName));

    /// <summary>Rows after a key, in the server's order.</summary>
    public string After(byte[] key) => Compare(key, ">", orEqual: false);

    /// <summary>Rows up to and including a key, in the server's order.</summary>
    public string UpTo(byte[] key) => Compare(key, "<", orEqual: true);

    /// <summary>Rows of which the key is one of these, by the column's collation.</summary>
    public string In(IReadOnlyList<byte[]> keys)
    {
        var literals = keys.Select(Literals).ToList();
        return _operands.Length == 1
            ? $"{_operands[0]} IN ({string.Join(", ", literals.Select(l => l[0]))})"
            : string.Join(" OR ", literals.Select(l => $"({string.Join(" AND ", _operands.Select((o, i) => $"{o} = {l[i]}"))})"));
    }

    // a > x OR (a = x AND (b > y OR (b = y AND c > z))), with a >= x in front, which is what lets every server use the index's range.
    private string Compare(byte[] key, string relation, bool orEqual)
    {
        var literals = Literals(key);
        var text = new StringBuilder();
        if (_operands.Length > 1)
        {
            text.Append(_operands[0]).Append(' ').Append(relation).Append("= ").Append(literals[0]).Append(" AND ");
        }

        for (var i = 0; i < _operands.Length; i++)
        {
            var last = i == _operands.Length - 1;
            var sign = last && orEqual ? relation + "=" : relation;
            text.Append('(').Append(_operands[i]).Append(' ').Append(sign).Append(' ').Append(literals[i]);
            if (!last)
            {
                text.Append(" OR (").Append(_operands[i]).Append(" = ").Append(literals[i]).Append(" AND ");
            }
        }

        // Each level but the last opened two parentheses, the last one opened one.
        return text.Append(')', (2 * _operands.Length) - 1).ToString();
    }

    private string[] Literals(byte[] key)
    {
        var cells = PackedRow.Split(key);
        return [.. _columns.Select((c, i) => SqlLiterals.ForKey(c.Column, c.Converted, cells[i].Bytes!.Value.Span))];
    }
}
