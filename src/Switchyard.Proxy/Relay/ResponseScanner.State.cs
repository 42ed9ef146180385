using System.Buffers.Binary;

namespace Switchyard.Proxy.Relay;

/// <summary>OK packets that report changes of the session's state are handed over whole, before any byte of them goes on.</summary>
internal sealed partial class ResponseScanner
{
    private const ushort StateChangedFlag = 0x4000;

    private bool _passesState;

    /// <summary>The backend reports changes of the session's state in its OK packets.</summary>
    public bool TracksState { get; init; }

    /// <summary>Every packet with status flags is handed over like one that reports changes, for the flags to be added to.</summary>
    public bool StopsAtStatus { get; set; }

    /// <summary>
    /// Length, with its header, of an OK packet that reports changes of the session's state, or of what <see cref="StopsAtStatus"/> asks for: consumption stopped in
    /// front of it, it is whole in the bytes given, and it goes on after <see cref="PassStatePacket"/>. 0 when there is none.
    /// </summary>
    public int StatePacketLength { get; private set; }

    /// <summary>Bytes that must be given together, from where consumption stopped, before it can go on.</summary>
    public int Wanted { get; private set; } = 1;

    /// <summary>The packet that reports changes has been looked at, or taken out the report; the next bytes begin with it.</summary>
    public void PassStatePacket()
    {
        StatePacketLength = 0;
        _passesState = true;
    }

    /// <summary>
    /// Whether to stop in front of a packet: because it reports changes of the session's state, or because too little of it is there to tell.
    /// Only packets that can be an OK are looked at, and rows only as far as their first byte.
    /// </summary>
    private bool HoldsBack(ReadOnlySpan<byte> rest)
    {
        if (_continued || rest.IsEmpty || !(StopsAtStatus ? MayHaveStatus : _phase == Phase.First || (_phase == Phase.Rows && _deprecateEof)))
        {
            return false;
        }

        if (rest.Length < 5)
        {
            Wanted = 5;
            return rest.Length < 4 || ReadLength(rest) > 0;
        }

        var length = ReadLength(rest);
        var first = rest[4];
        if (StopsAtStatus)
        {
            return HasStatus(length, first) && HoldsBackWhole(rest, length);
        }

        if ((first != 0xFE && (first != 0x00 || _phase == Phase.Rows)) || length is <= 5 or FullPayload)
        {
            return false;
        }

        var head = 4 + Math.Min(length, HeadSize);
        if (rest.Length < head)
        {
            Wanted = head;
            return true;
        }

        if (_passesState)
        {
            _passesState = false;
            return false;
        }

        var fields = rest[5..head];
        ReadInteger(ref fields);
        ReadInteger(ref fields);
        if (fields.Length < 2 || (BinaryPrimitives.ReadUInt16LittleEndian(fields) & StateChangedFlag) == 0)
        {
            return false;
        }

        Wanted = 4 + length;
        StatePacketLength = rest.Length >= Wanted ? Wanted : 0;
        return true;
    }

    private bool MayHaveStatus => _phase is Phase.First or Phase.Rows or Phase.ColumnsEnd or Phase.PreparedParametersEnd or Phase.PreparedColumnsEnd;

    private bool HasStatus(int length, byte first) =>
        (first == 0xFE && (_phase != Phase.Rows || (_deprecateEof ? length < FullPayload : length <= EofMaxLength))) || (first == 0x00 && _phase == Phase.First);

    private bool HoldsBackWhole(ReadOnlySpan<byte> rest, int length)
    {
        if (_passesState)
        {
            _passesState = false;
            return false;
        }

        Wanted = 4 + length;
        StatePacketLength = rest.Length >= Wanted ? Wanted : 0;
        return true;
    }
}
