using System.Globalization;
using System.Text;
using Switchyard.Wire;

namespace Switchyard.Replication.Values;

/// <summary>Writes SQL text as bytes. Sessions that run it have <c>character_set_client=binary</c>, so bytes reach the parser as they are.</summary>
internal static class SqlWriterExtensions
{
    public static PayloadWriter Sql(this PayloadWriter writer, ReadOnlySpan<byte> text)
    {
        writer.WriteBytes(text);
        return writer;
    }

    public static PayloadWriter Sql(this PayloadWriter writer, string text)
    {
        writer.WriteText(text);
        return writer;
    }

    public static PayloadWriter Number(this PayloadWriter writer, ulong value)
    {
        value.TryFormat(writer.GetSpan(20), out var written, provider: CultureInfo.InvariantCulture);
        writer.Advance(written);
        return writer;
    }

    /// <summary>A string literal of the bytes. Escaped bytewise, which is exact because the parser sees single bytes.</summary>
    public static PayloadWriter QuotedBytes(this PayloadWriter writer, ReadOnlySpan<byte> bytes)
    {
        writer.WriteByte((byte)'\'');
        while (bytes.Length > 0)
        {
            var special = bytes.IndexOfAny((byte)'\'', (byte)'\\', (byte)0);
            if (special < 0)
            {
                writer.WriteBytes(bytes);
                break;
            }

            writer.WriteBytes(bytes[..special]);
            writer.WriteByte((byte)'\\');
            writer.WriteByte(bytes[special] == 0 ? (byte)'0' : bytes[special]);
            bytes = bytes[(special + 1)..];
        }

        writer.WriteByte((byte)'\'');
        return writer;
    }

    public static PayloadWriter QuotedText(this PayloadWriter writer, string text) => writer.QuotedBytes(Encoding.UTF8.GetBytes(text));

    public static PayloadWriter HexLiteral(this PayloadWriter writer, ReadOnlySpan<byte> bytes)
    {
        writer.WriteBytes("x'"u8);
        var span = writer.GetSpan(bytes.Length * 2);
        Convert.TryToHexString(bytes, span, out var written);
        writer.Advance(written);
        writer.WriteByte((byte)'\'');
        return writer;
    }
}
