using System.Globalization;
using System.Numerics;
using System.Text;

namespace Switchyard.Replication.Tests.Torture;

/// <summary>SQL expressions with random and edge values. All bytes are written in hexadecimal, so that no client character set comes in between.</summary>
internal static class RandomValues
{
    private static readonly string[] s_texts =
    [
        "", "a", "A", "a ", " a", "ß", "ss", "ä", "Ä", "é€", "ÿþ", "œ", "日本語", "中文字", "한국어", "表", "ソ", "Ж", "жук", "ŁÓDŹ", "ığ", "Ωω", "שלום", "ไทย", "𝄞", "😀x",
        "'", "\\", "\"\\'", "\0x", "%_", "\n\t\r", "\u001a", "`", "--", "/*", "é", "ﬃ", "Ǆ", "\u00a0", "\u200b",
    ];

    public static Func<Random, string> Integer(int bits, bool isUnsigned) => r =>
    {
        var full = BigInteger.Pow(2, bits);
        var low = isUnsigned ? BigInteger.Zero : -full / 2;
        return r.Next(4) switch
        {
            0 => low.ToString(CultureInfo.InvariantCulture),
            1 => (low + full - 1).ToString(CultureInfo.InvariantCulture),
            2 => r.Next(0, 3).ToString(CultureInfo.InvariantCulture),
            _ => (low + (new BigInteger(r.NextDouble() * 1e15) % full)).ToString(CultureInfo.InvariantCulture),
        };
    };

    public static Func<Random, string> Decimal(int precision, int scale, bool isUnsigned = false) => r =>
    {
        var digits = new string([.. Enumerable.Range(0, precision).Select(_ => r.Next(5) switch { 0 => '9', 1 => '0', _ => (char)('0' + r.Next(10)) })]);
        var whole = digits[..(precision - scale)];
        return $"{(isUnsigned || r.Next(2) == 0 ? "" : "-")}{(whole.Length == 0 ? "0" : whole)}.{digits[(precision - scale)..]}0";
    };

    public static string Float(Random r)
    {
        var value = BitConverter.Int32BitsToSingle(r.Next(int.MinValue, int.MaxValue));
        return r.Next(5) == 0 || !float.IsFinite(value) || (value != 0 && Math.Abs(value) < 1.2e-38f)
            ? Pick(r, "0", "-0e0", "1.1", "3.4028234e38", "1.17549435e-38", "16777217", "0.1", "-1e-7")
            : value.ToString("E9", CultureInfo.InvariantCulture);
    }

    public static string Double(Random r)
    {
        var value = BitConverter.Int64BitsToDouble(r.NextInt64(long.MinValue, long.MaxValue));
        return r.Next(5) == 0 || !double.IsFinite(value) || Math.Abs(value) < 1e-300
            ? Pick(r, "0", "-0e0", "0.1", "1.7976931348623157e308", "2.2250738585072014e-308", "9007199254740993", "1e15", "1e16", "1e-5", "-1e-15", "123456789012345680")
            : value.ToString("E16", CultureInfo.InvariantCulture);
    }

    public static Func<Random, string> Bits(int width) => r =>
        (width == 64 ? (ulong)r.NextInt64(long.MinValue, long.MaxValue) : (ulong)r.NextInt64() & ((1UL << width) - 1)).ToString(CultureInfo.InvariantCulture);

    public static string Year(Random r) => Pick(r, "0", "1901", "2155", "1999", "2024");

    public static string Date(Random r) => r.Next(4) == 0
        ? Pick(r, "'0000-00-00'", "'2024-00-00'", "'2024-05-00'", "'2023-02-31'", "'1000-01-01'", "'9999-12-31'", "'0001-01-01'")
        : $"'{r.Next(1000, 10000):0000}-{r.Next(1, 13):00}-{r.Next(1, 29):00}'";

    public static string Time(Random r) => r.Next(4) == 0
        ? Pick(r, "'838:59:59'", "'-838:59:59'", "'-00:00:00.000001'", "'00:00:00'", "'-00:00:01'", "'-00:00:00.5'")
        : $"'{(r.Next(2) == 0 ? "-" : "")}{r.Next(0, 838):00}:{r.Next(60):00}:{r.Next(60):00}.{r.Next(1_000_000):000000}'";

    public static string DateTime(Random r) => r.Next(4) == 0
        ? Pick(r, "'0000-00-00 00:00:00'", "'9999-12-31 23:59:59'", "'2023-02-31 12:00:00.5'", "'2024-00-10 00:00:01'")
        : $"'{r.Next(1000, 9999):0000}-{r.Next(1, 13):00}-{r.Next(1, 29):00} {r.Next(24):00}:{r.Next(60):00}:{r.Next(60):00}.{r.Next(1_000_000):000000}'";

    // The whole range of a signed 32-bit second, in UTC, daylight saving gaps of any zone included.
    public static string Timestamp(Random r) => r.Next(5) == 0
        ? Pick(r, "'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:06.999'", "'2024-03-31 01:30:00'", "'2024-10-27 01:30:00'")
        : $"'{DateTimeOffset.FromUnixTimeMilliseconds(r.NextInt64(2000, 2147483647000)):yyyy-MM-dd HH:mm:ss.fff}'";

    public static Func<Random, string> Text(string charset, int maxCharacters, bool isSingleByte = false) => r =>
    {
        if (isSingleByte && r.Next(2) == 0)
        {
            return $"_{charset} x'{Hex(r, r.Next(0, maxCharacters + 1), 1)}'";
        }

        var text = new StringBuilder();
        while (text.Length < maxCharacters && r.Next(3) != 0)
        {
            text.Append(s_texts[r.Next(s_texts.Length)]);
        }

        var runes = string.Concat(text.ToString().EnumerateRunes().Take(maxCharacters));
        var hex = Convert.ToHexString(Encoding.UTF8.GetBytes(runes));
        return charset == "utf8mb4" ? $"_utf8mb4 x'{hex}'" : $"CONVERT(_utf8mb4 x'{hex}' USING {charset})";
    };

    /// <summary>Names that no collation takes for one another, apart from what an update does to them.</summary>
    public static Func<Random, string> Name(string charset) => r =>
        $"CONVERT(_utf8mb4 x'{Convert.ToHexString(Encoding.UTF8.GetBytes($"{"kmpqt"[r.Next(5)]}{r.Next(400)}{Pick(r, "", "", "x", "-", "ä", "Z")}"))}' USING {charset})";

    public static Func<Random, string> Bytes(int maxLength) => r => $"x'{Hex(r, r.Next(0, maxLength + 1), 0)}'";

    public static Func<Random, string> Member(int count) => r => r.Next(12) == 0 ? "''" : (r.Next(count) + 1).ToString(CultureInfo.InvariantCulture);

    public static string Geometry(Random r)
    {
        string Point() => $"{r.Next(-80, 80)}.{r.Next(10000)} {r.Next(-80, 80)}.{r.Next(100)}";
        var text = r.Next(7) switch
        {
            0 => $"POINT({Point()})",
            1 => $"LINESTRING({Point()},{Point()},{Point()})",
            2 => "POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,4 2,4 4,2 4,2 2))",
            3 => $"MULTIPOINT({Point()},{Point()})",
            4 => $"MULTILINESTRING(({Point()},{Point()}),({Point()},{Point()},{Point()}))",
            5 => "MULTIPOLYGON(((0 0,5 0,5 5,0 0)),((10 10,15 10,15 15,10 10)))",
            _ => $"GEOMETRYCOLLECTION(POINT({Point()}),LINESTRING({Point()},{Point()}))",
        };
        return $"ST_GeomFromText('{text}'{Pick(r, "", ",4326", ",0")})";
    }

    public static string Point(Random r) => $"ST_GeomFromText('POINT({r.Next(-80, 80)}.5 {r.Next(-80, 80)}.25)',4326)";

    public static Func<Random, string> Vector(string function, int size) => r =>
        $"{function}('[{string.Join(',', Enumerable.Range(0, size).Select(_ => r.Next(3) == 0 ? Pick(r, "0", "-1", "3e10", "1e-20") : ((r.NextDouble() * 200) - 100).ToString("E7", CultureInfo.InvariantCulture)))}]')";

    public static string Uuid(Random r) => $"'{Hex(r, 4, 0)}-{Hex(r, 2, 0)}-4{Hex(r, 2, 0)[1..]}-9{Hex(r, 2, 0)[1..]}-{Hex(r, 6, 0)}'".ToLowerInvariant();

    public static string Inet4(Random r) => $"'{r.Next(256)}.{r.Next(256)}.{r.Next(256)}.{Pick(r, "0", "255", "1")}'";

    public static string Inet6(Random r) => r.Next(4) == 0
        ? Pick(r, "'::'", "'::1'", "'::ffff:192.0.2.128'", "'1::'", "'fe80::1:0:0:1'", "'1:0:0:2:0:0:0:3'", "'::ffff:0:0'")
        : $"'{string.Join(':', Enumerable.Range(0, 8).Select(_ => Pick(r, "0", "0", r.Next(65536).ToString("x", CultureInfo.InvariantCulture))))}'";

    public static string Json(Random r) => $"CAST(_utf8mb4 x'{Convert.ToHexString(Encoding.UTF8.GetBytes(JsonText(r, 0)))}' AS JSON)";

    public static string JsonString(Random r) => $"_utf8mb4 x'{Convert.ToHexString(Encoding.UTF8.GetBytes(JsonText(r, 0)))}'";

    public static string Pick(Random r, params ReadOnlySpan<string> values) => values[r.Next(values.Length)];

    private static string JsonText(Random r, int depth) => r.Next(depth > 3 ? 7 : 10) switch
    {
        0 => Pick(r, "null", "true", "false"),
        1 => Pick(r, "0", "-1", "32767", "32768", "-32769", "65536", "4294967296", "-9223372036854775808", "18446744073709551615"),
        2 => Pick(r, "1.0", "-0.0", "1.5e300", "1e-7", "0.1", "1e15", "1e16", "123456789.123"),
        3 => r.Next().ToString(CultureInfo.InvariantCulture),
        4 => r.NextDouble().ToString("R", CultureInfo.InvariantCulture),
        5 or 6 => System.Text.Json.JsonSerializer.Serialize(string.Concat(Enumerable.Range(0, r.Next(4)).Select(_ => s_texts[r.Next(s_texts.Length)]))),
        7 => $"[{string.Join(", ", Enumerable.Range(0, r.Next(6)).Select(_ => JsonText(r, depth + 1)))}]",
        8 => $"[{string.Join(',', Enumerable.Repeat(JsonText(r, 4), r.Next(1, 400)))}]",
        _ => $"{{{string.Join(", ", Enumerable.Range(0, r.Next(6)).Select(i => $"\"{Pick(r, "a", "b", "ü", "", "key ")}{i}\": {JsonText(r, depth + 1)}"))}}}",
    };

    private static string Hex(Random r, int length, int low)
    {
        var bytes = new byte[length];
        for (var i = 0; i < length; i++)
        {
            bytes[i] = r.Next(4) == 0 ? (byte)Math.Max(low, "\0 '\\"[r.Next(4)]) : (byte)r.Next(low, 256);
        }

        return Convert.ToHexString(bytes);
    }
}
