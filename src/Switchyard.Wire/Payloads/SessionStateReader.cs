namespace Switchyard.Wire.Payloads;

/// <summary>What a session state change is about.</summary>
/// <remarks>Values: MySQL <c>enum_session_state_type</c>; an unknown type is handed through.</remarks>
public enum SessionStateType : byte
{
    SystemVariables = 0,
    Schema = 1,
    StateChange = 2,
    Gtids = 3,
    TransactionCharacteristics = 4,
    TransactionState = 5,
}

/// <summary>Walks the session state changes of an OK packet.</summary>
public ref struct SessionStateReader(ReadOnlySpan<byte> sessionState)
{
    private PayloadReader _reader = new(sessionState);

    /// <summary>
    /// The next change. For system variables <paramref name="data"/> is one or more pairs of length-encoded name and value; for GTIDs a
    /// format byte and the length-encoded GTID text; for the others one length-encoded text.
    /// </summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="MalformedPacketException"/>
    public bool TryRead(out SessionStateType type, out ReadOnlySpan<byte> data)
    {
        if (_reader.IsAtEnd)
        {
            type = default;
            data = default;
            return false;
        }

        type = (SessionStateType)_reader.ReadByte();
        data = _reader.ReadLengthEncodedBytes();
        return true;
    }
}
