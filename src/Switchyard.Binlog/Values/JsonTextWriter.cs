using System.Buffers;
using System.Globalization;

namespace Switchyard.Binlog.Values;

/// <summary>Writes JSON text with MySQL's own number forms and escapes.</summary>
internal readonly struct JsonTextWriter(IBufferWriter<byte> output, JsonTypeLetters? types, bool doublesKeepPoint)
{
    // A long text may lie in a file, and is gone through no faster than what it becomes is written into another.
    private const int StepBytes = 256 * 1024;

    private static readonly SearchValues<byte> Special = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(i => (byte)i), (byte)'"', (byte)'\\']);

    internal void Raw(ReadOnlySpan<byte> bytes) => output.Write(bytes);

    /// <summary>Says what the scalar is that is written next.</summary>
    internal void Scalar(byte type) => types?.Add(type);

    internal void Integer(long value)
    {
        Scalar(value > JsonTypes.GreatestReadAsSigned ? JsonTypes.Signed : JsonTypes.Plain);
        Number(value);
    }

    internal void Number(long value)
    {
        _ = value.TryFormat(output.GetSpan(20), out var written, default, CultureInfo.InvariantCulture);
        output.Advance(written);
    }

    internal void Unsigned(ulong value)
    {
        Scalar(value <= JsonTypes.GreatestReadAsSigned ? JsonTypes.Unsigned : JsonTypes.Plain);
        _ = value.TryFormat(output.GetSpan(20), out var written, default, CultureInfo.InvariantCulture);
        output.Advance(written);
    }

    /// <summary>A whole number keeps ".0" so that it stays a double (MySQL 8 and later).</summary>
    internal void Double(double value)
    {
        var span = output.GetSpan(DoubleText.MaxLength);
        var written = DoubleText.Format(value, span);
        var whole = span[..written].IndexOfAny((byte)'.', (byte)'e') < 0;
        Scalar(whole && !doublesKeepPoint ? JsonTypes.Double : JsonTypes.Plain);
        output.Advance(written);
        if (whole && doublesKeepPoint)
        {
            Raw(".0"u8);
        }
    }

    internal void Quoted(ReadOnlySpan<byte> utf8)
    {
        Raw("\""u8);
        while (true)
        {
            var step = utf8.Length <= StepBytes ? utf8 : utf8[..StepBytes];
            var special = step.IndexOfAny(Special);
            if (special >= 0)
            {
                Raw(step[..special]);
                Escape(step[special]);
                utf8 = utf8[(special + 1)..];
                continue;
            }

            Raw(step);
            utf8 = utf8[step.Length..];
            if (utf8.IsEmpty)
            {
                break;
            }
        }

        Raw("\""u8);
    }

    private void Escape(byte c)
    {
        switch (c)
        {
            case (byte)'"':
                Raw("\\\""u8);
                break;
            case (byte)'\\':
                Raw("\\\\"u8);
                break;
            case (byte)'\b':
                Raw("\\b"u8);
                break;
            case (byte)'\t':
                Raw("\\t"u8);
                break;
            case (byte)'\n':
                Raw("\\n"u8);
                break;
            case (byte)'\f':
                Raw("\\f"u8);
                break;
            case (byte)'\r':
                Raw("\\r"u8);
                break;
            default:
                var hex = "0123456789abcdef"u8;
                Raw([(byte)'\\', (byte)'u', (byte)'0', (byte)'0', hex[c >> 4], hex[c & 15]]);
                break;
        }
    }
}
