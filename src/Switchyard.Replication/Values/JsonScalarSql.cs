using System.Globalization;
using System.Text;
using Switchyard.Binlog;
using Switchyard.Wire;

namespace Switchyard.Replication.Values;

/// <summary>Writes a scalar of MySQL's JSON as an expression that JSON keeps as what it is.</summary>
internal static class JsonScalarSql
{
    private const int MaxDecimalDigits = 65;

    // As field_types.h numbers them. No expression is a TINYBLOB: it becomes a BLOB, of which JSON_TYPE says the same.
    private const int Bit = 16, TinyBlob = 249, MediumBlob = 250, LongBlob = 251, Blob = 252, FixedBinary = 254;

    /// <param name="writer">The statement.</param>
    /// <param name="type">What it is, as in <see cref="JsonTypes"/>.</param>
    /// <param name="text">As MySQL prints it, quotes included.</param>
    public static void Write(PayloadWriter writer, byte type, ReadOnlySpan<byte> text)
    {
        switch (type)
        {
            case JsonTypes.Decimal:
                var dot = text.IndexOf((byte)'.');
                var digits = text.Length - (text[0] == '-' ? 1 : 0) - (dot < 0 ? 0 : 1);
                if (digits > MaxDecimalDigits)
                {
                    // No type has as many; a number written out does, and is a DECIMAL by itself.
                    writer.Sql(text);
                    break;
                }

                writer.Sql("CAST("u8).Sql(text).Sql(string.Create(CultureInfo.InvariantCulture, $" AS DECIMAL({digits},{(dot < 0 ? 0 : text.Length - 1 - dot)}))"));
                break;
            case JsonTypes.Unsigned:
                writer.Sql("CAST("u8).Sql(text).Sql(" AS UNSIGNED)"u8);
                break;
            case JsonTypes.Signed:
                writer.Sql("CAST("u8).Sql(text).Sql(" AS SIGNED)"u8);
                break;
            case JsonTypes.Double:
                writer.Sql(text).Sql("e0"u8);
                break;
            case JsonTypes.Date:
                writer.Sql("CAST("u8).QuotedBytes(text[1..^1]).Sql(" AS DATE)"u8);
                break;
            case JsonTypes.Time:
                writer.Sql("CAST("u8).QuotedBytes(text[1..^1]).Sql(" AS TIME(6))"u8);
                break;
            case JsonTypes.DateTime:
                writer.Sql("CAST("u8).QuotedBytes(text[1..^1]).Sql(" AS DATETIME(6))"u8);
                break;
            case JsonTypes.Timestamp:
                // No expression is a TIMESTAMP; a column is.
                writer.Sql("(SELECT v FROM JSON_TABLE(_utf8mb4'["u8).Sql(text).Sql("]',_utf8mb4'$[*]' COLUMNS(v TIMESTAMP(6) PATH _utf8mb4'$')) AS scalar)"u8);
                break;
            default:
                WriteOpaque(writer, text);
                break;
        }
    }

    // "base64:type15:…", with a line break, escaped, after every 76 characters.
    private static void WriteOpaque(PayloadWriter writer, ReadOnlySpan<byte> text)
    {
        var printed = Encoding.ASCII.GetString(text[1..^1]).Replace("\\n", "", StringComparison.Ordinal);
        var parts = printed.Split(':', 3);
        var bytes = Convert.FromBase64String(parts[2]);
        switch (int.Parse(parts[1].AsSpan(4), CultureInfo.InvariantCulture))
        {
            case Bit:
                var bits = bytes.Aggregate(0UL, (value, b) => (value << 8) | b);
                writer.Sql(string.Create(CultureInfo.InvariantCulture, $"(SELECT v FROM JSON_TABLE(_utf8mb4'[{bits}]',_utf8mb4'$[*]' COLUMNS(v BIT({bytes.Length * 8}) PATH _utf8mb4'$')) AS scalar)"));
                break;
            case (MediumBlob or LongBlob) and var blob:
                // An expression's type follows from how long it could be.
                writer.Sql("IF(1,"u8).HexLiteral(bytes).Sql(blob == MediumBlob ? ",CAST('' AS BINARY(70000)))"u8 : ",CAST('' AS BINARY(17000000)))"u8);
                break;
            case TinyBlob or Blob:
                WriteColumn(writer, bytes, "BLOB");
                break;
            case FixedBinary:
                WriteColumn(writer, bytes, string.Create(CultureInfo.InvariantCulture, $"BINARY({bytes.Length})"));
                break;
            default:
                writer.HexLiteral(bytes);
                break;
        }
    }

    private static void WriteColumn(PayloadWriter writer, byte[] bytes, string type) =>
        writer.Sql("(SELECT v FROM JSON_TABLE(JSON_ARRAY("u8).HexLiteral(bytes).Sql("),_utf8mb4'$[*]' COLUMNS(v "u8).Sql(type).Sql(" PATH _utf8mb4'$')) AS scalar)"u8);
}
