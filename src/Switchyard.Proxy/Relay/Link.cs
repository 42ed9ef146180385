using System.Runtime.CompilerServices;
using Switchyard.Proxy.Sockets;
using Switchyard.Wire;

namespace Switchyard.Proxy.Relay;

/// <summary>
/// One end of a session: a stream and one pooled block that holds what was read and not yet used. The block is rented when bytes are
/// there and given back when none are, so that a session that waits holds next to no memory. One user at a time.
/// </summary>
internal sealed class Link(Stream stream) : IAsyncDisposable
{
    /// <summary>First block rented: most commands and answers fit.</summary>
    public const int SmallBlock = 16 * 1024;

    /// <summary>Block for the rest of an answer that filled the small one: measured no gain above.</summary>
    private const int LargeBlock = 128 * 1024;

    /// <summary>What a waiting client keeps: enough for most commands, and 10,000 of them are 5 MB.</summary>
    private const int RestingBlock = 512;

    private byte[]? _block;
    private byte[]? _resting;
    private int _start;
    private int _end;

    public Stream Stream { get; private set; } = stream;

    /// <summary>Bytes consumed so far. Other threads may read it.</summary>
    public long ReceivedBytes { get; private set; }

    /// <summary>Bytes written so far. Other threads may read it.</summary>
    public long SentBytes { get; private set; }

    /// <summary>Bytes read and not yet consumed; valid until the next call that reads or consumes.</summary>
    public ReadOnlySpan<byte> Buffered => _block.AsSpan(_start, _end - _start);

    public int BufferedLength => _end - _start;

    /// <summary>The same bytes for writing on, or patching in place.</summary>
    public Memory<byte> BufferedMemory => _block.AsMemory(_start, _end - _start);

    /// <summary>
    /// Whether <see cref="EnsureAsync"/> may buffer more than it was asked for. Off while a client may still ask for TLS: it sends the first bytes of
    /// the handshake right behind its request, and those are the next stream's to read.
    /// </summary>
    public bool ReadsAhead { get; set; } = true;

    /// <summary>Continues over another stream (TLS or compression on top of the first); nothing may be buffered.</summary>
    public void Upgrade(Stream stream)
    {
        if (_start != _end)
        {
            throw new SessionProtocolException("Bytes came ahead of what they must follow: the TLS handshake, or the answer to the login.");
        }

        Stream = stream;
    }

    /// <summary>A block is held, with bytes in it or without.</summary>
    public bool HoldsBlock => _block is not null;

    /// <summary>
    /// Waits, holding no pooled block, until bytes can be read or the peer has closed. Whoever has the result hands it to <see cref="Received"/>. A
    /// plain connection reads into the few bytes it keeps: they hold the command until it is answered, and many sessions that wait for their
    /// answers take no pooled blocks, which would be cold by the time they are used again.
    /// </summary>
    public ValueTask<int> WaitForCommandAsync(CancellationToken cancellationToken)
    {
        if (_start != _end)
        {
            return ValueTask.FromResult(0);
        }

        ReleaseBlock();
        if (Stream is not LoopSocket)
        {
            return WaitReadableAsync(cancellationToken);
        }

        _block = _resting ??= new byte[RestingBlock];
        return Stream.ReadAsync(_block, cancellationToken);
    }

    /// <summary>Waits until bytes can be read or the peer has closed.</summary>
    public ValueTask<int> WaitReadableAsync(CancellationToken cancellationToken) => Stream.ReadAsync(Memory<byte>.Empty, cancellationToken);

    /// <summary>Reads what there is, at least one byte; false when the peer has closed.</summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        MakeRoom(1);
        var read = await Stream.ReadAsync(_block.AsMemory(_end), cancellationToken);
        _end += read;
        return read > 0;
    }

    /// <summary>
    /// Begins to read what there is behind what is buffered, with room for this many bytes together. Whoever has the result hands it to
    /// <see cref="Received"/>: so a read costs no method of its own that waits.
    /// </summary>
    public ValueTask<int> ReceiveAsync(int atLeast, CancellationToken cancellationToken)
    {
        MakeRoom(atLeast - BufferedLength);
        return Stream.ReadAsync(_block.AsMemory(_end), cancellationToken);
    }

    /// <summary>Takes over what <see cref="ReceiveAsync"/> has read; nothing when the peer has closed.</summary>
    public void Received(int count) => _end += count;

    /// <summary>Reads until <paramref name="count"/> bytes are buffered together; false when the peer closed before.</summary>
    public ValueTask<bool> EnsureAsync(int count, CancellationToken cancellationToken) =>
        _end - _start >= count ? ValueTask.FromResult(true) : EnsureSlowAsync(count, cancellationToken);

    /// <summary>Forgets the first bytes buffered, and the block when none are left and it is an unusual one.</summary>
    public void Consume(int count)
    {
        ReceivedBytes += count;
        _start += count;
        if (_start == _end)
        {
            _start = 0;
            _end = 0;
            if (_block is { Length: > LargeBlock })
            {
                ReleaseBlock();
            }
        }
    }

    /// <summary>Takes bytes out of the middle of what is buffered.</summary>
    public void Remove(int at, int count)
    {
        ReceivedBytes += count;
        Buffered[(at + count)..].CopyTo(_block.AsSpan(_start + at));
        _end -= count;
    }

    /// <summary>Gives the block back if it holds nothing.</summary>
    public void ReleaseBlock()
    {
        if (_block is { } block && _start == _end)
        {
            _block = null;
            _start = 0;
            _end = 0;
            Return(block);
        }
    }

    /// <summary>Uses a large block from here on, for an answer that has shown to be large.</summary>
    public void UseLargeBlock()
    {
        if (_block is null || _block.Length < LargeBlock)
        {
            Move(LargeBlock);
        }
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        SentBytes += bytes.Length;
        return Stream.WriteAsync(bytes, cancellationToken);
    }

    /// <summary>Closes the stream; a closing that fails is of no interest any more.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await Stream.DisposeAsync();
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or System.Net.Sockets.SocketException)
        {
        }
    }

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private async ValueTask<bool> EnsureSlowAsync(int count, CancellationToken cancellationToken)
    {
        while (_end - _start < count)
        {
            var missing = count - (_end - _start);
            MakeRoom(missing);
            var read = await Stream.ReadAsync(ReadsAhead ? _block.AsMemory(_end) : _block.AsMemory(_end, missing), cancellationToken);
            if (read == 0)
            {
                return false;
            }

            _end += read;
        }

        return true;
    }

    private void MakeRoom(int count)
    {
        if (_block is null)
        {
            _block = LargeBuffers.Rent(Math.Max(count, SmallBlock));
            return;
        }

        if (_block.Length - _end >= count && (_end < _block.Length))
        {
            return;
        }

        var held = _end - _start;
        if (_start > 0 && _block.Length - held >= count)
        {
            _block.AsSpan(_start, held).CopyTo(_block);
            _start = 0;
            _end = held;
            return;
        }

        // What comes in several packets does not tell how long it is: each time twice the room, or each would have all before it copied.
        var most = count > PacketLimits.MaxPayload / 2 ? Array.MaxLength : held + count + LargeBlock;
        Move(Math.Max(SmallBlock, Math.Max(checked(held + count), (int)Math.Min(_block.Length * 2L, most))));
    }

    private void Move(int size)
    {
        var held = _end - _start;
        var block = LargeBuffers.Rent(size);
        Buffered.CopyTo(block);
        if (_block is not null)
        {
            Return(_block);
        }

        _block = block;
        _start = 0;
        _end = held;
    }

    private void Return(byte[] block)
    {
        if (block != _resting)
        {
            LargeBuffers.Return(block);
        }
    }
}
