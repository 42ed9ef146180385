using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Switchyard.Client;
using Switchyard.Wire;

namespace Switchyard.Proxy.Shadow;

/// <summary>
/// Hashes of values in a form in which equal values of two servers are equal: numbers without padding, fractions of seconds without trailing zeros,
/// JSON by its meaning where only one side has a type for it.
/// </summary>
internal static class ValueForm
{
    private const ulong Null = 0x6A09E667F3BCC908;
    private const ushort BinaryCollation = 63;

    /// <summary>Sums of floating point come out of different orders of addition; the last digits are nobody's.</summary>
    private const string ComputedDouble = "G12";

    public static ulong Hash(ReadOnlySpan<byte> value, bool isNull, ResultColumn column, bool readsJson)
    {
        if (isNull)
        {
            return Null;
        }

        switch (column.Type)
        {
            case ColumnType.Decimal or ColumnType.NewDecimal:
                return HashOf(WithoutTrailingZeros(value));
            case ColumnType.Float:
                return HashOfDouble(value, "G6");
            case ColumnType.Double:
                return HashOfDouble(value, column.OriginalName.Length > 0 ? "R" : ComputedDouble);
            case ColumnType.DateTime or ColumnType.Timestamp or ColumnType.Time or ColumnType.DateTime2 or ColumnType.Timestamp2 or ColumnType.Time2:
                return HashOf(WithoutTrailingZeros(value));
            default:
                return readsJson && value.Length > 1 && value[0] is (byte)'{' or (byte)'[' && TryHashJson(value, out var hash) ? hash : HashOf(value);
        }
    }

    /// <summary>As sorting sees a value: letters of either case and trailing spaces are the same to most collations.</summary>
    public static ulong SortHash(ReadOnlySpan<byte> value, bool isNull, ResultColumn column, bool readsJson)
    {
        if (isNull || column.Collation == BinaryCollation)
        {
            return Hash(value, isNull, column, readsJson);
        }

        return HashOf(Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(value).TrimEnd(' ').ToUpperInvariant()));
    }

    /// <summary>Whether sorting may see the same in another value than <see cref="SortHash"/> does: letters with and without accents, two ways to write one letter.</summary>
    public static bool IsSortedByRules(ReadOnlySpan<byte> value, ResultColumn column) => column.Collation != BinaryCollation && !Ascii.IsValid(value);

    public static ulong Combine(ulong hash, ulong next) => Mix((hash * 0x9E3779B97F4A7C15) ^ next);

    public static ulong HashOf(ReadOnlySpan<byte> bytes)
    {
        var hash = (ulong)bytes.Length + 0x243F6A8885A308D3;
        while (bytes.Length >= 8)
        {
            hash = Mix(hash ^ BitConverter.ToUInt64(bytes));
            bytes = bytes[8..];
        }

        var rest = 0UL;
        foreach (var b in bytes)
        {
            rest = (rest << 8) | b;
        }

        return Mix(hash ^ rest);
    }

    /// <summary>The finalizer of SplitMix64: every bit of the input reaches every bit of the output.</summary>
    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    private static ReadOnlySpan<byte> WithoutTrailingZeros(ReadOnlySpan<byte> text)
    {
        if (text.Contains((byte)'.'))
        {
            text = text.TrimEnd((byte)'0').TrimEnd((byte)'.');
        }

        return text.SequenceEqual("-0"u8) ? "0"u8 : text;
    }

    private static ulong HashOfDouble(ReadOnlySpan<byte> text, string format)
    {
        if (!Utf8Parser.TryParse(text, out double value, out var used) || used != text.Length)
        {
            return HashOf(text);
        }

        return HashOf(Encoding.ASCII.GetBytes((value == 0 ? 0 : value).ToString(format, CultureInfo.InvariantCulture)));
    }

    private static bool TryHashJson(ReadOnlySpan<byte> text, out ulong hash)
    {
        hash = 0;
        try
        {
            var reader = new Utf8JsonReader(text);
            using var document = JsonDocument.ParseValue(ref reader);
            hash = HashOf(document.RootElement);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static ulong HashOf(JsonElement element)
    {
        var hash = (ulong)element.ValueKind;
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject().OrderBy(property => property.Name, StringComparer.Ordinal))
                {
                    hash = Combine(Combine(hash, HashOf(Encoding.UTF8.GetBytes(property.Name))), HashOf(property.Value));
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    hash = Combine(hash, HashOf(item));
                }

                break;
            case JsonValueKind.Number:
                var number = Encoding.ASCII.GetBytes(element.GetRawText());
                hash = Combine(hash, number.AsSpan().IndexOfAny("eE"u8) >= 0 ? HashOfDouble(number, "R") : HashOf(WithoutTrailingZeros(number)));
                break;
            case JsonValueKind.String:
                hash = Combine(hash, HashOf(Encoding.UTF8.GetBytes(element.GetString()!)));
                break;
            default:
                break;
        }

        return hash;
    }
}
