using System.Buffers.Binary;

namespace Switchyard.Proxy.Relay;

/// <summary>What each packet is at its place in an answer, and what the ends of results and errors say.</summary>
internal sealed partial class ResponseScanner
{
    /// <summary>Looks at the beginning of a packet that is not the continuation of another.</summary>
    private void OnPacket(ReadOnlySpan<byte> head)
    {
        switch (_phase)
        {
            case Phase.First:
                OnFirst(head);
                break;
            case Phase.Columns or Phase.ColumnsEnd when head.Length > 0 && head[0] == 0xFF:
                // A cursor's rows are made before the definitions are ended, and that can fail.
                OnError(head);
                break;
            case Phase.Columns:
                if (--_definitions == 0)
                {
                    _phase = _deprecateEof ? Phase.Rows : Phase.ColumnsEnd;
                }

                break;
            case Phase.ColumnsEnd:
                ReadEof(Expect(head, 0xFE));
                _phase = OpensCursor ? Phase.Done : Phase.Rows;
                _hasOutParameters = (Status & (OutParametersFlag | MoreResultsFlag)) == (OutParametersFlag | MoreResultsFlag);
                break;
            case Phase.Rows:
                OnRow(head);
                break;
            case Phase.PreparedFirst:
                OnPreparedFirst(head);
                break;
            case Phase.PreparedParameters:
                if (--_definitions == 0)
                {
                    _phase = _deprecateEof ? AfterParameters() : Phase.PreparedParametersEnd;
                }

                break;
            case Phase.PreparedParametersEnd:
                ReadEof(Expect(head, 0xFE));
                _phase = AfterParameters();
                break;
            case Phase.PreparedColumns:
                if (--_definitions == 0)
                {
                    _phase = _deprecateEof ? Phase.Done : Phase.PreparedColumnsEnd;
                }

                break;
            case Phase.PreparedColumnsEnd:
                ReadEof(Expect(head, 0xFE));
                _phase = Phase.Done;
                break;
            case Phase.BinaryLog:
                OnEvent(head);
                break;
            case Phase.OnePacket:
                if (head.Length > 0 && head[0] == 0xFF)
                {
                    ReadError(head);
                }

                _phase = Phase.Done;
                break;
        }
    }

    private void OnFirst(ReadOnlySpan<byte> head)
    {
        if (head.IsEmpty)
        {
            throw new SessionProtocolException("The backend began an answer with an empty packet.");
        }

        switch (head[0])
        {
            case 0x00:
                ReadOk(head);
                EndOfResult();
                break;
            case 0xFF:
                OnError(head);
                break;
            case 0xFB:
                WantsLocalFile = true;
                break;
            case 0xFE:
                ReadEnd(head);
                EndOfResult();
                break;
            default:
                var rest = head;
                _definitions = ReadInteger(ref rest);
                HasResultSet = true;
                _phase = Phase.Columns;
                break;
        }
    }

    private void OnRow(ReadOnlySpan<byte> head)
    {
        if (head.IsEmpty)
        {
            return;
        }

        if (head[0] == 0xFF)
        {
            OnError(head);
        }
        else if (head[0] == 0xFE && (_deprecateEof ? _payloadLength < FullPayload : _payloadLength <= EofMaxLength))
        {
            ReadEnd(head);
            if (_hasOutParameters)
            {
                // Of a procedure's output parameters MySQL says only in front of the rows that more follows.
                _hasOutParameters = false;
                Status |= MoreResultsFlag;
            }

            EndOfResult();
        }
    }

    /// <summary>Events begin with a zero byte; anything else ends the stream. An event gets here when it was cut behind its header.</summary>
    private void OnEvent(ReadOnlySpan<byte> head)
    {
        if (head.Length > 0 && head[0] == 0x00)
        {
            return;
        }

        if (head.Length > 0 && head[0] == 0xFF)
        {
            ReadError(head);
        }
        else
        {
            ReadEnd(Expect(head, 0xFE));
        }

        _phase = Phase.Done;
    }

    private void OnPreparedFirst(ReadOnlySpan<byte> head)
    {
        if (head.Length > 0 && head[0] == 0xFF)
        {
            OnError(head);
            return;
        }

        if (head.Length < 9 || head[0] != 0x00)
        {
            throw new SessionProtocolException("The backend's answer to a prepare is neither its header nor an error.");
        }

        StatementId = BinaryPrimitives.ReadUInt32LittleEndian(head[1..]);
        _columnsOfPrepared = BinaryPrimitives.ReadUInt16LittleEndian(head[5..]);
        ParameterCount = BinaryPrimitives.ReadUInt16LittleEndian(head[7..]);
        _definitions = ParameterCount;
        _phase = ParameterCount > 0 ? Phase.PreparedParameters : AfterParameters();
    }

    private Phase AfterParameters()
    {
        _definitions = _columnsOfPrepared;
        return _columnsOfPrepared > 0 ? Phase.PreparedColumns : Phase.Done;
    }

    private void OnError(ReadOnlySpan<byte> head)
    {
        ReadError(head);
        if (ErrorCode == ProgressReportCode)
        {
            ErrorCode = 0;
            return;
        }

        _phase = Phase.Done;
    }

    private void EndOfResult()
    {
        Results++;
        _phase = (Status & MoreResultsFlag) != 0 ? Phase.First : Phase.Done;
    }

    private void ReadError(ReadOnlySpan<byte> head) =>
        ErrorCode = head.Length >= 3 ? BinaryPrimitives.ReadUInt16LittleEndian(head[1..]) : throw Truncated("ERR");

    /// <summary>The packet behind the last row: an EOF packet, or an OK packet with the EOF packet's first byte.</summary>
    private void ReadEnd(ReadOnlySpan<byte> head)
    {
        if (_payloadLength <= 5)
        {
            ReadEof(head);
        }
        else
        {
            ReadOk(head);
        }
    }

    private void ReadOk(ReadOnlySpan<byte> head)
    {
        var rest = head[1..];
        AffectedRows = ReadInteger(ref rest);
        var insertId = ReadInteger(ref rest);
        LastInsertId = insertId != 0 ? insertId : LastInsertId;
        Status = rest.Length >= 2 ? BinaryPrimitives.ReadUInt16LittleEndian(rest) : throw Truncated("OK");
    }

    private void ReadEof(ReadOnlySpan<byte> head) =>
        Status = head.Length >= 5 ? BinaryPrimitives.ReadUInt16LittleEndian(head[3..]) : throw Truncated("EOF");

    private static ReadOnlySpan<byte> Expect(ReadOnlySpan<byte> head, byte first) => head.Length > 0 && head[0] == first
        ? head
        : throw new SessionProtocolException("The backend did not end its column definitions where it had announced.");

    private static ulong ReadInteger(ref ReadOnlySpan<byte> rest)
    {
        if (rest.IsEmpty)
        {
            throw Truncated("result");
        }

        var size = rest[0] switch { < 0xFB => 0, 0xFC => 2, 0xFD => 3, 0xFE => 8, _ => throw Truncated("result") };
        if (rest.Length < 1 + size)
        {
            throw Truncated("result");
        }

        ulong value = size == 0 ? rest[0] : 0UL;
        for (var i = 0; i < size; i++)
        {
            value |= (ulong)rest[1 + i] << (8 * i);
        }

        rest = rest[(1 + size)..];
        return value;
    }

    private static SessionProtocolException Truncated(string what) => new($"The backend sent a truncated {what} packet.");
}
