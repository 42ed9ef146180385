using System.Buffers;

namespace Switchyard.Client;

/// <summary>Writes a value too long to hold into a <see cref="SpillFile"/>, through a buffer of 1 MB.</summary>
/// <param name="flushed">Called whenever the buffer was written out: what has been gone through for it need not be resident any longer.</param>
public sealed class SpillWriter(Action? flushed = null) : IBufferWriter<byte>, IDisposable
{
    private const int BufferBytes = 1024 * 1024;

    private readonly SpillFile _file = new();
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private int _used;

    /// <summary>Bytes written.</summary>
    public long Length => _file.Length + _used;

    /// <inheritdoc/>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - _used);
        _used += count;
    }

    /// <inheritdoc/>
    /// <exception cref="SpillException">The disk is full.</exception>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        MakeRoom(sizeHint);
        return _buffer.AsMemory(_used);
    }

    /// <inheritdoc cref="GetMemory"/>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        MakeRoom(sizeHint);
        return _buffer.AsSpan(_used);
    }

    /// <summary>What was written, as memory that lasts as long as something refers to it.</summary>
    /// <exception cref="SpillException">The disk is full.</exception>
    public SpilledBytes Complete()
    {
        Flush();
        return _file.Complete();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }
    }

    private void MakeRoom(int sizeHint)
    {
        if (_buffer.Length - _used >= Math.Max(sizeHint, 1))
        {
            return;
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizeHint, _buffer.Length);
        Flush();
    }

    private void Flush()
    {
        _file.Append(_buffer.AsSpan(0, _used));
        _used = 0;
        flushed?.Invoke();
    }
}
