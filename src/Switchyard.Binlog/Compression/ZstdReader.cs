using System.Buffers;
using System.Runtime.InteropServices;
using Switchyard.Client;
using Switchyard.Wire.Compression;

namespace Switchyard.Binlog.Compression;

/// <summary>
/// Decompresses a zstd payload piece by piece: memory is the decoder's window plus what the caller asks for, whatever the payload's size.
/// </summary>
internal sealed class ZstdReader : IDisposable
{
    // The payload's beginning is let go of in parts of this size.
    private const int ReleasedBytes = 1024 * 1024;

    private readonly ReadOnlyMemory<byte> _payload;
    private readonly MemoryHandle _pin;
    private readonly int _size;
    private int _released;
    private nint _stream;
    private nuint _position;

    internal ZstdReader(ReadOnlyMemory<byte> payload)
    {
        _stream = Zstd.CreateStream();
        if (_stream == 0)
        {
            throw new InvalidOperationException("libzstd could not create a decompression stream: out of memory.");
        }

        _payload = payload;
        _pin = payload.Pin();
        _size = payload.Length;
    }

    /// <summary>Fills the buffer completely, or returns how much there was before the end.</summary>
    internal unsafe int Read(Span<byte> buffer)
    {
        ObjectDisposedException.ThrowIf(_stream == 0, this);
        fixed (byte* destination = buffer)
        {
            var output = new Zstd.OutBuffer { Destination = destination, Size = (nuint)buffer.Length };
            while (output.Position < output.Size)
            {
                var before = (output.Position, _position);
                var input = new Zstd.InBuffer { Source = _pin.Pointer, Size = (nuint)_size, Position = _position };
                var code = Zstd.Decompress(_stream, ref output, ref input);
                _position = input.Position;
                if (Zstd.IsError(code) != 0)
                {
                    throw new BinlogFormatException($"A compressed transaction cannot be opened: {Marshal.PtrToStringUTF8(Zstd.ErrorName(code))}.");
                }

                if (before == (output.Position, _position))
                {
                    break;
                }
            }

            if ((int)_position - _released > ReleasedBytes)
            {
                SpilledBytes.Release(_payload[_released..(int)_position]);
                _released = (int)_position;
            }

            return (int)output.Position;
        }
    }

    public void Dispose()
    {
        if (_stream != 0)
        {
            _ = Zstd.FreeStream(_stream);
            _stream = 0;
            _pin.Dispose();
        }
    }
}
