using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Switchyard.Verification;

/// <summary>
/// Whether two JSON texts mean the same to a server that stores JSON natively: member order and white space do not count, of members
/// with the same name the last one does, and a number is its value (an integer beyond 64 bits is a double there).
/// </summary>
public static class JsonEquality
{
    // MySQL allows 100 levels (JSON_DOCUMENT_MAX_DEPTH); a MariaDB text can be deeper, and is then compared by its bytes alone.
    private static readonly JsonDocumentOptions s_options = new() { MaxDepth = 256 };

    /// <summary>Compares two texts in UTF-8; false when either is not JSON.</summary>
    public static bool AreEqual(ReadOnlyMemory<byte> left, ReadOnlyMemory<byte> right)
    {
        try
        {
            using var a = JsonDocument.Parse(left, s_options);
            using var b = JsonDocument.Parse(right, s_options);
            return Same(a.RootElement, b.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return false;
        }
    }

    private static bool Same(JsonElement a, JsonElement b)
    {
        if (a.ValueKind != b.ValueKind)
        {
            return false;
        }

        return a.ValueKind switch
        {
            JsonValueKind.Object => SameMembers(Members(a), Members(b)),
            JsonValueKind.Array => a.GetArrayLength() == b.GetArrayLength() && a.EnumerateArray().Zip(b.EnumerateArray()).All(p => Same(p.First, p.Second)),
            JsonValueKind.String => string.Equals(a.GetString(), b.GetString(), StringComparison.Ordinal),
            JsonValueKind.Number => SameNumber(a.GetRawText(), b.GetRawText()),
            _ => true,
        };
    }

    private static Dictionary<string, JsonElement> Members(JsonElement element)
    {
        var members = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var member in element.EnumerateObject())
        {
            members[member.Name] = member.Value;
        }

        return members;
    }

    private static bool SameMembers(Dictionary<string, JsonElement> a, Dictionary<string, JsonElement> b) =>
        a.Count == b.Count && a.All(member => b.TryGetValue(member.Key, out var other) && Same(member.Value, other));

    private static bool SameNumber(string a, string b)
    {
        if (string.Equals(a, b, StringComparison.Ordinal))
        {
            return true;
        }

        if (IsInteger64(a, out var x) && IsInteger64(b, out var y))
        {
            return x == y;
        }

        return double.Parse(a, CultureInfo.InvariantCulture).Equals(double.Parse(b, CultureInfo.InvariantCulture));
    }

    private static bool IsInteger64(string text, out BigInteger value) =>
        BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value)
        && value >= long.MinValue && value <= ulong.MaxValue;
}
