using System.Buffers.Binary;

namespace Switchyard.Wire.Payloads;

/// <summary>Where what lies in a COM_STMT_EXECUTE, counted from behind its command byte. The statement's own parameters come first, attributes behind them.</summary>
/// <remarks>Layout: MySQL protocol documentation "COM_STMT_EXECUTE".</remarks>
public readonly record struct ExecuteParameters
{
    /// <summary>Statement id, flags, iteration count.</summary>
    public const int FixedBytes = 9;

    /// <summary>Where the flags stand; the lowest three ask for a cursor.</summary>
    public const int FlagsOffset = 4;

    /// <summary>Flag: the number of parameters is given although the statement has none of its own (PARAMETER_COUNT_AVAILABLE).</summary>
    public const byte CountAvailable = 0x08;

    /// <summary>Parameters sent, the statement's and attributes.</summary>
    public int Count { get; private init; }

    /// <summary>Where the NULL bitmap stands.</summary>
    public int Nulls { get; private init; }

    /// <summary>Where "new parameters bound" stands.</summary>
    public int BoundFlag { get; private init; }

    /// <summary>Types, and with attributes agreed on names, are sent.</summary>
    public bool IsBound { get; private init; }

    /// <summary>Where the values begin.</summary>
    public int Values { get; private init; }

    /// <summary>Reads the layout of an execution of a statement with this many parameters of its own.</summary>
    /// <param name="argument">The packet behind its command byte.</param>
    /// <param name="own">Parameters of the statement.</param>
    /// <param name="hasAttributes">Whether <see cref="Capabilities.QueryAttributes"/> was agreed on.</param>
    /// <exception cref="MalformedPacketException"/>
    public static ExecuteParameters Parse(ReadOnlySpan<byte> argument, int own, bool hasAttributes)
    {
        var reader = new PayloadReader(argument);
        reader.Skip(FixedBytes);
        var count = own;
        if (hasAttributes && (own > 0 || (argument[FlagsOffset] & CountAvailable) != 0))
        {
            var sent = reader.ReadLengthEncodedInteger();
            if (sent < (ulong)own || sent > ushort.MaxValue)
            {
                throw new MalformedPacketException($"A statement with {own} parameters is executed with {sent}.");
            }

            count = (int)sent;
        }

        if (count == 0)
        {
            return new ExecuteParameters { Nulls = reader.Position, BoundFlag = reader.Position, Values = reader.Position };
        }

        var nulls = reader.Position;
        if (reader.Remaining <= (count + 7) / 8)
        {
            throw new MissingParametersException();
        }

        reader.Skip((count + 7) / 8);
        var boundFlag = reader.Position;
        var isBound = reader.ReadByte() == 1;
        for (var i = 0; isBound && i < count; i++)
        {
            reader.Skip(2);
            if (hasAttributes)
            {
                reader.ReadLengthEncodedBytes();
            }
        }

        return new ExecuteParameters { Count = count, Nulls = nulls, BoundFlag = boundFlag, IsBound = isBound, Values = reader.Position };
    }

    /// <summary>Whether the types sent of the statement's own parameters are these, two bytes each; they must have been sent.</summary>
    public bool HasTypes(ReadOnlySpan<byte> argument, ReadOnlySpan<byte> types, bool hasAttributes)
    {
        var reader = new PayloadReader(argument);
        reader.Skip(BoundFlag + 1);
        if (!hasAttributes)
        {
            return reader.ReadBytes(types.Length).SequenceEqual(types);
        }

        for (var i = 0; i < types.Length; i += 2)
        {
            if (reader.ReadUInt16() != BinaryPrimitives.ReadUInt16LittleEndian(types[i..]))
            {
                return false;
            }

            reader.ReadLengthEncodedBytes();
        }

        return true;
    }

    /// <summary>Copies the two type bytes of each of the statement's own parameters; they must have been sent.</summary>
    public void CopyTypes(ReadOnlySpan<byte> argument, Span<byte> types, bool hasAttributes)
    {
        var reader = new PayloadReader(argument);
        reader.Skip(BoundFlag + 1);
        for (var i = 0; i < types.Length; i += 2)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(types[i..], reader.ReadUInt16());
            if (hasAttributes)
            {
                reader.ReadLengthEncodedBytes();
            }
        }
    }

    /// <summary>Bytes the values of the statement's own parameters take.</summary>
    /// <param name="argument">The packet behind its command byte.</param>
    /// <param name="types">Two bytes for each of them.</param>
    /// <param name="isSentAhead">Whether a parameter's value went ahead by COM_STMT_SEND_LONG_DATA and is not here.</param>
    /// <exception cref="MalformedPacketException"/>
    public int OwnValuesLength(ReadOnlySpan<byte> argument, ReadOnlySpan<byte> types, Predicate<int> isSentAhead)
    {
        if (Count == types.Length / 2)
        {
            return argument.Length - Values;
        }

        var reader = new PayloadReader(argument);
        reader.Skip(Values);
        for (var i = 0; i < types.Length / 2; i++)
        {
            if ((argument[Nulls + (i / 8)] & (1 << (i % 8))) == 0 && !isSentAhead(i))
            {
                BinaryValue.Skip(ref reader, (ColumnType)types[i * 2]);
            }
        }

        return reader.Position - Values;
    }
}
