using Switchyard.Binlog.Decoding;

namespace Switchyard.Binlog.Values;

/// <summary>
/// DECIMAL as the storage engines and the log pack it: nine digits in four bytes big-endian, the rest in as few bytes as needed, the sign in
/// the first bit (set for positive), all bits inverted for negative numbers. Source: decimal2bin in strings/decimal.cc.
/// </summary>
internal static class PackedDecimal
{
    /// <summary>81 digits, a sign, a point and a leading zero.</summary>
    internal const int MaxLength = 84;

    private const int DigitsPerGroup = 9;

    // A column has 65. Inside JSON what was computed is kept as it lay in memory, with zeros in front that rounding has left: up to nine groups (DECIMAL_BUFF_LENGTH in sql/my_decimal.h).
    private const int MaxPrecision = 81;
    private const int MaxSizeBytes = 40;

    private static ReadOnlySpan<byte> BytesForDigits => [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

    internal static int SizeOf(int precision, int scale)
    {
        if (precision is < 1 or > MaxPrecision || scale > precision)
        {
            throw new BinlogFormatException($"A DECIMAL({precision},{scale}) cannot be.");
        }

        var whole = precision - scale;
        return (whole / DigitsPerGroup * 4) + BytesForDigits[whole % DigitsPerGroup]
            + (scale / DigitsPerGroup * 4) + BytesForDigits[scale % DigitsPerGroup];
    }

    internal static int Format(ReadOnlySpan<byte> packed, int precision, int scale, Span<byte> target)
    {
        Span<byte> bytes = stackalloc byte[MaxSizeBytes];
        bytes = bytes[..packed.Length];
        packed.CopyTo(bytes);
        var negative = (bytes[0] & 0x80) == 0;
        bytes[0] ^= 0x80;
        if (negative)
        {
            foreach (ref var b in bytes)
            {
                b = (byte)~b;
            }
        }

        Span<byte> digits = stackalloc byte[MaxPrecision];
        int at = 0, whole = precision - scale;
        var rest = (ReadOnlySpan<byte>)bytes;
        Take(ref rest, whole % DigitsPerGroup, digits, ref at);
        for (var i = 0; i < whole / DigitsPerGroup; i++)
        {
            Take(ref rest, DigitsPerGroup, digits, ref at);
        }

        for (var i = 0; i < scale / DigitsPerGroup; i++)
        {
            Take(ref rest, DigitsPerGroup, digits, ref at);
        }

        Take(ref rest, scale % DigitsPerGroup, digits, ref at);

        var written = 0;
        if (negative)
        {
            target[written++] = (byte)'-';
        }

        var wholeDigits = digits[..whole].TrimStart((byte)'0');
        if (wholeDigits.IsEmpty)
        {
            target[written++] = (byte)'0';
        }

        wholeDigits.CopyTo(target[written..]);
        written += wholeDigits.Length;
        if (scale > 0)
        {
            target[written++] = (byte)'.';
            digits.Slice(whole, scale).CopyTo(target[written..]);
            written += scale;
        }

        return written;
    }

    private static void Take(ref ReadOnlySpan<byte> bytes, int count, Span<byte> digits, ref int at)
    {
        var size = BytesForDigits[count];
        var value = EventSpan.BigEndian(bytes[..size]);
        bytes = bytes[size..];
        for (var i = count - 1; i >= 0; i--)
        {
            digits[at + i] = (byte)('0' + (value % 10));
            value /= 10;
        }

        at += count;
    }
}
