namespace Switchyard.Wire.Payloads;

/// <summary>OK: a command is done. With DEPRECATE_EOF it also ends a result set, then with header 0xFE.</summary>
/// <remarks>
/// Layout: MySQL protocol documentation "OK_Packet". The information text is length-encoded whatever the capabilities, as all servers
/// write it and all clients read it; the documentation's "string to end" is not what is on the wire.
/// </remarks>
public readonly ref struct OkPayload
{
    public const byte Header = 0x00;

    /// <summary>Header of the OK that ends a result set under DEPRECATE_EOF.</summary>
    public const byte EndOfRowsHeader = 0xFE;

    public ulong AffectedRows { get; init; }

    public ulong LastInsertId { get; init; }

    public ServerStatus Status { get; init; }

    public ushort Warnings { get; init; }

    /// <summary>Human-readable text, for example <c>Rows matched: 1 …</c>; may be empty.</summary>
    public ReadOnlySpan<byte> Info { get; init; }

    /// <summary>The session state changes, read with <see cref="SessionStateReader"/>; empty when there are none.</summary>
    public ReadOnlySpan<byte> SessionState { get; init; }

    /// <summary>
    /// Whether this packet ends the rows of a result set under DEPRECATE_EOF: header 0xFE and not the 9-byte length prefix of a huge
    /// first value, which needs a payload of the maximum size.
    /// </summary>
    public static bool IsEndOfRows(ReadOnlySpan<byte> payload) =>
        payload.Length > 0 && payload[0] == EndOfRowsHeader && payload.Length < PacketLimits.MaxPayload;

    /// <exception cref="MalformedPacketException">Not an OK packet.</exception>
    public static OkPayload Parse(ReadOnlySpan<byte> payload, Capabilities capabilities)
    {
        var reader = new PayloadReader(payload);
        var header = reader.ReadByte();
        if (header is not (Header or EndOfRowsHeader))
        {
            throw new MalformedPacketException($"An OK packet was expected and one with header 0x{header:X2} came.");
        }

        var affectedRows = reader.ReadLengthEncodedInteger();
        var lastInsertId = reader.ReadLengthEncodedInteger();
        var status = ServerStatus.None;
        ushort warnings = 0;
        if ((capabilities & Capabilities.Protocol41) != 0)
        {
            status = (ServerStatus)reader.ReadUInt16();
            warnings = reader.ReadUInt16();
        }
        else if ((capabilities & Capabilities.Transactions) != 0)
        {
            status = (ServerStatus)reader.ReadUInt16();
        }

        var info = reader.IsAtEnd ? default : reader.ReadLengthEncodedBytes();
        var hasState = (capabilities & Capabilities.SessionTrack) != 0 && (status & ServerStatus.SessionStateChanged) != 0 && !reader.IsAtEnd;
        return new OkPayload
        {
            AffectedRows = affectedRows,
            LastInsertId = lastInsertId,
            Status = status,
            Warnings = warnings,
            Info = info,
            SessionState = hasState ? reader.ReadLengthEncodedBytes() : default,
        };
    }

    /// <summary>Writes what these capabilities can carry; session state is left out without SESSION_TRACK, and its status flag with it.</summary>
    public void Write(PayloadWriter writer, Capabilities capabilities, byte header = Header)
    {
        var carriesState = (capabilities & Capabilities.SessionTrack) != 0 && SessionState.Length > 0;
        var status = carriesState ? Status | ServerStatus.SessionStateChanged : Status & ~ServerStatus.SessionStateChanged;
        writer.WriteByte(header);
        writer.WriteLengthEncodedInteger(AffectedRows);
        writer.WriteLengthEncodedInteger(LastInsertId);
        if ((capabilities & Capabilities.Protocol41) != 0)
        {
            writer.WriteUInt16((ushort)status);
            writer.WriteUInt16(Warnings);
        }
        else if ((capabilities & Capabilities.Transactions) != 0)
        {
            writer.WriteUInt16((ushort)status);
        }

        if (Info.Length > 0 || carriesState)
        {
            writer.WriteLengthEncodedBytes(Info);
        }

        if (carriesState)
        {
            writer.WriteLengthEncodedBytes(SessionState);
        }
    }
}
