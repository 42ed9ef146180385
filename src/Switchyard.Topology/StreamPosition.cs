using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Switchyard.Topology;

/// <summary>
/// A place in a server's binary log: the end of an event, as file and byte offset. Ordered by the number at the end of the file name,
/// then by offset; positions of different servers cannot be compared.
/// </summary>
[JsonConverter(typeof(StreamPositionJsonConverter))]
public readonly record struct StreamPosition(string File, ulong Offset) : IComparable<StreamPosition>
{
    /// <summary>True for <c>default</c>, which stands for "no position known" and is below every real position.</summary>
    public bool IsEmpty => string.IsNullOrEmpty(File);

    /// <inheritdoc />
    public int CompareTo(StreamPosition other)
    {
        if (IsEmpty || other.IsEmpty)
        {
            return (IsEmpty ? 0 : 1) - (other.IsEmpty ? 0 : 1);
        }

        var byFile = string.Equals(File, other.File, StringComparison.Ordinal) ? 0 : CompareFiles(File, other.File);
        return byFile != 0 ? byFile : Offset.CompareTo(other.Offset);
    }

    /// <summary>Reads <c>file:offset</c>.</summary>
    /// <exception cref="FormatException">The text is not a position.</exception>
    public static StreamPosition Parse(string text) => TryParse(text, out var position)
        ? position
        : throw new FormatException($"'{text}' is not a binary log position; write it as FILE:OFFSET, for example binlog.000003:1547.");

    /// <summary>Reads <c>file:offset</c>; false when the text is not one.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out StreamPosition position)
    {
        position = default;
        var colon = text?.LastIndexOf(':') ?? -1;
        if (colon <= 0 || !ulong.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var offset))
        {
            return false;
        }

        position = new StreamPosition(text![..colon], offset);
        return true;
    }

    /// <inheritdoc />
    public override string ToString() => IsEmpty ? "" : string.Create(CultureInfo.InvariantCulture, $"{File}:{Offset}");

    public static bool operator <(StreamPosition left, StreamPosition right) => left.CompareTo(right) < 0;

    public static bool operator <=(StreamPosition left, StreamPosition right) => left.CompareTo(right) <= 0;

    public static bool operator >(StreamPosition left, StreamPosition right) => left.CompareTo(right) > 0;

    public static bool operator >=(StreamPosition left, StreamPosition right) => left.CompareTo(right) >= 0;

    /// <summary>Servers count past 999999 with more digits, so the suffix is a number and not a string.</summary>
    private static int CompareFiles(string left, string right)
    {
        var (leftBase, leftNumber) = Split(left);
        var (rightBase, rightNumber) = Split(right);
        var byBase = string.CompareOrdinal(leftBase, rightBase);
        return byBase != 0 ? byBase : leftNumber.CompareTo(rightNumber);
    }

    private static (string Base, ulong Number) Split(string file)
    {
        var dot = file.LastIndexOf('.');
        return dot >= 0 && ulong.TryParse(file.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? (file[..dot], number)
            : (file, 0);
    }

    private sealed class StreamPositionJsonConverter : JsonConverter<StreamPosition>
    {
        public override StreamPosition Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.GetString() is { Length: > 0 } text ? Parse(text) : default;

        public override void Write(Utf8JsonWriter writer, StreamPosition value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToString());
    }
}
