namespace Switchyard.Wire.Payloads;

/// <summary>One column of a result set, or one parameter of a prepared statement.</summary>
/// <remarks>
/// Layout: MySQL protocol documentation "ColumnDefinition41". With MariaDB's extended metadata a further length-encoded block precedes
/// the fixed fields.
/// </remarks>
public readonly ref struct ColumnDefinitionPayload
{
    private const int FixedSize = 12;

    public ReadOnlySpan<byte> Schema { get; init; }

    /// <summary>Alias of the table in the statement.</summary>
    public ReadOnlySpan<byte> Table { get; init; }

    /// <summary>The table's own name.</summary>
    public ReadOnlySpan<byte> OriginalTable { get; init; }

    /// <summary>Alias of the column in the statement.</summary>
    public ReadOnlySpan<byte> Name { get; init; }

    /// <summary>The column's own name.</summary>
    public ReadOnlySpan<byte> OriginalName { get; init; }

    /// <summary>MariaDB's extended type information (pairs of kind byte and length-encoded text); empty without it.</summary>
    public ReadOnlySpan<byte> ExtendedMetadata { get; init; }

    /// <summary>The whole collation id; 63 is binary.</summary>
    public ushort Collation { get; init; }

    /// <summary>Longest value, in bytes.</summary>
    public uint Length { get; init; }

    public ColumnType Type { get; init; }

    public ColumnFlags Flags { get; init; }

    /// <summary>Fractional digits shown: 0x1F for floating point of any scale.</summary>
    public byte Decimals { get; init; }

    /// <exception cref="MalformedPacketException"/>
    public static ColumnDefinitionPayload Parse(ReadOnlySpan<byte> payload, Capabilities capabilities)
    {
        var reader = new PayloadReader(payload);
        reader.ReadLengthEncodedBytes(); // the catalog, always "def"
        var schema = reader.ReadLengthEncodedBytes();
        var table = reader.ReadLengthEncodedBytes();
        var originalTable = reader.ReadLengthEncodedBytes();
        var name = reader.ReadLengthEncodedBytes();
        var originalName = reader.ReadLengthEncodedBytes();
        var extended = (capabilities & Capabilities.MariaDbExtendedMetadata) == 0 ? default : reader.ReadLengthEncodedBytes();
        var fixedSize = reader.ReadLengthEncodedInteger();
        if (fixedSize < FixedSize)
        {
            throw new MalformedPacketException($"A column definition announces {fixedSize} bytes of fixed fields; {FixedSize} are needed.");
        }

        return new ColumnDefinitionPayload
        {
            Schema = schema,
            Table = table,
            OriginalTable = originalTable,
            Name = name,
            OriginalName = originalName,
            ExtendedMetadata = extended,
            Collation = reader.ReadUInt16(),
            Length = reader.ReadUInt32(),
            Type = (ColumnType)reader.ReadByte(),
            Flags = (ColumnFlags)reader.ReadUInt16(),
            Decimals = reader.ReadByte(),
        };
    }

    public void Write(PayloadWriter writer, Capabilities capabilities)
    {
        writer.WriteLengthEncodedBytes("def"u8);
        writer.WriteLengthEncodedBytes(Schema);
        writer.WriteLengthEncodedBytes(Table);
        writer.WriteLengthEncodedBytes(OriginalTable);
        writer.WriteLengthEncodedBytes(Name);
        writer.WriteLengthEncodedBytes(OriginalName);
        if ((capabilities & Capabilities.MariaDbExtendedMetadata) != 0)
        {
            writer.WriteLengthEncodedBytes(ExtendedMetadata);
        }

        writer.WriteLengthEncodedInteger(FixedSize);
        writer.WriteUInt16(Collation);
        writer.WriteUInt32(Length);
        writer.WriteByte((byte)Type);
        writer.WriteUInt16((ushort)Flags);
        writer.WriteByte(Decimals);
        writer.WriteZeros(2);
    }
}
