namespace Switchyard.Wire.Payloads;

/// <summary>EOF: ends column definitions and rows where DEPRECATE_EOF was not agreed.</summary>
/// <remarks>Layout: MySQL protocol documentation "EOF_Packet".</remarks>
public readonly record struct EofPayload(ushort Warnings, ServerStatus Status)
{
    public const byte Header = 0xFE;

    /// <summary>An EOF is shorter than 9 bytes; a row may start with the same byte as the prefix of a value of 8 length bytes.</summary>
    public static bool IsEof(ReadOnlySpan<byte> payload) => payload.Length is > 0 and < 9 && payload[0] == Header;

    /// <exception cref="MalformedPacketException">Not an EOF packet.</exception>
    public static EofPayload Parse(ReadOnlySpan<byte> payload, Capabilities capabilities)
    {
        if (!IsEof(payload))
        {
            throw new MalformedPacketException($"An EOF packet was expected and one of {payload.Length} bytes came.");
        }

        if ((capabilities & Capabilities.Protocol41) == 0)
        {
            return default;
        }

        var reader = new PayloadReader(payload[1..]);
        var warnings = reader.ReadUInt16();
        return new EofPayload(warnings, (ServerStatus)reader.ReadUInt16());
    }

    public void Write(PayloadWriter writer, Capabilities capabilities)
    {
        writer.WriteByte(Header);
        if ((capabilities & Capabilities.Protocol41) != 0)
        {
            writer.WriteUInt16(Warnings);
            writer.WriteUInt16((ushort)Status);
        }
    }
}
