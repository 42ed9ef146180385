using System.Buffers.Text;

namespace Switchyard.Wire;

/// <summary>Values of the binary protocol, as far as finding where they end goes, and numbers of connections.</summary>
/// <remarks>Layout: MySQL protocol documentation "Binary Protocol Value".</remarks>
public static class BinaryValue
{
    /// <summary>
    /// Reads a whole number that is not negative, in any of the forms clients send one in: some have all numbers as floating point, some as text. Null for anything else.
    /// </summary>
    /// <exception cref="MalformedPacketException"/>
    public static ulong? ReadWhole(ref PayloadReader reader, ColumnType type, bool isUnsigned)
    {
        switch (type)
        {
            case ColumnType.Tiny:
                return NotNegative(reader.ReadByte(), (ulong)sbyte.MaxValue, isUnsigned);
            case ColumnType.Short or ColumnType.Year:
                return NotNegative(reader.ReadUInt16(), (ulong)short.MaxValue, isUnsigned);
            case ColumnType.Long or ColumnType.Int24:
                return NotNegative(reader.ReadUInt32(), int.MaxValue, isUnsigned);
            case ColumnType.LongLong:
                return NotNegative(reader.ReadUInt64(), long.MaxValue, isUnsigned);
            case ColumnType.Double:
                var number = BitConverter.UInt64BitsToDouble(reader.ReadUInt64());
                return number is >= 0 and <= uint.MaxValue && double.IsInteger(number) ? (ulong)number : null;
            case ColumnType.VarChar or ColumnType.VarString or ColumnType.String or ColumnType.Decimal or ColumnType.NewDecimal:
                var text = reader.ReadLengthEncodedBytes();
                return Utf8Parser.TryParse(text, out ulong parsed, out var consumed) && consumed == text.Length ? parsed : null;
            default:
                return null;
        }
    }

    /// <summary>Moves behind a value of this type that is not NULL.</summary>
    /// <exception cref="MalformedPacketException"/>
    public static void Skip(ref PayloadReader reader, ColumnType type)
    {
        switch (type)
        {
            case ColumnType.Null:
                break;
            case ColumnType.Tiny or ColumnType.Bool:
                reader.Skip(1);
                break;
            case ColumnType.Short or ColumnType.Year:
                reader.Skip(2);
                break;
            case ColumnType.Long or ColumnType.Int24 or ColumnType.Float:
                reader.Skip(4);
                break;
            case ColumnType.LongLong or ColumnType.Double:
                reader.Skip(8);
                break;
            case ColumnType.Date or ColumnType.DateTime or ColumnType.Timestamp or ColumnType.Time:
                reader.Skip(reader.ReadByte());
                break;
            default:
                reader.ReadLengthEncodedBytes();
                break;
        }
    }

    private static ulong? NotNegative(ulong value, ulong largestSigned, bool isUnsigned) => isUnsigned || value <= largestSigned ? value : null;
}
