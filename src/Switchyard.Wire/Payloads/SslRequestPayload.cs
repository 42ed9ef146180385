namespace Switchyard.Wire.Payloads;

/// <summary>The client asks for TLS: the first 32 bytes of its handshake response, nothing else.</summary>
/// <remarks>Layout: MySQL protocol documentation "SSLRequest". MariaDB's extended capabilities take the last four bytes.</remarks>
public readonly record struct SslRequestPayload(Capabilities Capabilities, uint MaxPacketSize, byte Collation)
{
    /// <summary>Bytes of the packet, and of the fixed part of a handshake response.</summary>
    public const int Size = 32;

    /// <summary>Whether a client's first packet asks for TLS rather than logging in.</summary>
    public static bool IsSslRequest(ReadOnlySpan<byte> payload) =>
        payload.Length == Size && (payload[1] & (byte)((ulong)Capabilities.Ssl >> 8)) != 0;

    /// <exception cref="MalformedPacketException">Shorter than 32 bytes, or of a client older than protocol 4.1.</exception>
    public static SslRequestPayload Parse(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload);
        return Read(ref reader);
    }

    internal static SslRequestPayload Read(ref PayloadReader reader)
    {
        var low = (Capabilities)reader.ReadUInt32();
        if ((low & Capabilities.Protocol41) == 0)
        {
            throw new MalformedPacketException("The client speaks the protocol from before MySQL 4.1, which is not supported.");
        }

        var maxPacketSize = reader.ReadUInt32();
        var collation = reader.ReadByte();
        reader.Skip(19);
        var extended = reader.ReadUInt32();
        var capabilities = (low & Capabilities.LongPassword) == 0 ? low | (Capabilities)((ulong)extended << 32) : low;
        return new SslRequestPayload(capabilities, maxPacketSize, collation);
    }

    public void Write(PayloadWriter writer)
    {
        writer.WriteUInt32((uint)Capabilities);
        writer.WriteUInt32(MaxPacketSize);
        writer.WriteByte(Collation);
        writer.WriteZeros(19);
        writer.WriteUInt32((Capabilities & Capabilities.LongPassword) == 0 ? (uint)((ulong)Capabilities >> 32) : 0);
    }
}
