namespace Switchyard.Wire;

/// <summary>Values of the binary protocol, as far as finding where they end goes.</summary>
/// <remarks>Layout: MySQL protocol documentation "Binary Protocol Value".</remarks>
public static class BinaryValue
{
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
}
