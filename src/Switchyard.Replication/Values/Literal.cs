using Switchyard.Client;
using Switchyard.Wire;

namespace Switchyard.Replication.Values;

internal enum LiteralForm
{
    /// <summary>Digits as they are.</summary>
    Raw,

    /// <summary>In quotes, taken as bytes of the column's own character set.</summary>
    Quoted,

    /// <summary>In quotes after <c>_charset</c>; the server converts.</summary>
    Introduced,

    /// <summary>Hexadecimal after <c>_charset</c>: for character sets whose later bytes can look like a quote or a backslash.</summary>
    IntroducedHex,

    /// <summary>A JSON value, whose scalars are put in one by one where reading the text would make something else of them.</summary>
    Json,
}

/// <summary>How a column's canonical cells are written as SQL.</summary>
internal sealed class Literal
{
    private readonly LiteralForm _form;
    private readonly byte[] _introducer;

    private Literal(LiteralForm form, string? charset = null)
    {
        _form = form;
        _introducer = charset is null ? [] : System.Text.Encoding.ASCII.GetBytes("_" + charset);
    }

    public static Literal Raw { get; } = new(LiteralForm.Raw);

    public static Literal Quoted { get; } = new(LiteralForm.Quoted);

    /// <summary>For MySQL's JSON columns, from the text MySQL prints, with or without the types of its scalars behind it.</summary>
    public static Literal Json { get; } = new(LiteralForm.Json, "utf8mb4");

    public static Literal Introduced(string charset) =>
        new(CharacterSets.IsSafeInQuotes(charset) ? LiteralForm.Introduced : LiteralForm.IntroducedHex, charset);

    public void Write(PayloadWriter writer, bool isNull, ReadOnlySpan<byte> bytes)
    {
        if (isNull)
        {
            writer.WriteBytes("NULL"u8);
            return;
        }

        switch (_form)
        {
            case LiteralForm.Raw:
                writer.WriteBytes(bytes);
                break;
            case LiteralForm.Quoted:
                writer.QuotedBytes(bytes);
                break;
            case LiteralForm.Json:
                WriteJson(writer, bytes);
                break;
            case LiteralForm.Introduced:
                writer.WriteBytes(_introducer);
                writer.QuotedBytes(bytes);
                break;
            default:
                writer.WriteBytes(_introducer);
                writer.WriteByte((byte)' ');
                writer.HexLiteral(bytes);
                break;
        }
    }

    /// <summary>Finds what of a long value is written around its literal, and writes what stands in front of that.</summary>
    /// <param name="writer">The statement.</param>
    /// <param name="value">The cell; of JSON, what is left is the text.</param>
    /// <returns>What <see cref="EndAround"/> is given; null where there is nothing around it.</returns>
    public List<JsonScalars.Found>? BeginAround(PayloadWriter writer, ref ReadOnlyMemory<byte> value)
    {
        if (_form != LiteralForm.Json)
        {
            return null;
        }

        var scalars = JsonScalars.Find(value, out value);
        if (scalars is not null)
        {
            writer.Sql(ScalarsBegin);
        }

        return scalars;
    }

    /// <summary>Writes what stands behind the literal of a long value.</summary>
    public void EndAround(PayloadWriter writer, List<JsonScalars.Found>? scalars, ReadOnlyMemory<byte> value)
    {
        if (scalars is not null)
        {
            WriteScalars(writer, scalars, value.Span);
            SpilledBytes.Release(value);
        }
    }

    /// <summary>Writes what stands in front of a long value, its quote included, when the value follows as it is but for escapes.</summary>
    public bool TryBeginLong(PayloadWriter writer)
    {
        switch (_form)
        {
            case LiteralForm.Quoted:
                break;
            case LiteralForm.Introduced or LiteralForm.Json:
                writer.Sql(_introducer);
                break;
            case LiteralForm.IntroducedHex:
                // Not behind the introducer, where the parser would take its bytes for characters.
                writer.Sql("CONVERT(_binary"u8);
                break;
            default:
                return false;
        }

        writer.WriteByte((byte)'\'');
        return true;
    }

    /// <summary>Writes what stands behind a long value.</summary>
    public void EndLong(PayloadWriter writer)
    {
        writer.WriteByte((byte)'\'');
        if (_form == LiteralForm.IntroducedHex)
        {
            writer.Sql(" USING "u8).Sql(_introducer.AsSpan(1)).WriteByte((byte)')');
        }
    }

    /// <summary>A parameter in its place is nothing but the value: no conversion comes between them.</summary>
    public bool IsParameterAsItIs => _form == LiteralForm.Quoted;

    /// <summary>Writes a parameter in the place of a long value, its quotes included; what it is given are the value's bytes.</summary>
    public void WriteParameter(PayloadWriter writer)
    {
        if (IsParameterAsItIs)
        {
            writer.WriteByte((byte)'?');
            return;
        }

        writer.Sql("CONVERT(? USING "u8).Sql(_introducer.AsSpan(1)).WriteByte((byte)')');
    }

    private void WriteJson(PayloadWriter writer, ReadOnlySpan<byte> bytes)
    {
        var scalars = JsonScalars.Find(bytes, out var json);
        if (scalars is null)
        {
            writer.Sql(_introducer).QuotedBytes(json);
            return;
        }

        writer.Sql(ScalarsBegin).Sql(_introducer).QuotedBytes(json);
        WriteScalars(writer, scalars, json);
    }

    private static ReadOnlySpan<byte> ScalarsBegin => "JSON_REPLACE(CAST("u8;

    private void WriteScalars(PayloadWriter writer, List<JsonScalars.Found> scalars, ReadOnlySpan<byte> json)
    {
        writer.Sql(" AS JSON)"u8);
        foreach (var scalar in scalars)
        {
            writer.Sql(","u8).Sql(_introducer).QuotedBytes(scalar.Path).Sql(","u8);
            JsonScalarSql.Write(writer, scalar.Type, json.Slice(scalar.Start, scalar.Length));
        }

        writer.WriteByte((byte)')');
    }
}
