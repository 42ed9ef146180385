using System.Text;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Schema;
using Switchyard.Wire;

namespace Switchyard.Replication.Values;

/// <summary>MySQL's JSON as a text with the types of its scalars behind it, for who compares or stores it beside a stream.</summary>
public static class TypedJson
{
    /// <summary>Whether a server can be asked for types: MySQL from 8.0.21. (JSON_TABLE is older; that its paths take a character set and its value an outer column is not known of every version before.)</summary>
    public static bool IsReadBy(ServerInfo server)
    {
        ArgumentNullException.ThrowIfNull(server);
        return server.IsAtLeast(ServerVendor.MySql, 8, 0, 21);
    }

    /// <summary>The expression that reads a JSON column so. Needs a session whose <c>group_concat_max_len</c> has room for a letter a part.</summary>
    public static string Expression(ColumnDefinition column)
    {
        ArgumentNullException.ThrowIfNull(column);
        return JsonScalars.ReadingTypes(column.QuotedName);
    }

    /// <summary>
    /// Whether a value of MySQL, read with or without types, was longer than its max_allowed_packet: with no more than a warning, it gives an empty text then (9.7), which no JSON prints as, and
    /// nothing at all of a text to which something is joined.
    /// </summary>
    public static bool IsTooLong(ReadOnlyMemory<byte> cell) => cell.IsEmpty || cell.Span[0] == JsonTypes.AsExtracted;

    /// <summary>What to say of such a value.</summary>
    public static string TooLong(TableName table, string column, string side) =>
        $"A JSON value in column {table}.{column} is printed, with the types of its scalars, longer than the max_allowed_packet of the {side}, and cannot be read. "
        + "Raise max_allowed_packet there, with SET GLOBAL and in its configuration, and start again.";

    /// <summary>The text alone.</summary>
    public static ReadOnlyMemory<byte> TextOf(ReadOnlyMemory<byte> cell) => End(cell) is var end and >= 0 ? cell[..end] : cell;

    /// <summary>Whether the types of two cells are the same, whatever the texts.</summary>
    public static bool AreTypesEqual(ReadOnlyMemory<byte> left, ReadOnlyMemory<byte> right) => TypesOf(left).SequenceEqual(TypesOf(right));

    /// <summary>The cell as SQL that stores it as it was, for sessions whose character set is utf8mb4 or binary.</summary>
    public static string ToSql(ReadOnlyMemory<byte> cell)
    {
        using var writer = new PayloadWriter();
        Literal.Json.Write(writer, isNull: false, cell.Span);
        return Encoding.UTF8.GetString(writer.WrittenSpan);
    }

    /// <summary>The same of a long cell, which is sent from where it lies.</summary>
    public static IReadOnlyList<QueryPiece> ToPieces(ReadOnlyMemory<byte> cell)
    {
        using var text = new StreamedText(1024);
        text.Write(Literal.Json, isNull: false, cell);
        return [.. text.Pieces(0, text.Text.Length).Select(p => p.IsValue ? p : QueryPiece.Text(p.Bytes.ToArray()))];
    }

    private static int End(ReadOnlyMemory<byte> cell) => cell.Span.IndexOfAny(JsonTypes.InTextOrder, JsonTypes.AsExtracted);

    private static ReadOnlySpan<byte> TypesOf(ReadOnlyMemory<byte> cell) => End(cell) is var end and >= 0 ? cell.Span[end..] : default;
}
