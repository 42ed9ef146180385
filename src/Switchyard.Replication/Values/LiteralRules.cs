using Switchyard.Client;
using Switchyard.Replication.Schema;

namespace Switchyard.Replication.Values;

/// <summary>Which literal form stores a canonical cell of one column exactly in another.</summary>
internal static class LiteralRules
{
    /// <summary>For writing a source column's cell into its target column.</summary>
    /// <exception cref="ReplicationException">The two columns cannot hold the same values in a way known to be exact.</exception>
    public static Literal ForWrite(TableName table, ColumnDefinition source, ColumnDefinition target, ServerInfo targetServer)
    {
        if (source.Kind is ColumnKind.Enum or ColumnKind.Set
            && (source.Kind != target.Kind || !string.Equals(Members(source), Members(target), StringComparison.Ordinal)))
        {
            throw new ReplicationException(
                $"Column {table}.{source.Name} is {source.ColumnType} on the source and {target.ColumnType} on the target; give both the same members in the same order.");
        }

        if (target.Kind == ColumnKind.Json && source.Kind == ColumnKind.Json)
        {
            return Literal.Json;
        }

        if (target.Kind == ColumnKind.Json)
        {
            // The server refuses JSON from a binary string, and wants to be told that it is character data.
            return Literal.Introduced(CharacterSets.NameOn(targetServer, source.CharacterSet ?? "utf8mb4"));
        }

        return source.Kind switch
        {
            ColumnKind.Integer or ColumnKind.Decimal or ColumnKind.Bit or ColumnKind.Year or ColumnKind.Enum or ColumnKind.Set => Literal.Raw,
            ColumnKind.Text when target.Kind == ColumnKind.Text && !CharacterSets.Same(source.CharacterSet, target.CharacterSet) =>
                Literal.Introduced(CharacterSets.NameOn(targetServer, source.CharacterSet!)),
            ColumnKind.Json when target.Kind == ColumnKind.Text && !CharacterSets.Same("utf8mb4", target.CharacterSet) =>
                Literal.Introduced("utf8mb4"),
            // MariaDB takes a plain string of bytes for the address or identifier itself, not for its text.
            ColumnKind.Other => Literal.Introduced("latin1"),
            _ => Literal.Quoted,
        };
    }

    /// <summary>
    /// For comparing a column with a canonical cell on a server. Character data carries its character set, so that the comparison is the
    /// column's own and its index is used.
    /// </summary>
    public static Literal ForCompare(ColumnDefinition valueColumn, ServerInfo server) => valueColumn.Kind switch
    {
        ColumnKind.Integer or ColumnKind.Decimal or ColumnKind.Bit or ColumnKind.Year or ColumnKind.Enum or ColumnKind.Set => Literal.Raw,
        ColumnKind.Text when valueColumn.CharacterSet is { } charset => Literal.Introduced(CharacterSets.NameOn(server, charset)),
        ColumnKind.Other => Literal.Introduced("latin1"),
        _ => Literal.Quoted,
    };

    private static string Members(ColumnDefinition column)
    {
        var open = column.ColumnType.IndexOf('(', StringComparison.Ordinal);
        return open < 0 ? column.ColumnType : column.ColumnType[open..];
    }
}
