using System.Text;
using Switchyard.Binlog.Values;

namespace Switchyard.Binlog.Tests;

public sealed class ValueTests
{
    /// <summary>The first example is the one in the server's own source (decimal2bin in strings/decimal.cc).</summary>
    [Theory]
    [InlineData("810DFB38D204D2", 14, 4, "1234567890.1234")]
    [InlineData("7EF204C72DFB2D", 14, 4, "-1234567890.1234")]
    [InlineData("8000000000", 9, 2, "0.00")]
    [InlineData("80", 1, 0, "0")]
    [InlineData("7F", 1, 1, "0.0")]
    [InlineData("80000000000000000000000100000007075BCD15000000000000000100FA", 66, 30, "1000000007.123456789000000000000000001250")]
    public void Packed_decimals_print_with_their_scale(string hex, int precision, int scale, string expected)
    {
        Span<byte> target = stackalloc byte[PackedDecimal.MaxLength];
        var length = PackedDecimal.Format(Convert.FromHexString(hex), precision, scale, target);
        Assert.Equal(expected, Encoding.ASCII.GetString(target[..length]).Replace("-0.0", "0.0", StringComparison.Ordinal));
    }

    /// <summary>What CAST(… AS DECIMAL(65,30)) has rounded is kept with a zero in front: one digit more than a column can have.</summary>
    [Fact]
    public void A_rounded_decimal_inside_JSON_has_more_digits_than_a_column() =>
        Assert.Equal(
            "1000000007.123456789000000000000000001250",
            Encoding.UTF8.GetString(JsonBinary.ToText(Convert.FromHexString("0FF620421E80000000000000000000000100000007075BCD15000000000000000100FA"), doublesKeepPoint: true).Span));

    [Theory]
    [InlineData(0.0, "0")]
    [InlineData(-0.0, "-0")]
    [InlineData(1.0, "1")]
    [InlineData(-12.5, "-12.5")]
    [InlineData(1e14, "100000000000000")]
    [InlineData(1e15, "1e15")]
    [InlineData(123456789012345.0, "123456789012345")]
    [InlineData(1234567890123456.5, "1234567890123456.5")]
    [InlineData(1e-14, "0.00000000000001")]
    [InlineData(1e-15, "0.000000000000001")]
    [InlineData(1e-16, "1e-16")]
    [InlineData(1.7976931348623157e308, "1.7976931348623157e308")]
    [InlineData(2.2250738585072014e-308, "2.2250738585072014e-308")]
    [InlineData(1.1f, "1.100000023841858")]
    public void Doubles_print_as_the_servers_print_them(double value, string expected) => Assert.Equal(expected, Print(value));

    [Fact]
    public void Every_double_reads_back_as_itself()
    {
        var random = new Random(3);
        for (var i = 0; i < 100_000; i++)
        {
            var value = BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue));
            if (double.IsFinite(value))
            {
                Assert.Equal(BitConverter.DoubleToInt64Bits(value), BitConverter.DoubleToInt64Bits(double.Parse(Print(value), System.Globalization.CultureInfo.InvariantCulture)));
            }
        }
    }

    [Theory]
    [InlineData("800000", 0, "00:00:00")]
    [InlineData("7FFFFF", 0, "-00:00:01")]
    [InlineData("7FFFFFFF", 2, "-00:00:00.01")]
    [InlineData("7FFFFFFFFFFF", 6, "-00:00:00.000001")]
    [InlineData("B46EFB0F423F", 6, "838:59:59.999999")]
    public void Times_borrow_from_the_seconds_below_zero(string hex, int digits, string expected)
    {
        Span<byte> target = stackalloc byte[32];
        var length = TemporalText.Time2(Convert.FromHexString(hex), digits, target);
        Assert.Equal(expected, Encoding.ASCII.GetString(target[..length]));
    }

    // As in json_binary.h: 6 and 8 are unsigned of 16 and 32 bits, 9 and 10 signed and unsigned of 64.
    [Theory]
    [InlineData("0600FF", "65280\0u")]
    [InlineData("08FFFFFFFF", "4294967295\0u")]
    [InlineData("0AFFFFFFFF00000000", "4294967295\0u")]
    [InlineData("0A0000000001000000", "4294967296\0")]
    [InlineData("09FFFFFFFF00000000", "4294967295\0")]
    [InlineData("090000000001000000", "4294967296\0i")]
    [InlineData("090000000000000080", "-9223372036854775808\0")]
    public void An_integer_inside_JSON_has_a_letter_where_its_text_would_be_read_as_the_other_kind(string hex, string expected) =>
        Assert.Equal(expected, Encoding.ASCII.GetString(JsonBinary.ToText(Convert.FromHexString(hex), doublesKeepPoint: true, keepsTypes: true).Span));

    private static string Print(double value)
    {
        Span<byte> target = stackalloc byte[DoubleText.MaxLength];
        return Encoding.ASCII.GetString(target[..DoubleText.Format(value, target)]);
    }

    // Specials stand where the steps end in which a long text is gone through.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_long_JSON_text_is_printed_into_a_file_as_a_short_one_is_in_memory(bool keepsTypes)
    {
        const int step = 256 * 1024;
        var text = new byte[(20 * step) + 77];
        Array.Fill(text, (byte)'x');
        for (var at = step - 1; at < text.Length; at += step)
        {
            (text[at - 1], text[at], text[at + 1]) = ((byte)'"', (byte)'\\', (byte)'\n');
        }

        List<byte> document = [12];
        for (var length = text.Length; ; length >>= 7)
        {
            document.Add((byte)((length & 0x7F) | (length > 0x7F ? 0x80 : 0)));
            if (length <= 0x7F)
            {
                break;
            }
        }

        document.AddRange(text);
        var expected = '"' + Encoding.ASCII.GetString(text).Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal) + '"' + (keepsTypes ? "\0" : "");

        var printed = JsonBinary.ToText(document.ToArray(), doublesKeepPoint: true, keepsTypes);

        Assert.True(Encoding.ASCII.GetString(printed.Span) == expected);
    }
}
