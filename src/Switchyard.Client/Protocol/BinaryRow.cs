using System.Globalization;
using System.Text;
using Switchyard.Wire;

namespace Switchyard.Client.Protocol;

/// <summary>Prints a row of the binary protocol as the text protocol would, floating point in its shortest exact form.</summary>
/// <remarks>Layout: MySQL protocol documentation "Binary Protocol Resultset Row".</remarks>
internal static class BinaryRow
{
    // The first two bits of a row's NULL bitmap are reserved.
    private const int NullBitmapOffset = 2;

    /// <summary>Decimals of a temporal column whose scale is not fixed.</summary>
    private const int NotFixedDecimals = 31;

    /// <exception cref="MalformedPacketException"/>
    public static void Print(ReadOnlySpan<byte> payload, ResultColumn[] columns, PayloadWriter output, int[] starts, int[] lengths)
    {
        var reader = new PayloadReader(payload);
        var header = reader.ReadByte();
        if (header != 0)
        {
            throw new MalformedPacketException($"A binary row was expected and a packet with header 0x{header:X2} came.");
        }

        var nulls = reader.ReadBytes((columns.Length + NullBitmapOffset + 7) / 8);
        for (var i = 0; i < columns.Length; i++)
        {
            starts[i] = output.Length;
            var bit = i + NullBitmapOffset;
            if ((nulls[bit / 8] & (1 << (bit % 8))) != 0)
            {
                lengths[i] = -1;
                continue;
            }

            PrintValue(ref reader, columns[i], output);
            lengths[i] = output.Length - starts[i];
        }

        if (!reader.IsAtEnd)
        {
            throw new MalformedPacketException($"A binary row has {reader.Remaining} bytes beyond its {columns.Length} columns.");
        }
    }

    private static void PrintValue(ref PayloadReader reader, ResultColumn column, PayloadWriter output)
    {
        var isUnsigned = column.IsUnsigned;
        switch (column.Type)
        {
            case ColumnType.Null:
                break;
            case ColumnType.Tiny:
                var tiny = reader.ReadByte();
                PrintInteger(output, column, isUnsigned ? tiny : (sbyte)tiny);
                break;
            case ColumnType.Year:
                output.WriteText(reader.ReadUInt16().ToString("D4", CultureInfo.InvariantCulture));
                break;
            case ColumnType.Short:
                var small = reader.ReadUInt16();
                PrintInteger(output, column, isUnsigned ? small : (short)small);
                break;
            case ColumnType.Long or ColumnType.Int24:
                var integer = reader.ReadUInt32();
                PrintInteger(output, column, isUnsigned ? integer : (int)integer);
                break;
            case ColumnType.LongLong when isUnsigned:
                Pad(output, column, reader.ReadUInt64().ToString(CultureInfo.InvariantCulture));
                break;
            case ColumnType.LongLong:
                PrintInteger(output, column, (long)reader.ReadUInt64());
                break;
            case ColumnType.Float:
                DoubleText.Write(output, BitConverter.UInt32BitsToSingle(reader.ReadUInt32()));
                break;
            case ColumnType.Double:
                DoubleText.Write(output, BitConverter.UInt64BitsToDouble(reader.ReadUInt64()));
                break;
            case ColumnType.Date or ColumnType.NewDate:
                PrintDateTime(ref reader, output, column, hasTime: false);
                break;
            case ColumnType.DateTime or ColumnType.Timestamp or ColumnType.DateTime2 or ColumnType.Timestamp2:
                PrintDateTime(ref reader, output, column, hasTime: true);
                break;
            case ColumnType.Time or ColumnType.Time2:
                PrintTime(ref reader, output, column);
                break;
            default:
                output.WriteBytes(reader.ReadLengthEncodedBytes());
                break;
        }
    }

    private static void PrintInteger(PayloadWriter output, ResultColumn column, long value) =>
        Pad(output, column, value.ToString(CultureInfo.InvariantCulture));

    private static void Pad(PayloadWriter output, ResultColumn column, string digits) =>
        output.WriteText((column.Flags & ColumnFlags.ZeroFill) == 0 ? digits : digits.PadLeft((int)Math.Min(column.Length, 255), '0'));

    private static void PrintDateTime(ref PayloadReader reader, PayloadWriter output, ResultColumn column, bool hasTime)
    {
        var length = reader.ReadByte();
        if (length is not (0 or 4 or 7 or 11))
        {
            throw new MalformedPacketException($"A date of {length} bytes came; dates have 0, 4, 7 or 11.");
        }

        var (year, month, day) = length == 0 ? (0, 0, 0) : (reader.ReadUInt16(), reader.ReadByte(), reader.ReadByte());
        var (hour, minute, second) = length < 7 ? (0, 0, 0) : (reader.ReadByte(), reader.ReadByte(), reader.ReadByte());
        var microseconds = length < 11 ? 0 : reader.ReadUInt32();
        output.WriteText($"{year:D4}-{month:D2}-{day:D2}");
        if (hasTime)
        {
            output.WriteText($" {hour:D2}:{minute:D2}:{second:D2}");
            PrintFraction(output, column, microseconds);
        }
    }

    private static void PrintTime(ref PayloadReader reader, PayloadWriter output, ResultColumn column)
    {
        var length = reader.ReadByte();
        if (length is not (0 or 8 or 12))
        {
            throw new MalformedPacketException($"A time of {length} bytes came; times have 0, 8 or 12.");
        }

        var isNegative = length > 0 && reader.ReadByte() != 0;
        var days = length == 0 ? 0u : reader.ReadUInt32();
        var (hour, minute, second) = length == 0 ? (0, 0, 0) : (reader.ReadByte(), reader.ReadByte(), reader.ReadByte());
        var microseconds = length < 12 ? 0 : reader.ReadUInt32();
        output.WriteText($"{(isNegative ? "-" : "")}{(days * 24UL) + (ulong)hour:D2}:{minute:D2}:{second:D2}");
        PrintFraction(output, column, microseconds);
    }

    private static void PrintFraction(PayloadWriter output, ResultColumn column, uint microseconds)
    {
        int digits = column.Decimals;
        if (digits >= NotFixedDecimals)
        {
            digits = microseconds == 0 ? 0 : 6;
        }

        if (digits > 0)
        {
            output.WriteByte((byte)'.');
            output.WriteText(microseconds.ToString("D6", CultureInfo.InvariantCulture).AsSpan(0, Math.Min(digits, 6)));
        }
    }
}
