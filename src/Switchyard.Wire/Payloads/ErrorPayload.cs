namespace Switchyard.Wire.Payloads;

/// <summary>ERR: the server or proxy refuses, and says why.</summary>
/// <remarks>Layout: MySQL protocol documentation "ERR_Packet". Before the capabilities are known there is no SQLSTATE.</remarks>
public readonly ref struct ErrorPayload
{
    public const byte Header = 0xFF;

    /// <summary>MariaDB: a packet of this code is a progress report, not an error.</summary>
    public const ushort ProgressReportCode = 0xFFFF;

    public ushort Code { get; init; }

    /// <summary>Five characters; empty when the packet carries none.</summary>
    public ReadOnlySpan<byte> SqlState { get; init; }

    public ReadOnlySpan<byte> Message { get; init; }

    /// <exception cref="MalformedPacketException">Not an ERR packet.</exception>
    public static ErrorPayload Parse(ReadOnlySpan<byte> payload)
    {
        var reader = new PayloadReader(payload);
        var header = reader.ReadByte();
        if (header != Header)
        {
            throw new MalformedPacketException($"An ERR packet was expected and one with header 0x{header:X2} came.");
        }

        var code = reader.ReadUInt16();
        ReadOnlySpan<byte> sqlState = default;
        if (code != ProgressReportCode && reader.Remaining >= 6 && reader.Peek() == (byte)'#')
        {
            reader.Skip(1);
            sqlState = reader.ReadBytes(5);
        }

        return new ErrorPayload { Code = code, SqlState = sqlState, Message = reader.ReadRest() };
    }

    /// <summary>Writes the packet; the SQLSTATE, <c>HY000</c> when empty, only where the peer speaks protocol 4.1.</summary>
    public void Write(PayloadWriter writer, Capabilities capabilities)
    {
        writer.WriteByte(Header);
        writer.WriteUInt16(Code);
        if ((capabilities & Capabilities.Protocol41) != 0)
        {
            writer.WriteByte((byte)'#');
            writer.WriteBytes(SqlState.Length == 5 ? SqlState : "HY000"u8);
        }

        writer.WriteBytes(Message);
    }
}
