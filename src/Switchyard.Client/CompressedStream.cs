using System.Buffers;
using Switchyard.Wire;
using Switchyard.Wire.Compression;

namespace Switchyard.Client;

/// <summary>
/// The stream of packets as it is before compression, over a connection that is compressed. Either end's. Holds buffers only while there is
/// something to read that the caller has not taken. One reader and one writer at a time.
/// </summary>
/// <remarks>
/// A read takes from one compressed packet at most and begins another only when the one before is used up: so the number of the last packet
/// read is that of the command being answered, however far ahead the peer has sent.
/// </remarks>
public sealed class CompressedStream(Stream inner, CompressionKind kind, int level) : Stream
{
    /// <summary>Contents of one compressed packet written: more would cost memory and win little.</summary>
    private const int MaxChunk = 256 * 1024;

    private readonly byte[] _header = new byte[CompressedHeader.Size];
    private byte[]? _opened;
    private int _start;
    private int _end;

    /// <summary>Bytes of a packet sent as it is that are still on the connection.</summary>
    private int _plain;
    private byte _next;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>For the end that sends commands: packet numbers count from zero again.</summary>
    public void BeginCommand() => _next = 0;

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_start == _end && _plain == 0)
        {
            if (buffer.IsEmpty)
            {
                return await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            }

            if (!await ReadPacketAsync(cancellationToken).ConfigureAwait(false))
            {
                return 0;
            }
        }

        if (_plain > 0)
        {
            if (buffer.IsEmpty)
            {
                return await inner.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            }

            var read = await inner.ReadAsync(buffer[..Math.Min(buffer.Length, _plain)], cancellationToken).ConfigureAwait(false);
            _plain -= read;
            return read > 0 ? read : throw new EndOfStreamException("The connection ended within a packet.");
        }

        var taken = Math.Min(buffer.Length, _end - _start);
        _opened.AsSpan(_start, taken).CopyTo(buffer.Span);
        _start += taken;
        if (_start == _end)
        {
            Release();
        }

        return taken;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            var chunk = buffer[..Math.Min(buffer.Length, MaxChunk)];
            buffer = buffer[chunk.Length..];
            var packet = ArrayPool<byte>.Shared.Rent(CompressedHeader.Size + chunk.Length);
            try
            {
                var length = Pack(chunk.Span, packet.AsSpan(0, CompressedHeader.Size + chunk.Length));
                await inner.WriteAsync(packet.AsMemory(0, length), cancellationToken).ConfigureAwait(false);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(packet);
            }
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override void Flush() => inner.Flush();

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override ValueTask DisposeAsync() => inner.DisposeAsync();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Begins on the next packet; false when the peer has closed in good order.</summary>
    private async ValueTask<bool> ReadPacketAsync(CancellationToken cancellationToken)
    {
        var got = await inner.ReadAtLeastAsync(_header, _header.Length, throwOnEndOfStream: false, cancellationToken).ConfigureAwait(false);
        if (got < _header.Length)
        {
            return got == 0 ? false : throw new EndOfStreamException("The connection ended within a packet.");
        }

        var header = CompressedHeader.Read(_header);

        // Zero begins a command, or is what a server says unasked before it hangs up.
        if (header.Sequence != _next && header.Sequence != 0)
        {
            throw new MalformedPacketException($"Compressed packet number {_next} was expected and number {header.Sequence} came.");
        }

        _next = (byte)(header.Sequence + 1);
        if (header.OpenedLength == 0)
        {
            _plain = header.Length;
            return true;
        }

        var packed = ArrayPool<byte>.Shared.Rent(header.Length);
        var opened = ArrayPool<byte>.Shared.Rent(header.OpenedLength);
        try
        {
            await inner.ReadExactlyAsync(packed.AsMemory(0, header.Length), cancellationToken).ConfigureAwait(false);
            PacketCompressor.Open(kind, packed.AsSpan(0, header.Length), opened.AsSpan(0, header.OpenedLength));
            (_opened, _start, _end) = (opened, 0, header.OpenedLength);
            return true;
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(opened);
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(packed);
        }
    }

    /// <summary>Writes header and contents, compressed if that makes them shorter; returns the length of both.</summary>
    private int Pack(ReadOnlySpan<byte> chunk, Span<byte> packet)
    {
        var body = packet[CompressedHeader.Size..];
        var length = PacketCompressor.Compress(kind, level, chunk, body[..^1]);
        if (length == 0)
        {
            chunk.CopyTo(body);
        }

        new CompressedHeader(length == 0 ? chunk.Length : length, _next++, length == 0 ? 0 : chunk.Length).Write(packet);
        return CompressedHeader.Size + (length == 0 ? chunk.Length : length);
    }

    private void Release()
    {
        ArrayPool<byte>.Shared.Return(_opened!);
        _opened = null;
        _start = _end = 0;
    }
}
