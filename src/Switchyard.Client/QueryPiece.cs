using System.Buffers;

namespace Switchyard.Client;

/// <summary>A part of a statement's text that is sent from where it lies, so that a long statement need not be put together.</summary>
public readonly record struct QueryPiece
{
    private static readonly SearchValues<byte> s_special = SearchValues.Create("'\\\0"u8);

    private QueryPiece(ReadOnlyMemory<byte> bytes, bool isValue, long sentBytes)
    {
        Bytes = bytes;
        IsValue = isValue;
        SentBytes = sentBytes;
    }

    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>The inside of a string literal: quotes, backslashes and zeros are escaped on the way.</summary>
    public bool IsValue { get; }

    /// <summary>Bytes it has in the statement.</summary>
    public long SentBytes { get; }

    /// <summary>Text as it is.</summary>
    public static QueryPiece Text(ReadOnlyMemory<byte> bytes) => new(bytes, isValue: false, bytes.Length);

    /// <summary>The inside of a string literal, which is gone through once.</summary>
    public static QueryPiece Value(ReadOnlyMemory<byte> bytes)
    {
        long sent = bytes.Length;
        for (var rest = bytes; !rest.IsEmpty;)
        {
            var step = SpilledBytes.TakeStep(ref rest);
            for (var span = step.Span; span.IndexOfAny(s_special) is var next and >= 0; span = span[(next + 1)..])
            {
                sent++;
            }

            SpilledBytes.Release(step);
        }

        return new(bytes, isValue: true, sent);
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
