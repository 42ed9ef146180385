using System.Text;
using Switchyard.Replication.Values;
using Switchyard.Wire;

namespace Switchyard.Replication.Tests.Values;

public sealed class LiteralTests
{
    [Fact]
    public void Quotes_backslashes_and_zero_bytes_are_escaped_and_nothing_else_is_touched()
    {
        byte[] all = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        var text = Write(Literal.Quoted, all);
        Assert.Equal((byte)'\'', text[0]);
        Assert.Equal((byte)'\'', text[^1]);
        Assert.Equal(all, Unescape(text.AsSpan(1, text.Length - 2)));
    }

    [Fact]
    public void Null_is_the_word() => Assert.Equal("NULL", Encoding.ASCII.GetString(Write(Literal.Quoted, [], isNull: true)));

    [Fact]
    public void Numbers_are_written_as_they_are() => Assert.Equal("-12.50", Encoding.ASCII.GetString(Write(Literal.Raw, "-12.50"u8)));

    [Fact]
    public void A_character_set_in_which_quotes_can_be_part_of_a_character_travels_as_hexadecimal()
    {
        Assert.Equal("_sjis x'955C'", Encoding.ASCII.GetString(Write(Literal.Introduced("sjis"), [0x95, 0x5C])));
        Assert.Equal("_latin1'a\\'b'", Encoding.ASCII.GetString(Write(Literal.Introduced("latin1"), "a'b"u8)));
    }

    [Theory]
    [InlineData("{\"a\": 1.5, \"b\": [1, 2.0, 1e-7, -3]}", "_utf8mb4'{\"a\": 1.5, \"b\": [1, 2.0, 1e-7, -3]}'")]
    [InlineData("\"19.90 [\\\" , {\"", "_utf8mb4'\"19.90 [\\\\\" , {\"'")]
    [InlineData("{\"x\": \"1.10\", \"p\\\"q\": [7, {\"n\": -19.90}]}", "JSON_REPLACE(CAST(_utf8mb4'{\"x\": \"1.10\", \"p\\\\\"q\": [7, {\"n\": -19.90}]}' AS JSON),_utf8mb4'$.\"p\\\\\"q\"[1].\"n\"',CAST(-19.90 AS DECIMAL(4,2)))")]
    [InlineData("123456789012345678901234567890", "JSON_REPLACE(CAST(_utf8mb4'123456789012345678901234567890' AS JSON),_utf8mb4'$',CAST(123456789012345678901234567890 AS DECIMAL(30,0)))")]
    [InlineData("0.1234567890123456789", "JSON_REPLACE(CAST(_utf8mb4'0.1234567890123456789' AS JSON),_utf8mb4'$',CAST(0.1234567890123456789 AS DECIMAL(20,19)))")]
    [InlineData(
        "-123456789012345678901234567890123467.000000000000000000000000000001",
        "JSON_REPLACE(CAST(_utf8mb4'-123456789012345678901234567890123467.000000000000000000000000000001' AS JSON),_utf8mb4'$',-123456789012345678901234567890123467.000000000000000000000000000001)")]
    public void Json_keeps_decimal_numbers_that_its_text_would_lose(string json, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(Write(Literal.Json, Encoding.UTF8.GetBytes(json))));

    [Theory]
    [InlineData("[1, {\"k\": \"2020-01-01\"}]\0ud", "JSON_REPLACE(CAST(_utf8mb4'[1, {\"k\": \"2020-01-01\"}]' AS JSON),_utf8mb4'$[0]',CAST(1 AS UNSIGNED),_utf8mb4'$[1].\"k\"',CAST('2020-01-01' AS DATE))")]
    [InlineData("{\"a\": [1, 2.5], \"b\": 3}\u0001..u.n", "JSON_REPLACE(CAST(_utf8mb4'{\"a\": [1, 2.5], \"b\": 3}' AS JSON),_utf8mb4'$.\"a\"[1]',CAST(2.5 AS DECIMAL(2,1)),_utf8mb4'$.\"b\"',CAST(3 AS UNSIGNED))")]
    [InlineData("18446744073709551615\u0001.", "_utf8mb4'18446744073709551615'")]
    [InlineData("1700000000000\u0001i", "JSON_REPLACE(CAST(_utf8mb4'1700000000000' AS JSON),_utf8mb4'$',CAST(1700000000000 AS SIGNED))")]
    [InlineData("[7, \"base64:type15:AP8=\"]\0fo", "JSON_REPLACE(CAST(_utf8mb4'[7, \"base64:type15:AP8=\"]' AS JSON),_utf8mb4'$[0]',7e0,_utf8mb4'$[1]',x'00FF')")]
    [InlineData("[1.50, \"2020-01-01\"]\0", "_utf8mb4'[1.50, \"2020-01-01\"]'")]
    public void Json_keeps_scalars_that_are_more_than_their_text(string cell, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(Write(Literal.Json, Encoding.UTF8.GetBytes(cell))));

    private static byte[] Write(Literal literal, ReadOnlySpan<byte> bytes, bool isNull = false)
    {
        using var writer = new PayloadWriter();
        literal.Write(writer, isNull, bytes);
        return writer.WrittenSpan.ToArray();
    }

    private static byte[] Unescape(ReadOnlySpan<byte> text)
    {
        var bytes = new List<byte>();
        for (var i = 0; i < text.Length; i++)
        {
            Assert.NotEqual((byte)'\'', text[i]);
            Assert.NotEqual((byte)0, text[i]);
            if (text[i] == '\\')
            {
                i++;
                bytes.Add(text[i] == '0' ? (byte)0 : text[i]);
            }
            else
            {
                bytes.Add(text[i]);
            }
        }

        return [.. bytes];
    }
}
