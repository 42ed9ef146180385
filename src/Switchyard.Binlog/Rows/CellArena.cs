namespace Switchyard.Binlog;

/// <summary>Memory for the formatted cells of rows: chunks that never move, so that cells can point into them.</summary>
internal sealed class CellArena(long estimate)
{
    private const int MinChunk = 128;
    private const int MaxChunk = 64 * 1024;

    // Values that need no formatting are not in it, and there may be no others but a key: it begins small and doubles, since what is not used waits in the queue with the rest.
    private int _chunkSize = (int)Math.Clamp(estimate / 16, MinChunk, MaxChunk);
    private byte[] _chunk = [];
    private int _used;

    /// <summary>Room for a value of at most so many bytes; <see cref="Commit"/> keeps what was written.</summary>
    internal Span<byte> Reserve(int max)
    {
        if (_chunk.Length - _used < max)
        {
            _chunk = GC.AllocateUninitializedArray<byte>(Math.Max(max, _chunkSize));
            _chunkSize = Math.Min(_chunkSize * 2, MaxChunk);
            _used = 0;
        }

        return _chunk.AsSpan(_used, max);
    }

    /// <summary>Begins again in the memory of now: what was committed before is not to be looked at any more.</summary>
    internal void Reset() => _used = 0;

    internal Cell Commit(int written)
    {
        var cell = new Cell(_chunk.AsMemory(_used, written));
        _used += written;
        return cell;
    }
}
