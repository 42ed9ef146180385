using System.Buffers;
using System.Buffers.Binary;

namespace Switchyard.Wire;

/// <summary>
/// Writes the protocol's basic data types into one growing buffer taken from a pool. Dispose gives the buffer back; spans and
/// memory handed out are then invalid, as they are after any further write. Not thread-safe.
/// </summary>
public sealed class PayloadWriter : IBufferWriter<byte>, IDisposable
{
    private const int DefaultCapacity = 256;
    private byte[] _buffer;
    private int _length;

    public PayloadWriter(int capacity = DefaultCapacity) => _buffer = LargeBuffers.Rent(capacity);

    /// <summary>Bytes written since creation or the last <see cref="Reset"/>.</summary>
    public int Length => _length;

    public ReadOnlySpan<byte> WrittenSpan => _buffer.AsSpan(0, _length);

    public ReadOnlyMemory<byte> WrittenMemory => _buffer.AsMemory(0, _length);

    /// <summary>The bytes written so far, to patch what was reserved with <see cref="WriteZeros"/>.</summary>
    public Span<byte> MutableSpan => _buffer.AsSpan(0, _length);

    /// <summary>Bytes the buffer can hold without growing.</summary>
    public int Capacity => _buffer.Length;

    /// <summary>Forgets everything written; keeps the buffer.</summary>
    public void Reset() => _length = 0;

    /// <summary>Forgets everything written, and the buffer too if it has grown past <paramref name="keep"/> bytes.</summary>
    public void Reset(int keep)
    {
        _length = 0;
        if (_buffer.Length > keep)
        {
            LargeBuffers.Return(_buffer);
            _buffer = LargeBuffers.Rent(Math.Min(keep, DefaultCapacity));
        }
    }

    public void WriteByte(byte value) => Take(1)[0] = value;

    public void WriteUInt16(ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(Take(2), value);

    public void WriteUInt24(uint value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 0xFFFFFFu);
        var span = Take(3);
        span[0] = (byte)value;
        span[1] = (byte)(value >> 8);
        span[2] = (byte)(value >> 16);
    }

    public void WriteUInt32(uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Take(4), value);

    public void WriteUInt48(ulong value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, 0xFFFF_FFFF_FFFFul);
        var span = Take(6);
        BinaryPrimitives.WriteUInt32LittleEndian(span, (uint)value);
        BinaryPrimitives.WriteUInt16LittleEndian(span[4..], (ushort)(value >> 32));
    }

    public void WriteUInt64(ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(Take(8), value);

    public void WriteLengthEncodedInteger(ulong value)
    {
        switch (value)
        {
            case < 0xFB:
                WriteByte((byte)value);
                break;
            case <= 0xFFFF:
                WriteByte(0xFC);
                WriteUInt16((ushort)value);
                break;
            case <= 0xFFFFFF:
                WriteByte(0xFD);
                WriteUInt24((uint)value);
                break;
            default:
                WriteByte(0xFE);
                WriteUInt64(value);
                break;
        }
    }

    public void WriteLengthEncodedBytes(ReadOnlySpan<byte> bytes)
    {
        WriteLengthEncodedInteger((ulong)bytes.Length);
        WriteBytes(bytes);
    }

    /// <summary>The NULL of a text row.</summary>
    public void WriteLengthEncodedNull() => WriteByte(0xFB);

    /// <exception cref="ArgumentException">The bytes contain a zero, which would end the string early.</exception>
    public void WriteNullTerminatedBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Contains((byte)0))
        {
            throw new ArgumentException("A zero-terminated string cannot contain a zero byte.", nameof(bytes));
        }

        WriteBytes(bytes);
        WriteByte(0);
    }

    public void WriteBytes(ReadOnlySpan<byte> bytes) => bytes.CopyTo(Take(bytes.Length));

    public void WriteZeros(int count) => Take(count).Clear();

    /// <summary>Writes text as UTF-8, without length or terminator.</summary>
    public void WriteText(ReadOnlySpan<char> text)
    {
        var span = GetSpan(System.Text.Encoding.UTF8.GetMaxByteCount(text.Length));
        _length += System.Text.Encoding.UTF8.GetBytes(text, span);
    }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _buffer.Length - _length);
        _length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer.AsSpan(_length);
    }

    public void Dispose()
    {
        var buffer = _buffer;
        _buffer = [];
        _length = 0;
        if (buffer.Length > 0)
        {
            LargeBuffers.Return(buffer);
        }
    }

    private Span<byte> Take(int count)
    {
        Reserve(count);
        var span = _buffer.AsSpan(_length, count);
        _length += count;
        return span;
    }

    private void Reserve(int count)
    {
        if (count <= _buffer.Length - _length)
        {
            return;
        }

        var wanted = Math.Max(checked(_length + count), LargeBuffers.Grown(_buffer.Length));
        var grown = LargeBuffers.Rent(Math.Max(wanted, DefaultCapacity));
        _buffer.AsSpan(0, _length).CopyTo(grown);
        if (_buffer.Length > 0)
        {
            LargeBuffers.Return(_buffer);
        }

        _buffer = grown;
    }
}
