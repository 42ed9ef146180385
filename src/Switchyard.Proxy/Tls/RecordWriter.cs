using System.Buffers;
using Switchyard.Proxy.Sockets;

namespace Switchyard.Proxy.Tls;

/// <summary>Seals what is written, and sends it: up to three full records at once.</summary>
internal sealed class RecordWriter(LoopSocket socket, RecordCipher cipher) : IDisposable
{
    /// <summary>Records under one key, well below what AES-GCM bears (RFC 8446, section 5.5).</summary>
    public const ulong MostPerKey = 1 << 24;

    private const int MostAtOnce = 3 * RecordCipher.MostContent;
    private const byte Warning = 1;
    private const byte Fatal = 2;

    private readonly Lock _lock = new();
    private bool _isClosed;

    /// <summary>Why nothing may be sent any more.</summary>
    private string? _broken;

    /// <summary>The peer has new keys and wants to see ours.</summary>
    private volatile bool _owesNewKeys;

    /// <summary>What is sealed and not sent in full; null while there is nothing.</summary>
    private byte[]? _block;
    private int _sent;
    private int _end;

    /// <summary>The content in it, in bytes.</summary>
    private int _content;

    /// <summary>A change of keys, its answer not asked for.</summary>
    private static ReadOnlySpan<byte> NewKeys => [PostHandshake.KeyUpdate, 0, 0, 1, 0];

    public void OweNewKeys() => _owesNewKeys = true;

    /// <inheritdoc cref="ITlsRecords.BeginWrite"/>
    public void Begin()
    {
        if (_block is not null)
        {
            throw new IOException(_broken ?? ITlsRecords.GivenUp);
        }
    }

    /// <inheritdoc cref="ITlsRecords.Write"/>
    public int Write(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            if (_isClosed || _broken is not null)
            {
                throw new IOException(_broken ?? ITlsRecords.Closed);
            }

            if (_block is null)
            {
                Seal(bytes[..Math.Min(bytes.Length, MostAtOnce)]);
            }

            while (_sent < _end)
            {
                int count;
                try
                {
                    count = socket.SendRaw(_block.AsSpan(_sent, _end - _sent), byReader: false);
                }
                catch (IOException exception)
                {
                    _broken = exception.Message;
                    throw;
                }

                if (count < 0)
                {
                    return -1;
                }

                _sent += count;
            }

            Release();
            return _content;
        }
    }

    /// <summary>Sends nothing from here on but, if that can be done at once, what the peer is to know of the reason.</summary>
    public void End(string why, TlsAlert? alert)
    {
        lock (_lock)
        {
            _broken ??= why;
            if (!_isClosed && _block is null && alert is { } one)
            {
                Send(Fatal, one);
            }
        }
    }

    /// <inheritdoc cref="ITlsRecords.End"/>
    public void End()
    {
        lock (_lock)
        {
            if (!_isClosed && _block is null && _broken is null)
            {
                _broken = ITlsRecords.Closed;
                Send(Warning, TlsAlert.CloseNotify);
            }
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

    private void Send(byte level, TlsAlert alert)
    {
        Span<byte> record = stackalloc byte[2 + RecordCipher.Overhead];
        cipher.Seal(ContentType.Alert, [level, (byte)alert], record);
        try
        {
            _ = socket.SendRaw(record, byReader: true);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException)
        {
            // One of the two has gone first.
        }
    }

    private void Seal(ReadOnlySpan<byte> bytes)
    {
        _content = bytes.Length;
        _sent = 0;
        _end = 0;
        var records = (bytes.Length + RecordCipher.MostContent - 1) / RecordCipher.MostContent;
        _block = ArrayPool<byte>.Shared.Rent(bytes.Length + ((records + 1) * RecordCipher.Overhead) + NewKeys.Length);
        if (_owesNewKeys || cipher.Count >= MostPerKey)
        {
            _owesNewKeys = false;
            Add(ContentType.Handshake, NewKeys);
            cipher.Advance();
        }

        while (!bytes.IsEmpty)
        {
            var part = bytes[..Math.Min(bytes.Length, RecordCipher.MostContent)];
            Add(ContentType.ApplicationData, part);
            bytes = bytes[part.Length..];
        }
    }

    private void Add(ContentType type, ReadOnlySpan<byte> content)
    {
        var length = content.Length + RecordCipher.Overhead;
        cipher.Seal(type, content, _block.AsSpan(_end, length));
        _end += length;
    }

    private void Release()
    {
        if (_block is { } block)
        {
            _block = null;
            ArrayPool<byte>.Shared.Return(block);
        }
    }
}
