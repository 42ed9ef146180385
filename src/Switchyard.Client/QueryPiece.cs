using System.Buffers;

namespace Switchyard.Client;

/// <summary>A part of a statement's text that is sent from where it lies, so that a long statement need not be put together.</summary>
/// <param name="Bytes">Text as it is, or a value.</param>
/// <param name="IsValue">The inside of a string literal: quotes, backslashes and zeros are escaped on the way.</param>
public readonly record struct QueryPiece(ReadOnlyMemory<byte> Bytes, bool IsValue)
{
    private static readonly SearchValues<byte> s_special = SearchValues.Create("'\\\0"u8);

    /// <summary>Bytes it has in the statement.</summary>
    public long CountBytes()
    {
        long count = Bytes.Length;
        for (var rest = IsValue ? Bytes.Span : default; rest.IndexOfAny(s_special) is var next and >= 0; rest = rest[(next + 1)..])
        {
            count++;
        }

        return count;
    }

    /// <summary>Writes the inside of a string literal.</summary>
    /// <param name="value">What is left of the value.</param>
    /// <param name="to">Where to; at least two bytes.</param>
    /// <param name="consumed">How much of the value was written.</param>
    /// <returns>Bytes written.</returns>
    internal static int Escape(ReadOnlySpan<byte> value, Span<byte> to, out int consumed)
    {
        var (from, written) = (0, 0);
        while (from < value.Length && written + 2 <= to.Length)
        {
            var window = value.Slice(from, Math.Min(value.Length - from, to.Length - written - 1));
            var special = window.IndexOfAny(s_special);
            var plain = special < 0 ? window.Length : special;
            window[..plain].CopyTo(to[written..]);
            from += plain;
            written += plain;
            if (special >= 0 && written + 2 <= to.Length)
            {
                to[written++] = (byte)'\\';
                to[written++] = value[from] == 0 ? (byte)'0' : value[from];
                from++;
            }
        }

        consumed = from;
        return written;
    }
}
