using System.Buffers;
using System.Buffers.Binary;
using Switchyard.Proxy.Sockets;

namespace Switchyard.Proxy.Tls;

/// <summary>Why a connection is ended; RFC 8446, section 6.2.</summary>
internal enum TlsAlert : byte
{
    CloseNotify = 0,
    UnexpectedMessage = 10,
    BadRecord = 20,
    RecordOverflow = 22,
    UserCanceled = 90,
}

/// <summary>Takes records from the socket and opens them, where there is room straight into the reader's buffer.</summary>
internal sealed class RecordReader(LoopSocket socket, bool isServer, RecordCipher cipher, RecordWriter writer) : IDisposable
{
    /// <summary>Bytes taken from the socket at once: room for one full record, and for what came with it.</summary>
    private const int BlockLength = 32 * 1024;

    /// <summary>New keys count as so many bytes without content: that many records are opened in the time they take.</summary>
    private const int KeyChangeBytes = 2048;

    private const byte ApplicationData = (byte)ContentType.ApplicationData;

    private readonly Lock _lock = new();
    private readonly PostHandshake _messages = new(isServer);
    private bool _isClosed;

    /// <summary>The peer has said that it has ended, or has simply ended between two records.</summary>
    private bool _isAtEnd;

    /// <summary>What ended the connection; every later call says it again.</summary>
    private string? _broken;
    private IOException? _failure;
    private int _withoutContent;

    /// <summary>Null while nothing is in it.</summary>
    private byte[]? _block;

    // Of it, records as they came.
    private int _at;
    private int _end;

    // And in front of them, content that the reader had no room for.
    private int _contentAt;
    private int _contentEnd;

    /// <inheritdoc cref="ITlsRecords.HasPending"/>
    public bool HasPending
    {
        get
        {
            lock (_lock)
            {
                return _contentAt < _contentEnd || (_block is not null && _broken is null);
            }
        }
    }

    /// <inheritdoc cref="ITlsRecords.Read"/>
    public int Read(Span<byte> buffer)
    {
        lock (_lock)
        {
            if (_isClosed)
            {
                throw new IOException(ITlsRecords.Closed);
            }

            var count = HandOut(buffer);
            while (count < buffer.Length && !_isAtEnd && _broken is null)
            {
                if (TryFindRecord(out var length))
                {
                    count += Open(length, buffer[count..]);
                }
                else if (count > 0 || !Fill())
                {
                    break;
                }
            }

            if (_at == _end && _contentAt == _contentEnd)
            {
                Release();
            }

            if (_isAtEnd || TryFindRecord(out _) || _broken is not null || _contentAt < _contentEnd)
            {
                // The kernel has no word of what is here already.
                socket.NoteReadable();
            }

            // The end, or what has failed, is said to the next who asks.
            return count > 0 ? count
                : _broken is not null ? throw new IOException(_broken, _failure)
                : _isAtEnd ? 0
                : -1;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            if (_isClosed)
            {
                return;
            }

            _isClosed = true;
            Release();
            cipher.Dispose();
        }
    }

    private int HandOut(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _contentEnd - _contentAt);
        if (count > 0)
        {
            _block.AsSpan(_contentAt, count).CopyTo(buffer);
            _contentAt += count;
        }

        return count;
    }

    /// <summary>Takes what the socket has; false if there is nothing, or nothing more to come.</summary>
    private bool Fill()
    {
        _block ??= ArrayPool<byte>.Shared.Rent(BlockLength);
        _block.AsSpan(_at.._end).CopyTo(_block);
        (_at, _end) = (0, _end - _at);
        int count;
        try
        {
            count = socket.ReceiveRaw(_block.AsSpan(_end));
        }
        catch (IOException exception)
        {
            _failure = exception;
            _broken = exception.Message;
            return false;
        }

        if (count > 0)
        {
            _end += count;
            return true;
        }

        if (count == 0 && _end > 0)
        {
            Break("the peer closed the connection in the middle of it");
        }

        _isAtEnd = count == 0;
        return false;
    }

    /// <summary>Whether a whole record is here, and of what length it is with its header.</summary>
    private bool TryFindRecord(out int length)
    {
        length = 0;
        var here = _block.AsSpan(_at.._end);
        if (_broken is not null || here.Length < RecordCipher.HeaderLength)
        {
            return false;
        }

        var sealedLength = BinaryPrimitives.ReadUInt16BigEndian(here[3..]);
        length = RecordCipher.HeaderLength + sealedLength;
        if (here[0] != ApplicationData || sealedLength < RecordCipher.LeastSealed)
        {
            Break("the peer sends what is no record of TLS 1.3", TlsAlert.UnexpectedMessage);
            return false;
        }

        if (sealedLength > RecordCipher.MostSealed)
        {
            Break("the peer sends a record that is longer than any may be", TlsAlert.RecordOverflow);
            return false;
        }

        return here.Length >= length;
    }

    /// <summary>Opens the record at hand, and says how much of its content the buffer has.</summary>
    private int Open(int length, Span<byte> buffer)
    {
        var record = _block.AsSpan(_at, length);
        var inner = length - RecordCipher.HeaderLength - RecordCipher.TagLength;
        var isDirect = inner <= buffer.Length;
        var to = isDirect ? buffer[..inner] : record.Slice(RecordCipher.HeaderLength, inner);
        if (cipher.TryOpen(record, to) is not var (count, type))
        {
            Break("a record is not what the peer has sent", TlsAlert.BadRecord);
            return 0;
        }

        var start = _at + RecordCipher.HeaderLength;
        _at += length;
        if (count > RecordCipher.MostContent)
        {
            Break("the peer sends a record that is longer than any may be", TlsAlert.RecordOverflow);
            return 0;
        }

        if (type == ContentType.ApplicationData && !_messages.IsWithin && count > 0)
        {
            _withoutContent = 0;
            if (isDirect)
            {
                return count;
            }

            (_contentAt, _contentEnd) = (start, start + count);
            return HandOut(buffer);
        }

        Heed(type, to[..count]);
        _withoutContent += length;
        if (_broken is null && _withoutContent > ITlsRecords.MostWithoutContent)
        {
            Break("the peer sends TLS records without content", TlsAlert.UnexpectedMessage);
        }

        return 0;
    }

    private void Heed(ContentType type, ReadOnlySpan<byte> content)
    {
        switch (type)
        {
            case ContentType.ApplicationData when !_messages.IsWithin:
                break;
            case ContentType.Alert when content.Length == 2 && !_messages.IsWithin:
                Heed((TlsAlert)content[1]);
                break;
            case ContentType.Handshake when !content.IsEmpty:
                Heed(_messages.Take(content));
                break;
            default:
                Break("the peer sends what has no business here", TlsAlert.UnexpectedMessage);
                break;
        }
    }

    private void Heed(TlsAlert alert)
    {
        if (alert == TlsAlert.CloseNotify)
        {
            // What comes behind it is nobody's.
            _isAtEnd = true;
            _at = _end;
        }

        if (alert is not (TlsAlert.CloseNotify or TlsAlert.UserCanceled))
        {
            Break($"the peer ends the connection with alert {(int)alert}");
        }
    }

    private void Heed(PostHandshake.Request request)
    {
        switch (request)
        {
            case PostHandshake.Request.Refused:
                Break("the peer sends what has no business here", TlsAlert.UnexpectedMessage);
                break;
            case PostHandshake.Request.NewKeysOfBoth:
                writer.OweNewKeys();
                goto case PostHandshake.Request.NewKeys;
            case PostHandshake.Request.NewKeys:
                _withoutContent += KeyChangeBytes;
                cipher.Advance();
                break;
        }
    }

    private void Break(string why, TlsAlert? alert = null)
    {
        _broken = $"TLS failed while reading: {why}.";
        writer.End(_broken, alert);
    }

    private void Release()
    {
        if (_block is { } block)
        {
            _block = null;
            (_at, _end, _contentAt, _contentEnd) = (0, 0, 0, 0);
            ArrayPool<byte>.Shared.Return(block);
        }
    }
}
