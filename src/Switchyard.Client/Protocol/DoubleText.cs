using System.Globalization;
using System.Text;
using Switchyard.Wire;

namespace Switchyard.Client.Protocol;

/// <summary>
/// Prints a double as servers do: the shortest digits that read back as the same value, in plain notation where the decimal point lies
/// within 15 digits or among the digits, else with an exponent (<c>1e20</c>, <c>1.5e-20</c>).
/// </summary>
/// <remarks>Source of the limits: MySQL <c>my_gcvt</c>, which prints plainly what has its decimal point from -14 to 15 or fractional digits.</remarks>
internal static class DoubleText
{
    private const int MaxPlainPoint = 15;

    public static void Write(PayloadWriter output, double value)
    {
        if (value == 0)
        {
            output.WriteText(double.IsNegative(value) ? "-0" : "0");
            return;
        }

        if (!double.IsFinite(value))
        {
            throw new MalformedPacketException("The server sent a floating-point value that is not finite.");
        }

        // "R" gives the shortest digits that round-trip.
        var (digits, exponent) = Split(Math.Abs(value).ToString("R", CultureInfo.InvariantCulture));
        var point = exponent + 1;
        var result = new StringBuilder(value < 0 ? "-" : "");
        if ((point > MaxPlainPoint && digits.Length <= point) || point < 1 - MaxPlainPoint)
        {
            result.Append(digits[0]);
            if (digits.Length > 1)
            {
                result.Append('.').Append(digits.AsSpan(1));
            }

            result.Append('e').Append(point - 1);
        }
        else if (point <= 0)
        {
            result.Append("0.").Append('0', -point).Append(digits);
        }
        else if (point >= digits.Length)
        {
            result.Append(digits).Append('0', point - digits.Length);
        }
        else
        {
            result.Append(digits.AsSpan(0, point)).Append('.').Append(digits.AsSpan(point));
        }

        output.WriteText(result.ToString());
    }

    /// <summary>The significant digits and the decimal exponent of the first of them.</summary>
    private static (string Digits, int Exponent) Split(string shortest)
    {
        var e = shortest.IndexOf('E', StringComparison.Ordinal);
        var mantissa = e < 0 ? shortest : shortest[..e];
        var exponent = e < 0 ? 0 : int.Parse(shortest.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var dot = mantissa.IndexOf('.', StringComparison.Ordinal);
        var whole = dot < 0 ? mantissa.Length : dot;
        var all = mantissa.Replace(".", "", StringComparison.Ordinal);
        var first = all.AsSpan().IndexOfAnyExcept('0');
        return (all[first..].TrimEnd('0'), exponent + whole - 1 - first);
    }
}
