using System.Globalization;

namespace Switchyard.Replication.Values;

/// <summary>
/// Finds, in the text MySQL prints of a JSON value, the numbers that would not come back as they are. Inside JSON a number can be a DECIMAL (19.90,
/// put there by JSON_OBJECT or a cast), but reading JSON text makes every number with a fraction a double (19.9).
/// </summary>
internal static class JsonDecimals
{
    private const int MaxExactDigits = 17;

    /// <param name="Path">Where it is, in the server's path language, as UTF-8.</param>
    /// <param name="Number">Its digits.</param>
    internal readonly record struct Found(byte[] Path, string Number);

    /// <summary>Null when there is none, which is nearly always.</summary>
    public static List<Found>? Find(ReadOnlySpan<byte> json)
    {
        List<Found>? found = null;
        var steps = new Stack<Step>();
        for (var i = 0; i < json.Length;)
        {
            var c = json[i];
            switch (c)
            {
                case (byte)'"':
                    var end = StringEnd(json, i);
                    if (steps.TryPeek(out var step) && step is { IsObject: true, ExpectsKey: true })
                    {
                        step.KeyStart = i;
                        step.KeyEnd = end;
                        step.ExpectsKey = false;
                    }

                    i = end;
                    break;
                case (byte)'{' or (byte)'[':
                    steps.Push(new Step { IsObject = c == '{', ExpectsKey = c == '{' });
                    i++;
                    break;
                case (byte)'}' or (byte)']':
                    steps.Pop();
                    i++;
                    break;
                case (byte)',':
                    var inside = steps.Peek();
                    inside.Index++;
                    inside.ExpectsKey = inside.IsObject;
                    i++;
                    break;
                case (byte)'-' or (>= (byte)'0' and <= (byte)'9'):
                    var length = NumberLength(json[i..]);
                    if (!ComesBack(json.Slice(i, length)))
                    {
                        (found ??= []).Add(new Found(PathOf(steps, json), System.Text.Encoding.ASCII.GetString(json.Slice(i, length))));
                    }

                    i += length;
                    break;
                default:
                    i++;
                    break;
            }
        }

        return found;
    }

    private static int NumberLength(ReadOnlySpan<byte> json)
    {
        var length = json.IndexOfAnyExcept("+-.0123456789eE"u8);
        return length < 0 ? json.Length : length;
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

    private static int StringEnd(ReadOnlySpan<byte> json, int start)
    {
        var i = start + 1;
        while (i < json.Length && json[i] != '"')
        {
            i += json[i] == '\\' ? 2 : 1;
        }

        return Math.Min(i + 1, json.Length);
    }

    private static byte[] PathOf(Stack<Step> steps, ReadOnlySpan<byte> json)
    {
        var path = new List<byte> { (byte)'$' };
        foreach (var step in steps.Reverse())
        {
            if (step.IsObject)
            {
                path.Add((byte)'.');
                path.AddRange(json[step.KeyStart..step.KeyEnd]);
            }
            else
            {
                path.AddRange(System.Text.Encoding.ASCII.GetBytes($"[{step.Index.ToString(CultureInfo.InvariantCulture)}]"));
            }
        }

        return [.. path];
    }

    private sealed class Step
    {
        public bool IsObject { get; init; }

        public bool ExpectsKey { get; set; }

        public int KeyStart { get; set; }

        public int KeyEnd { get; set; }

        public int Index { get; set; }
    }
}
