using System.Buffers.Binary;
using Switchyard.Wire;

namespace Switchyard.Proxy.Relay;

/// <summary>
/// Finds where a server's answer ends by hopping from packet header to packet header, and keeps what its OK, EOF and ERR packets say.
/// Rows are never parsed. Bytes may arrive cut at any place; nothing is allocated.
/// </summary>
/// <remarks>
/// Shapes are those of https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html and
/// https://mariadb.com/kb/en/result-set-packets/. Not thread-safe.
/// </remarks>
internal sealed partial class ResponseScanner
{
    /// <summary>A payload of this length is continued in the next packet.</summary>
    private const int FullPayload = 0xFFFFFF;

    /// <summary>Longest packet that can be an EOF packet; a longer one with the same first byte is a row.</summary>
    private const int EofMaxLength = 8;

    private const ushort InTransactionFlag = 0x0001;
    private const ushort MoreResultsFlag = 0x0008;
    private const ushort CursorExistsFlag = 0x0040;
    private const ushort OutParametersFlag = 0x1000;

    /// <summary>An ERR packet with this code is MariaDB's progress report; the answer goes on after it.</summary>
    private const ushort ProgressReportCode = 0xFFFF;

    /// <summary>Enough of a packet to read everything looked at: first byte, two 9-byte integers, status, warnings.</summary>
    private const int HeadSize = 24;

    private readonly byte[] _head = new byte[HeadSize];
    private readonly byte[] _header = new byte[4];
    private int _headerLength;
    private int _headLength;
    private int _headNeeded;
    private int _payloadLength;
    private int _remaining;
    private bool _continued;
    private bool _deprecateEof;
    private bool _hasOutParameters;

    /// <summary>The client asked for a cursor.</summary>
    private bool _mayOpenCursor;
    private Phase _phase;
    private ulong _definitions;
    private ulong _columnsOfPrepared;

    private enum Phase
    {
        First,
        PreparedFirst,
        Columns,
        ColumnsEnd,
        Rows,
        PreparedParameters,
        PreparedParametersEnd,
        PreparedColumns,
        PreparedColumnsEnd,
        OnePacket,
        BinaryLog,
        Done,
    }

    /// <summary>The last byte of the answer was consumed.</summary>
    public bool IsComplete => _phase == Phase.Done && _remaining == 0 && _headerLength == 0 && !_continued;

    /// <summary>The server asks the client for a file; consumption stopped behind that packet until <see cref="ResumeAfterLocalFile"/>.</summary>
    public bool WantsLocalFile { get; private set; }

    /// <summary>Status flags of the last OK or EOF packet; kept over answers, since an ERR carries none.</summary>
    public ushort Status { get; private set; }

    public bool InTransaction => (Status & InTransactionFlag) != 0;

    /// <summary>Code of the ERR packet that ended the answer; 0 when it succeeded.</summary>
    public ushort ErrorCode { get; private set; }

    public ulong AffectedRows { get; private set; }

    /// <summary>The largest insert id an OK packet of this answer carried; 0 for none.</summary>
    public ulong LastInsertId { get; private set; }

    /// <summary>Id the server gave a statement it prepared; 0 when it refused.</summary>
    public uint StatementId { get; private set; }

    public ushort ParameterCount { get; private set; }

    /// <summary>Results of this answer that have ended well; an error ends it behind them.</summary>
    public int Results { get; private set; }

    /// <summary>The answer had a result set.</summary>
    public bool HasResultSet { get; private set; }

    /// <summary>
    /// The answer so far is the opening of a cursor that the client asked for. Servers set the flag also behind what a stored program does with a cursor of its own,
    /// whose rows follow at once; within a CALL, which opens none for the client, more results are always to come.
    /// </summary>
    public bool OpensCursor => _mayOpenCursor && HasResultSet && Results == (_deprecateEof ? 1 : 0) && ErrorCode == 0
        && (Status & (CursorExistsFlag | MoreResultsFlag)) == CursorExistsFlag;

    /// <summary>Bytes consumed of the answer so far.</summary>
    public long Consumed { get; private set; }

    /// <summary>Number of the last packet begun.</summary>
    public byte Sequence { get; private set; }

    /// <summary>Takes over the status flags a connection begins with.</summary>
    public void SetStatus(ushort status) => Status = status;

    /// <summary>Starts on the answer to a new command.</summary>
    public void Begin(ResponseShape shape, bool deprecateEof)
    {
        _headerLength = 0;
        _remaining = 0;
        _headNeeded = 0;
        _headLength = 0;
        _continued = false;
        _deprecateEof = deprecateEof;
        _mayOpenCursor = shape == ResponseShape.Cursor;
        WantsLocalFile = false;
        StatePacketLength = 0;
        Wanted = 1;
        _passesState = false;
        _hasOutParameters = false;
        ErrorCode = 0;
        AffectedRows = 0;
        LastInsertId = 0;
        StatementId = 0;
        ParameterCount = 0;
        HasResultSet = false;
        Results = 0;
        Consumed = 0;
        _phase = shape switch
        {
            ResponseShape.Results or ResponseShape.Cursor => Phase.First,
            ResponseShape.Prepared => Phase.PreparedFirst,
            ResponseShape.UntilEnd => Phase.Rows,
            ResponseShape.OnePacket => Phase.OnePacket,
            ResponseShape.BinaryLog => Phase.BinaryLog,
            _ => Phase.Done,
        };
    }

    public void ResumeAfterLocalFile() => WantsLocalFile = false;

    /// <summary>Whether an ERR packet is none, but MariaDB's word on how far a statement has come.</summary>
    public static bool IsProgressReport(ReadOnlySpan<byte> payload) =>
        payload.Length >= 3 && payload[0] == 0xFF && BinaryPrimitives.ReadUInt16LittleEndian(payload[1..]) == ProgressReportCode;

    /// <summary>Takes bytes of the answer; returns how many belong to it (fewer than given only when it is complete or a local file is asked for).</summary>
    /// <exception cref="SessionProtocolException">The bytes are no answer to the command.</exception>
    public int Consume(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        Wanted = 1;
        while (true)
        {
            if (_remaining > 0)
            {
                var take = Math.Min(_remaining, bytes.Length - at);
                if (_headNeeded > 0)
                {
                    take = Math.Min(take, _headNeeded);
                    bytes.Slice(at, take).CopyTo(_head.AsSpan(_headLength));
                    _headLength += take;
                    _headNeeded -= take;
                }

                at += take;
                _remaining -= take;
                if (_headNeeded == 0 && _headLength > 0)
                {
                    var length = _headLength;
                    _headLength = 0;
                    OnPacket(_head.AsSpan(0, length));
                }

                if (_remaining > 0 && at < bytes.Length)
                {
                    continue;
                }

                if (_remaining > 0)
                {
                    break;
                }
            }

            if (WantsLocalFile || (_phase == Phase.Done && !_continued))
            {
                break;
            }

            at += SkipPlainRows(bytes[at..]);
            if ((TracksState || StopsAtStatus) && HoldsBack(bytes[at..]))
            {
                break;
            }

            if (!TakeHeader(bytes, ref at))
            {
                break;
            }

            StartPacket(bytes, ref at);
        }

        Consumed += at;
        return at;
    }

    /// <summary>Length of the rows, or events, that lie whole at the beginning and end nothing: all there is to most large answers.</summary>
    private int SkipPlainRows(ReadOnlySpan<byte> bytes)
    {
        if (_phase is not (Phase.Rows or Phase.BinaryLog) || _continued || _headerLength > 0)
        {
            return 0;
        }

        var at = 0;
        var sequence = Sequence;
        while (bytes.Length - at > PacketLimits.HeaderSize)
        {
            var header = BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
            var length = (int)(header & FullPayload);
            if (length is 0 or FullPayload || bytes[at + PacketLimits.HeaderSize] >= 0xFE || length > bytes.Length - at - PacketLimits.HeaderSize)
            {
                break;
            }

            sequence = (byte)(header >> 24);
            at += PacketLimits.HeaderSize + length;
        }

        Sequence = sequence;
        return at;
    }

    private bool TakeHeader(ReadOnlySpan<byte> bytes, ref int at)
    {
        if (_headerLength == 0 && bytes.Length - at >= 4)
        {
            _payloadLength = ReadLength(bytes[at..]);
            Sequence = bytes[at + 3];
            at += 4;
            return true;
        }

        while (_headerLength < 4)
        {
            if (at == bytes.Length)
            {
                return false;
            }

            _header[_headerLength++] = bytes[at++];
        }

        _headerLength = 0;
        _payloadLength = ReadLength(_header);
        Sequence = _header[3];
        return true;
    }

    private static int ReadLength(ReadOnlySpan<byte> header) => header[0] | (header[1] << 8) | (header[2] << 16);

    private void StartPacket(ReadOnlySpan<byte> bytes, ref int at)
    {
        var isContinuation = _continued;
        _continued = _payloadLength == FullPayload;
        _remaining = _payloadLength;
        if (isContinuation || _phase == Phase.Done)
        {
            return;
        }

        if (_payloadLength == 0)
        {
            // A row of a result set is never empty and no other packet here can be.
            OnPacket([]);
            return;
        }

        if (at < bytes.Length && IsPlainRow(bytes[at]))
        {
            return;
        }

        var needed = Math.Min(_payloadLength, HeadSize);
        if (bytes.Length - at >= needed)
        {
            OnPacket(bytes.Slice(at, needed));
            return;
        }

        _headNeeded = needed;
        _headLength = 0;
    }

    private bool IsPlainRow(byte first) => _phase is Phase.Rows or Phase.BinaryLog && first is not (0xFE or 0xFF);
}
