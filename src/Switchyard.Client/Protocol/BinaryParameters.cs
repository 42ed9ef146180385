using System.Globalization;
using System.Text;
using Switchyard.Wire;

namespace Switchyard.Client.Protocol;

/// <summary>COM_STMT_EXECUTE: values of parameters in the binary protocol.</summary>
/// <remarks>Layout: MySQL protocol documentation "COM_STMT_EXECUTE" and "Binary Protocol Value".</remarks>
internal static class BinaryParameters
{
    private const byte UnsignedFlag = 0x80;

    /// <exception cref="ArgumentException">A value's type cannot be sent.</exception>
    public static void Check(IReadOnlyList<object?> parameters)
    {
        for (var i = 0; i < parameters.Count; i++)
        {
            TypeOf(parameters[i], i);
        }
    }

    public static void Write(PayloadWriter writer, uint statementId, IReadOnlyList<object?> parameters)
    {
        writer.WriteByte((byte)CommandKind.StatementExecute);
        writer.WriteUInt32(statementId);
        writer.WriteByte(0); // no cursor
        writer.WriteUInt32(1); // iterations, always one
        if (parameters.Count == 0)
        {
            return;
        }

        var bitmap = writer.Length;
        writer.WriteZeros((parameters.Count + 7) / 8);
        writer.WriteByte(1); // types follow
        for (var i = 0; i < parameters.Count; i++)
        {
            var (type, isUnsigned) = TypeOf(parameters[i], i);
            writer.WriteByte((byte)type);
            writer.WriteByte(isUnsigned ? UnsignedFlag : (byte)0);
            if (parameters[i] is null)
            {
                writer.MutableSpan[bitmap + (i / 8)] |= (byte)(1 << (i % 8));
            }
        }

        foreach (var value in parameters)
        {
            WriteValue(writer, value);
        }
    }

    private static (ColumnType Type, bool IsUnsigned) TypeOf(object? value, int index) => value switch
    {
        null => (ColumnType.Null, false),
        bool or sbyte => (ColumnType.Tiny, false),
        short or int or long => (ColumnType.LongLong, false),
        byte or ushort or uint or ulong => (ColumnType.LongLong, true),
        float => (ColumnType.Float, false),
        double => (ColumnType.Double, false),
        decimal => (ColumnType.NewDecimal, false),
        string => (ColumnType.VarString, false),
        byte[] or ReadOnlyMemory<byte> or PreparedStatement.LongDataMark => (ColumnType.LongBlob, false),
        DateTime => (ColumnType.DateTime, false),
        DateOnly => (ColumnType.Date, false),
        TimeSpan => (ColumnType.Time, false),
        _ => throw new ArgumentException($"Parameter {index} is a {value.GetType().Name}, which has no form in the protocol."),
    };

    private static void WriteValue(PayloadWriter writer, object? value)
    {
        switch (value)
        {
            case null or PreparedStatement.LongDataMark:
                break;
            case bool v:
                writer.WriteByte(v ? (byte)1 : (byte)0);
                break;
            case sbyte v:
                writer.WriteByte((byte)v);
                break;
            case short or int or long:
                writer.WriteUInt64((ulong)Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case byte or ushort or uint or ulong:
                writer.WriteUInt64(Convert.ToUInt64(value, CultureInfo.InvariantCulture));
                break;
            case float v:
                writer.WriteUInt32(BitConverter.SingleToUInt32Bits(v));
                break;
            case double v:
                writer.WriteUInt64(BitConverter.DoubleToUInt64Bits(v));
                break;
            case decimal v:
                writer.WriteLengthEncodedBytes(Encoding.UTF8.GetBytes(v.ToString(CultureInfo.InvariantCulture)));
                break;
            case string v:
                writer.WriteLengthEncodedInteger((ulong)Encoding.UTF8.GetByteCount(v));
                writer.WriteText(v);
                break;
            case byte[] v:
                writer.WriteLengthEncodedBytes(v);
                break;
            case ReadOnlyMemory<byte> v:
                writer.WriteLengthEncodedBytes(v.Span);
                break;
            case DateTime v:
                WriteDateTime(writer, v);
                break;
            case DateOnly v:
                writer.WriteByte(4);
                WriteDate(writer, v);
                break;
            case TimeSpan v:
                WriteTime(writer, v);
                break;
        }
    }

    private static void WriteDate(PayloadWriter writer, DateOnly date)
    {
        writer.WriteUInt16((ushort)date.Year);
        writer.WriteByte((byte)date.Month);
        writer.WriteByte((byte)date.Day);
    }

    private static void WriteDateTime(PayloadWriter writer, DateTime value)
    {
        var microseconds = (uint)(value.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond);
        writer.WriteByte(11);
        WriteDate(writer, DateOnly.FromDateTime(value));
        writer.WriteByte((byte)value.Hour);
        writer.WriteByte((byte)value.Minute);
        writer.WriteByte((byte)value.Second);
        writer.WriteUInt32(microseconds);
    }

    private static void WriteTime(PayloadWriter writer, TimeSpan value)
    {
        var duration = value.Duration();
        writer.WriteByte(12);
        writer.WriteByte(value < TimeSpan.Zero ? (byte)1 : (byte)0);
        writer.WriteUInt32((uint)duration.Days);
        writer.WriteByte((byte)duration.Hours);
        writer.WriteByte((byte)duration.Minutes);
        writer.WriteByte((byte)duration.Seconds);
        writer.WriteUInt32((uint)(duration.Ticks % TimeSpan.TicksPerSecond / TimeSpan.TicksPerMicrosecond));
    }
}
