using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Switchyard.Wire;

/// <summary>Reads the protocol's basic data types from a payload, front to back, without copying.</summary>
/// <remarks>Every method throws <see cref="MalformedPacketException"/>, and nothing else, when the payload is too short or malformed.</remarks>
public ref struct PayloadReader(ReadOnlySpan<byte> payload)
{
    private readonly ReadOnlySpan<byte> _payload = payload;
    private int _position;

    /// <summary>Bytes read so far.</summary>
    public readonly int Position => _position;

    /// <summary>Bytes not read yet.</summary>
    public readonly int Remaining => _payload.Length - _position;

    public readonly bool IsAtEnd => _position == _payload.Length;

    /// <summary>The next byte, which stays unread.</summary>
    public readonly byte Peek()
    {
        if (_position >= _payload.Length)
        {
            ThrowTooShort(1);
        }

        return _payload[_position];
    }

    public byte ReadByte()
    {
        if (_position >= _payload.Length)
        {
            ThrowTooShort(1);
        }

        return _payload[_position++];
    }

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(ReadBytes(2));

    public uint ReadUInt24()
    {
        var bytes = ReadBytes(3);
        return (uint)(bytes[0] | (bytes[1] << 8) | (bytes[2] << 16));
    }

    public uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(ReadBytes(4));

    public ulong ReadUInt48()
    {
        var bytes = ReadBytes(6);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes) | ((ulong)BinaryPrimitives.ReadUInt16LittleEndian(bytes[4..]) << 32);
    }

    public ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(ReadBytes(8));

    /// <summary>An integer of 1, 3, 4 or 9 bytes. The markers 0xFB (NULL) and 0xFF (error) are malformed here.</summary>
    public ulong ReadLengthEncodedInteger()
    {
        var first = ReadByte();
        return first switch
        {
            < 0xFB => first,
            0xFC => ReadUInt16(),
            0xFD => ReadUInt24(),
            0xFE => ReadUInt64(),
            _ => throw new MalformedPacketException($"A length-encoded integer starts with 0x{first:X2} at byte {_position - 1} of {_payload.Length}."),
        };
    }

    public ReadOnlySpan<byte> ReadLengthEncodedBytes()
    {
        var length = ReadLengthEncodedInteger();
        if (length > (ulong)Remaining)
        {
            ThrowTooShort(length);
        }

        return ReadBytes((int)length);
    }

    /// <summary>A value of a text row: false for NULL (0xFB).</summary>
    public bool TryReadLengthEncodedBytes(out ReadOnlySpan<byte> bytes)
    {
        if (Peek() == 0xFB)
        {
            _position++;
            bytes = default;
            return false;
        }

        bytes = ReadLengthEncodedBytes();
        return true;
    }

    /// <summary>Bytes up to a zero byte, which is consumed and not returned.</summary>
    public ReadOnlySpan<byte> ReadNullTerminatedBytes()
    {
        var length = _payload[_position..].IndexOf((byte)0);
        if (length < 0)
        {
            throw new MalformedPacketException($"A zero-terminated string starting at byte {_position} of {_payload.Length} has no end.");
        }

        var bytes = _payload.Slice(_position, length);
        _position += length + 1;
        return bytes;
    }

    /// <summary>Bytes up to a zero byte or, as some peers leave out the last one, up to the end of the payload.</summary>
    public ReadOnlySpan<byte> ReadNullTerminatedBytesOrRest() =>
        _payload[_position..].Contains((byte)0) ? ReadNullTerminatedBytes() : ReadRest();

    public ReadOnlySpan<byte> ReadBytes(int count)
    {
        if ((uint)count > (uint)Remaining)
        {
            ThrowTooShort((ulong)count);
        }

        var bytes = _payload.Slice(_position, count);
        _position += count;
        return bytes;
    }

    public ReadOnlySpan<byte> ReadRest()
    {
        var bytes = _payload[_position..];
        _position = _payload.Length;
        return bytes;
    }

    public void Skip(int count) => ReadBytes(count);

    [DoesNotReturn]
    private readonly void ThrowTooShort(ulong wanted) =>
        throw new MalformedPacketException($"The payload of {_payload.Length} bytes ends at byte {_position} where {wanted} more should follow.");
}
