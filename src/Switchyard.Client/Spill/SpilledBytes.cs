using System.Buffers;
using System.Runtime.InteropServices;

namespace Switchyard.Client;

/// <summary>
/// Bytes of a <see cref="SpillFile"/> as memory like any other. What is looked at becomes resident until it is released: whoever goes through a long value does it in steps, and
/// releases each. A span must not outlive the last reference to this object or to memory of it.
/// </summary>
public sealed class SpilledBytes : MemoryManager<byte>
{
    private const int StepBytes = 1024 * 1024;

    private readonly FileMapping _mapping;
    private readonly int _length;

    internal SpilledBytes(FileMapping mapping, int length)
    {
        _mapping = mapping;
        _length = length;
    }

    /// <summary>Bytes of all that are not free yet.</summary>
    public static long TotalBytes => FileMapping.TotalBytes;

    /// <summary>The whole of it.</summary>
    public override Memory<byte> Memory => CreateMemory(_length);

    /// <summary>Whether memory is of a <see cref="SpillFile"/>, and lasts as long as something refers to it.</summary>
    public static bool Hold(ReadOnlyMemory<byte> memory) => MemoryMarshal.TryGetMemoryManager<byte, SpilledBytes>(memory, out _);

    /// <summary>Cuts the next piece to be looked at off the front of a value.</summary>
    public static ReadOnlyMemory<byte> TakeStep(ref ReadOnlyMemory<byte> rest)
    {
        var step = rest[..Math.Min(rest.Length, StepBytes)];
        rest = rest[step.Length..];
        return step;
    }

    /// <summary>Says that these bytes, if they are spilled ones, have been looked at and need not be resident.</summary>
    public static void Release(ReadOnlyMemory<byte> seen)
    {
        if (MemoryMarshal.TryGetMemoryManager<byte, SpilledBytes>(seen, out var spilled, out var start, out var length) && length > 0 && !spilled._mapping.IsClosed)
        {
            spilled._mapping.Release(start, length);
        }
    }

    public override Span<byte> GetSpan()
    {
        ObjectDisposedException.ThrowIf(_mapping.IsClosed, this);
        return _mapping.Span;
    }

    public override unsafe MemoryHandle Pin(int elementIndex = 0)
    {
        var added = false;
        _mapping.DangerousAddRef(ref added);
        fixed (byte* start = _mapping.Span)
        {
            return new MemoryHandle(start + elementIndex, default, this);
        }
    }

    public override void Unpin() => _mapping.DangerousRelease();

    /// <summary>Frees it at once, when nobody looks at it any more.</summary>
    public void Free() => Dispose(disposing: true);

    protected override void Dispose(bool disposing) => _mapping.Dispose();
}
