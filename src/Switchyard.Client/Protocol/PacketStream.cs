using Switchyard.Wire;

namespace Switchyard.Client.Protocol;

/// <summary>
/// Cuts a byte stream into payloads and back, joining and splitting those longer than a packet. Payloads handed out live in one reused
/// buffer, those of several packets in a file: each is valid until the next read.
/// </summary>
internal sealed class PacketStream(Stream stream) : IDisposable
{
    private const int InitialBufferSize = 16 * 1024;

    // Above this a buffer is given back once its payload is done with.
    private const int KeptBufferSize = 1024 * 1024;

    // Read at once of a payload that is written into a file.
    private const int SpilledPieceSize = 256 * 1024;

    // A body longer than this is sent from where it lies rather than copied behind its header.
    private const int CopiedBodyLimit = 64 * 1024;

    private static readonly byte[] s_dropped = [0];

    private readonly PayloadWriter _writer = new(1024);
    private readonly byte[] _header = new byte[PacketLimits.HeaderSize];
    private Stream _stream = stream;
    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private byte _sequence;
    private SpilledBytes? _spilled;

    public Stream Stream => _stream;

    /// <summary>Until the next command nobody looks at payloads of several packets: in their place stands a byte.</summary>
    public bool DropsLong { get; set; }

    /// <summary>Bytes received and not yet read as payloads.</summary>
    public int Buffered => _end - _start;

    /// <summary>Goes on over TLS or compression. Nothing may be buffered: bytes from before must not be taken for bytes from within.</summary>
    public void SwitchTo(Stream stream)
    {
        if (Buffered != 0)
        {
            throw new MalformedPacketException("The server sent bytes ahead of what was agreed to come first: TLS, or compression.");
        }

        _stream = stream;
    }

    /// <summary>Starts a command: sequence numbers count from zero. Returns the writer for its payload.</summary>
    public PayloadWriter BeginCommand()
    {
        _sequence = 0;
        (_stream as CompressedStream)?.BeginCommand();
        FreeSpilled();
        DropsLong = false;
        if (_buffer.Length > KeptBufferSize && Buffered == 0)
        {
            ReleaseBuffer();
        }

        return BeginPayload();
    }

    /// <summary>Starts a payload that continues the exchange under way.</summary>
    public PayloadWriter BeginPayload()
    {
        _writer.Reset(KeptBufferSize);
        _writer.WriteZeros(PacketLimits.HeaderSize);
        return _writer;
    }

    /// <summary>Sends what was written since <see cref="BeginPayload"/>, followed by <paramref name="body"/>.</summary>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        if (body.Length <= CopiedBodyLimit && !body.IsEmpty)
        {
            _writer.WriteBytes(body.Span);
            body = default;
        }

        var head = _writer.Length - PacketLimits.HeaderSize;
        if (head < PacketLimits.MaxPayload && body.IsEmpty)
        {
            new PacketHeader(head, _sequence++).Write(_writer.MutableSpan);
            await _stream.WriteAsync(_writer.WrittenMemory, cancellationToken).ConfigureAwait(false);
            return;
        }

        await SendLongAsync(_writer.WrittenMemory[PacketLimits.HeaderSize..], body, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask SendAsync(CancellationToken cancellationToken) => SendAsync(default(ReadOnlyMemory<byte>), cancellationToken);

    /// <summary>Sends what was written since <see cref="BeginPayload"/>, followed by pieces.</summary>
    public async ValueTask SendAsync(IReadOnlyList<QueryPiece> pieces, CancellationToken cancellationToken)
    {
        var head = _writer.WrittenMemory[PacketLimits.HeaderSize..];
        var splitter = new PacketSplitter(_stream, head.Length + pieces.Sum(p => p.SentBytes), _sequence);
        await splitter.WriteAsync(head, cancellationToken).ConfigureAwait(false);
        foreach (var piece in pieces)
        {
            await splitter.WriteAsync(piece, cancellationToken).ConfigureAwait(false);
        }

        await splitter.EndAsync(cancellationToken).ConfigureAwait(false);
        _sequence = splitter.Sequence;
    }

    /// <summary>
    /// Makes the last payload read the caller's, until that disposes of what it is given: the buffer it lies in is not used before. Null for one that shares a small
    /// buffer with others.
    /// </summary>
    public IDisposable? GiveAway()
    {
        if (_spilled is { } spilled)
        {
            _spilled = null;
            return spilled;
        }

        if (_buffer.Length <= KeptBufferSize)
        {
            return null;
        }

        var left = _buffer.AsSpan(_start, Buffered);
        var next = LargeBuffers.Rent(Math.Max(InitialBufferSize, left.Length));
        left.CopyTo(next);
        var given = new GivenBuffer(_buffer);
        _end = left.Length;
        _start = 0;
        _buffer = next;
        return given;
    }

    /// <summary>Takes the next payload if it is whole in the buffer.</summary>
    /// <exception cref="MalformedPacketException">Packets out of order.</exception>
    public bool TryRead(out ReadOnlyMemory<byte> payload)
    {
        if (Buffered >= PacketLimits.HeaderSize)
        {
            var header = PacketHeader.Read(_buffer.AsSpan(_start));
            if (!header.IsContinued && Buffered - PacketLimits.HeaderSize >= header.Length)
            {
                payload = Take(header);
                return true;
            }
        }

        payload = default;
        return false;
    }

    /// <summary>The next whole payload.</summary>
    /// <exception cref="EndOfStreamException">The peer closed the connection.</exception>
    /// <exception cref="MalformedPacketException">Packets out of order, or a payload of 2 GB and more.</exception>
    /// <exception cref="SpillException">No room on disk for a payload of several packets.</exception>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellationToken) =>
        TryRead(out var payload) ? new ValueTask<ReadOnlyMemory<byte>>(payload) : ReadSlowAsync(cancellationToken);

    public void Dispose()
    {
        _writer.Dispose();
        FreeSpilled();
        ReleaseBuffer();
    }

    private async ValueTask<ReadOnlyMemory<byte>> ReadSlowAsync(CancellationToken cancellationToken)
    {
        await FillAsync(PacketLimits.HeaderSize, cancellationToken).ConfigureAwait(false);
        var header = PacketHeader.Read(_buffer.AsSpan(_start));
        if (header.IsContinued)
        {
            return await SpillAsync(header, cancellationToken).ConfigureAwait(false);
        }

        await FillAsync(PacketLimits.HeaderSize + header.Length, cancellationToken).ConfigureAwait(false);
        return Take(header);
    }

    // What comes in several packets can be too long to hold.
    private async ValueTask<ReadOnlyMemory<byte>> SpillAsync(PacketHeader header, CancellationToken cancellationToken)
    {
        FreeSpilled();
        using var file = DropsLong ? null : new SpillFile();
        while (true)
        {
            CheckSequence(header, default);
            if (file?.Length + header.Length > PacketLimits.MaxSpilledPayload)
            {
                throw new MalformedPacketException($"A row or change is longer than {PacketLimits.MaxSpilledPayload} bytes, which is more than can be handled here.");
            }

            _start += PacketLimits.HeaderSize;
            for (var left = header.Length; left > 0;)
            {
                await FillAsync(Math.Min(left, SpilledPieceSize), cancellationToken).ConfigureAwait(false);
                var piece = _buffer.AsMemory(_start, Math.Min(left, Buffered));
                if (file is not null)
                {
                    await file.AppendAsync(piece, cancellationToken).ConfigureAwait(false);
                }

                _start += piece.Length;
                left -= piece.Length;
            }

            if (!header.IsContinued)
            {
                _spilled = file?.Complete();
                return _spilled?.Memory ?? s_dropped;
            }

            await FillAsync(PacketLimits.HeaderSize, cancellationToken).ConfigureAwait(false);
            header = PacketHeader.Read(_buffer.AsSpan(_start));
        }
    }

    private ReadOnlyMemory<byte> Take(PacketHeader header)
    {
        FreeSpilled();
        var payload = _buffer.AsMemory(_start + PacketLimits.HeaderSize, header.Length);
        CheckSequence(header, payload.Span);
        _start += PacketLimits.HeaderSize + header.Length;
        return payload;
    }

    private void CheckSequence(PacketHeader header, ReadOnlySpan<byte> payload)
    {
        // A server that ends an idle connection sends its error unasked, with a number of its own.
        var isError = payload.Length > 0 && payload[0] == Wire.Payloads.ErrorPayload.Header;
        if (header.Sequence != _sequence && !isError)
        {
            throw new MalformedPacketException($"Packet number {_sequence} was expected and number {header.Sequence} came.");
        }

        _sequence = (byte)(header.Sequence + 1);
    }

    /// <summary>Makes sure that this many bytes are buffered from <c>_start</c> on.</summary>
    private async ValueTask FillAsync(int count, CancellationToken cancellationToken)
    {
        if (Buffered >= count)
        {
            return;
        }

        MakeRoom(count);
        while (Buffered < count)
        {
            var read = await _stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                throw new EndOfStreamException("The server closed the connection.");
            }

            _end += read;
        }
    }

    private void MakeRoom(int count)
    {
        if (_buffer.Length - _start >= count && _buffer.Length > _end)
        {
            return;
        }

        if (_buffer.Length >= count && Buffered < _buffer.Length)
        {
            Buffer.BlockCopy(_buffer, _start, _buffer, 0, Buffered);
        }
        else
        {
            var wanted = count <= KeptBufferSize
                ? Math.Max(count, count > InitialBufferSize ? Math.Min(_buffer.Length * 2, KeptBufferSize) : InitialBufferSize)
                : count + (count / 8);
            var grown = LargeBuffers.Rent(wanted);
            Buffer.BlockCopy(_buffer, _start, grown, 0, Buffered);
            Free(_buffer);
            _buffer = grown;
        }

        _end -= _start;
        _start = 0;
    }

    private void FreeSpilled()
    {
        _spilled?.Free();
        _spilled = null;
    }

    private void ReleaseBuffer()
    {
        Free(_buffer);
        _buffer = [];
        _start = _end = 0;
    }

    private static void Free(byte[] buffer)
    {
        if (buffer.Length > 0)
        {
            LargeBuffers.Return(buffer);
        }
    }

    private async ValueTask SendLongAsync(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        while (true)
        {
            var length = (int)Math.Min(PacketLimits.MaxPayload, (long)head.Length + body.Length);
            new PacketHeader(length, _sequence++).Write(_header);
            await _stream.WriteAsync(_header, cancellationToken).ConfigureAwait(false);
            var fromHead = Math.Min(length, head.Length);
            if (fromHead > 0)
            {
                await _stream.WriteAsync(head[..fromHead], cancellationToken).ConfigureAwait(false);
                head = head[fromHead..];
            }

            var fromBody = length - fromHead;
            if (fromBody > 0)
            {
                await _stream.WriteAsync(body[..fromBody], cancellationToken).ConfigureAwait(false);
                body = body[fromBody..];
            }

            // A full last packet is followed by an empty one.
            if (length < PacketLimits.MaxPayload)
            {
                return;
            }
        }
    }

    private sealed class GivenBuffer(byte[] buffer) : IDisposable
    {
        private byte[]? _buffer = buffer;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _buffer, null) is { } given)
            {
                LargeBuffers.Return(given);
            }
        }
    }
}
