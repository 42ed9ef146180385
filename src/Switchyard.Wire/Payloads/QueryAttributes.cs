namespace Switchyard.Wire.Payloads;

/// <summary>The attributes between the command byte of COM_QUERY and the statement's text, where <see cref="Capabilities.QueryAttributes"/> was agreed on.</summary>
/// <remarks>Layout: MySQL protocol documentation "COM_QUERY".</remarks>
public static class QueryAttributes
{
    /// <summary>No attributes, in the one set there always is.</summary>
    public static ReadOnlySpan<byte> None => [0, 1];

    /// <summary>Bytes the attributes take at the beginning of a command's argument; the statement's text is what follows.</summary>
    /// <exception cref="MalformedPacketException"/>
    public static int LengthIn(ReadOnlySpan<byte> argument)
    {
        if (argument.StartsWith(None))
        {
            return None.Length;
        }

        var reader = new PayloadReader(argument);
        var count = reader.ReadLengthEncodedInteger();
        var sets = reader.ReadLengthEncodedInteger();
        if (sets != 1 || count > ushort.MaxValue)
        {
            throw new MalformedPacketException($"A statement has {sets} sets of {count} attributes; servers take one set, of at most {ushort.MaxValue}.");
        }

        if (count > 0)
        {
            Skip(ref reader, (int)count);
        }

        return reader.Position;
    }

    private static void Skip(ref PayloadReader reader, int count)
    {
        var nulls = reader.ReadBytes((count + 7) / 8);
        if (reader.ReadByte() != 1)
        {
            throw new MalformedPacketException("A statement's attributes come without their types.");
        }

        var types = reader;
        for (var i = 0; i < count; i++)
        {
            reader.Skip(2);
            reader.ReadLengthEncodedBytes();
        }

        for (var i = 0; i < count; i++)
        {
            var type = (ColumnType)types.ReadByte();
            types.Skip(1);
            types.ReadLengthEncodedBytes();
            if ((nulls[i / 8] & (1 << (i % 8))) == 0)
            {
                BinaryValue.Skip(ref reader, type);
            }
        }
    }
}
