using System.Globalization;
using Switchyard.Binlog;
using Switchyard.Client;

namespace Switchyard.Replication.Values;

/// <summary>
/// Finds, in the text MySQL prints of a JSON value, the scalars that reading it would not give back as they are. Inside JSON a scalar can be a DECIMAL, a DATE, binary or unsigned,
/// put there by JSON_OBJECT or a cast; reading text makes doubles, strings and signed integers of them. Where the types do not stand beside the text, only decimals that no double
/// prints alike are found.
/// </summary>
internal static class JsonScalars
{
    private const int MaxExactDigits = 17;

    /// <param name="Path">Where it is, in the server's path language, as UTF-8.</param>
    /// <param name="Type">What it is, as in <see cref="JsonTypes"/>.</param>
    /// <param name="Start">Where its text begins.</param>
    /// <param name="Length">Bytes of its text, quotes included.</param>
    internal readonly record struct Found(byte[] Path, byte Type, int Start, int Length);

    /// <summary>
    /// The expression that reads a column's text with the types of its scalars behind it; <see cref="JsonTypes.AsExtracted"/> alone where the two are longer than the server's
    /// max_allowed_packet, of which CONCAT would make a NULL.
    /// </summary>
    public static string ReadingTypes(string column)
    {
        var letter = $"CASE JSON_TYPE({{0}}) WHEN 'INTEGER' THEN IF({{0}}>{JsonTypes.GreatestReadAsSigned},'{(char)JsonTypes.Signed}','{(char)JsonTypes.Plain}') "
            + $"WHEN 'UNSIGNED INTEGER' THEN IF({{0}}>{JsonTypes.GreatestReadAsSigned},'{(char)JsonTypes.Plain}','{(char)JsonTypes.Unsigned}') WHEN 'DECIMAL' THEN '{(char)JsonTypes.Decimal}' WHEN 'DATE' THEN '{(char)JsonTypes.Date}' "
            + $"WHEN 'TIME' THEN '{(char)JsonTypes.Time}' WHEN 'DATETIME' THEN '{(char)JsonTypes.DateTime}' WHEN 'TIMESTAMP' THEN '{(char)JsonTypes.Timestamp}' "
            + $"WHEN 'BLOB' THEN '{(char)JsonTypes.Opaque}' WHEN 'BIT' THEN '{(char)JsonTypes.Opaque}' WHEN 'OPAQUE' THEN '{(char)JsonTypes.Opaque}' ELSE '{(char)JsonTypes.Plain}' END";
        var whole = string.Format(CultureInfo.InvariantCulture, letter, column);
        var part = string.Format(CultureInfo.InvariantCulture, letter, "v");
        return $"COALESCE(CONCAT({column},_utf8mb4 x'{JsonTypes.AsExtracted:x2}',{whole},COALESCE((SELECT GROUP_CONCAT({part} ORDER BY o SEPARATOR '') "
            + $"FROM JSON_TABLE(JSON_EXTRACT({column},_utf8mb4'$**.*',_utf8mb4'$**[*]'),_utf8mb4'$[*]' COLUMNS(o FOR ORDINALITY, v JSON PATH _utf8mb4'$')) AS scalars),'')),"
            + $"IF({column} IS NULL,NULL,_utf8mb4 x'{JsonTypes.AsExtracted:x2}'))";
    }

    /// <summary>Divides a cell into the text and the scalars to be put in one by one; null when there is none, which is nearly always.</summary>
    public static List<Found>? Find(ReadOnlySpan<byte> cell, out ReadOnlySpan<byte> json)
    {
        var end = cell.IndexOfAny(JsonTypes.InTextOrder, JsonTypes.AsExtracted);
        json = end < 0 ? cell : cell[..end];
        return Find(cell, end, null);
    }

    /// <summary>The same of a cell that may lie in a file: what has been gone through of it is let go.</summary>
    public static List<Found>? Find(ReadOnlyMemory<byte> cell, out ReadOnlyMemory<byte> json)
    {
        var end = -1;
        for (var rest = cell; end < 0 && !rest.IsEmpty;)
        {
            var at = cell.Length - rest.Length;
            var step = SpilledBytes.TakeStep(ref rest);
            end = step.Span.IndexOfAny(JsonTypes.InTextOrder, JsonTypes.AsExtracted) is var found and >= 0 ? at + found : -1;
            SpilledBytes.Release(step);
        }

        json = end < 0 ? cell : cell[..end];
        if (end >= 0 && AreAllPlain(cell[(end + 1)..]))
        {
            return null;
        }

        var scalars = Find(cell.Span, end, passed => SpilledBytes.Release(cell[..passed]));
        SpilledBytes.Release(cell);
        return scalars;
    }

    private static bool AreAllPlain(ReadOnlyMemory<byte> types)
    {
        var plain = true;
        while (plain && !types.IsEmpty)
        {
            var step = SpilledBytes.TakeStep(ref types);
            plain = !step.Span.ContainsAnyExcept(JsonTypes.Plain);
            SpilledBytes.Release(step);
        }

        return plain;
    }

    private static List<Found>? Find(ReadOnlySpan<byte> cell, int end, Action<int>? passed)
    {
        if (end < 0)
        {
            return Find(cell, default, isTyped: false, passed);
        }

        var json = cell[..end];
        var types = cell[(end + 1)..];
        return !types.ContainsAnyExcept(JsonTypes.Plain) ? null
            : Find(json, cell[end] == JsonTypes.InTextOrder ? types : JsonTypeOrder.InTextOrder(json, types, passed), isTyped: true, passed);
    }

    private static List<Found>? Find(ReadOnlySpan<byte> json, ReadOnlySpan<byte> types, bool isTyped, Action<int>? passed)
    {
        List<Found>? found = null;
        var walk = new JsonWalk(json) { Passed = passed };
        for (var scalar = 0; walk.MoveToScalar(); scalar++)
        {
            var type = !isTyped
                ? walk.IsNumber && !ComesBack(json.Slice(walk.Start, walk.Length)) ? JsonTypes.Decimal : JsonTypes.Plain
                : scalar < types.Length ? types[scalar] : throw new ReplicationException("A JSON value has more scalars than types were read of; the server is not understood.");
            if (type != JsonTypes.Plain)
            {
                (found ??= []).Add(new Found(walk.Path(), type, walk.Start, walk.Length));
            }
        }

        return found;
    }

    // True when a reader that makes a double (or a 64-bit integer) of the text would print the same again.
    private static bool ComesBack(ReadOnlySpan<byte> number)
    {
        if (number.IndexOfAny((byte)'e', (byte)'E') >= 0)
        {
            return true;
        }

        var dot = number.IndexOf((byte)'.');
        if (dot < 0)
        {
            return long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
                || ulong.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out _);
        }

        var fraction = number[(dot + 1)..];
        if (fraction[^1] == '0' && fraction.Length > 1)
        {
            return false;
        }

        // Up to 15 digits every decimal is some double's shortest text; beyond that, ask.
        var digits = SignificantDigits(number);
        if (digits <= 15)
        {
            return true;
        }

        return digits <= MaxExactDigits && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            && decimal.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var exact)
            && decimal.TryParse(value.ToString("R", CultureInfo.InvariantCulture), NumberStyles.Float, CultureInfo.InvariantCulture, out var again)
            && exact == again;
    }

    private static int SignificantDigits(ReadOnlySpan<byte> number)
    {
        var digits = 0;
        foreach (var c in number)
        {
            digits += c is >= (byte)'0' and <= (byte)'9' && (digits > 0 || c != '0') ? 1 : 0;
        }

        return digits;
    }
}
