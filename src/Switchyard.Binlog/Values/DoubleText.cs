using System.Globalization;

namespace Switchyard.Binlog.Values;

/// <summary>
/// Doubles as both vendors print them: the shortest digits that read back as the same number, in plain notation unless the decimal point is
/// far away. Source of the limits: my_gcvt and MAX_DECPT_FOR_F_FORMAT (= DBL_DIG = 15) in strings/dtoa.cc.
/// </summary>
public static class DoubleText
{
    /// <summary>No result is longer.</summary>
    public const int MaxLength = 48;

    private const int MaxPlainPoint = 15;

    /// <summary>Writes the number, returns the length.</summary>
    public static int Format(double value, Span<byte> target)
    {
        Span<byte> shortest = stackalloc byte[40];
        _ = value.TryFormat(shortest, out var shortLength, "R", CultureInfo.InvariantCulture);

        // Take the digits and the place of the decimal point out of the shortest form, whatever its notation.
        Span<byte> digits = stackalloc byte[40];
        int count = 0, point = 0, exponent = 0;
        bool negative = false, pointSeen = false, leading = true;
        for (var i = 0; i < shortLength; i++)
        {
            var c = shortest[i];
            switch (c)
            {
                case (byte)'-':
                    negative = true;
                    break;
                case (byte)'.':
                    pointSeen = true;
                    break;
                case (byte)'E':
                    exponent = int.Parse(shortest[(i + 1)..shortLength], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
                    i = shortLength;
                    break;
                default:
                    if (leading && c == (byte)'0')
                    {
                        point -= pointSeen ? 1 : 0;
                        break;
                    }

                    leading = false;
                    digits[count++] = c;
                    point += pointSeen ? 0 : 1;
                    break;
            }
        }

        point += exponent;
        while (count > 1 && digits[count - 1] == (byte)'0')
        {
            count--;
        }

        if (count == 0)
        {
            digits[count++] = (byte)'0';
            point = 1;
        }

        return Write(digits[..count], point, negative, target);
    }

    private static int Write(ReadOnlySpan<byte> digits, int point, bool negative, Span<byte> target)
    {
        var at = 0;
        if (negative)
        {
            target[at++] = (byte)'-';
        }

        if (point < -MaxPlainPoint + 1 || (point > MaxPlainPoint && digits.Length <= point))
        {
            target[at++] = digits[0];
            if (digits.Length > 1)
            {
                target[at++] = (byte)'.';
                digits[1..].CopyTo(target[at..]);
                at += digits.Length - 1;
            }

            target[at++] = (byte)'e';
            _ = (point - 1).TryFormat(target[at..], out var written, default, CultureInfo.InvariantCulture);
            return at + written;
        }

        if (point <= 0)
        {
            target[at++] = (byte)'0';
            target[at++] = (byte)'.';
            target.Slice(at, -point).Fill((byte)'0');
            at += -point;
            digits.CopyTo(target[at..]);
            return at + digits.Length;
        }

        var whole = Math.Min(point, digits.Length);
        digits[..whole].CopyTo(target[at..]);
        at += whole;
        target.Slice(at, point - whole).Fill((byte)'0');
        at += point - whole;
        if (digits.Length > whole)
        {
            target[at++] = (byte)'.';
            digits[whole..].CopyTo(target[at..]);
            at += digits.Length - whole;
        }

        return at;
    }
}
