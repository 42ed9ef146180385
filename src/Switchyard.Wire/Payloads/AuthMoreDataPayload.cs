namespace Switchyard.Wire.Payloads;

/// <summary>A plugin's further data from the server; the client's come as bare payloads.</summary>
/// <remarks>Layout: MySQL protocol documentation "AuthMoreData".</remarks>
public readonly ref struct AuthMoreDataPayload
{
    public const byte Header = 0x01;

    public ReadOnlySpan<byte> Data { get; init; }

    /// <exception cref="MalformedPacketException"/>
    public static AuthMoreDataPayload Parse(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload);
        var header = reader.ReadByte();
        return header == Header
            ? new AuthMoreDataPayload { Data = reader.ReadRest() }
            : throw new MalformedPacketException($"Authentication data was expected and a packet with header 0x{header:X2} came.");
    }

    public void Write(PayloadWriter writer)
    {
        writer.WriteByte(Header);
        writer.WriteBytes(Data);
    }
}
