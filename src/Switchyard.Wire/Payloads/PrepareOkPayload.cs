namespace Switchyard.Wire.Payloads;

/// <summary>The server's answer to COM_STMT_PREPARE; definitions of parameters, then of columns, follow.</summary>
/// <remarks>Layout: MySQL protocol documentation "COM_STMT_PREPARE_OK".</remarks>
public readonly record struct PrepareOkPayload(uint StatementId, ushort Columns, ushort Parameters, ushort Warnings)
{
    /// <summary>Bytes of the packet up to and including the warnings count.</summary>
    public const int Size = 12;

    /// <exception cref="MalformedPacketException"/>
    public static PrepareOkPayload Parse(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload);
        var header = reader.ReadByte();
        if (header != OkPayload.Header)
        {
            throw new MalformedPacketException($"The answer to a prepare was expected and a packet with header 0x{header:X2} came.");
        }

        var statementId = reader.ReadUInt32();
        var columns = reader.ReadUInt16();
        var parameters = reader.ReadUInt16();
        if (!reader.IsAtEnd)
        {
            reader.Skip(1);
        }

        return new PrepareOkPayload(statementId, columns, parameters, reader.Remaining >= 2 ? reader.ReadUInt16() : (ushort)0);
    }

    public void Write(PayloadWriter writer)
    {
        writer.WriteByte(OkPayload.Header);
        writer.WriteUInt32(StatementId);
        writer.WriteUInt16(Columns);
        writer.WriteUInt16(Parameters);
        writer.WriteByte(0);
        writer.WriteUInt16(Warnings);
    }
}
