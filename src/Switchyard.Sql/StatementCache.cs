using System.Numerics;

namespace Switchyard.Sql;

/// <summary>Remembers what was said of statement shapes. Bounded; safe for any number of threads without a lock; a hit does not allocate.</summary>
/// <remarks>
/// An entry holds its shape's bytes and options and is used only when both are equal, so colliding hashes cost a miss and never a wrong answer.
/// A full set of ways gives up its entries in turn.
/// </remarks>
public sealed class StatementCache
{
    private const int Ways = 4;
    private readonly Entry?[] _entries;
    private readonly int _setMask;
    private int _turn;
    private long _hits;
    private long _misses;

    /// <summary>A cache of at most <paramref name="capacity"/> shapes, rounded up to a power of two; each takes at most about 10 KB, mostly far less.</summary>
    public StatementCache(int capacity = 4096)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(capacity, 1 << 20);
        var size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(capacity, Ways));
        _entries = new Entry?[size];
        _setMask = (size / Ways) - 1;
    }

    /// <summary>Texts answered from memory.</summary>
    public long Hits => Volatile.Read(ref _hits);

    /// <summary>Texts scanned, because they were new, or because their info depends on more than their shape.</summary>
    public long Misses => Volatile.Read(ref _misses);

    /// <summary>What <see cref="SqlScanner.Scan"/> says of the text.</summary>
    public StatementInfo GetOrScan(ReadOnlySpan<byte> sql, in ScanOptions options)
    {
        if (!SqlScanner.IsReadable(sql, options) || !StatementShape.TryRead(sql, options, out var shape))
        {
            _misses++;
            return SqlScanner.Scan(sql, options);
        }

        var hash = StatementShape.HashBytes(shape);
        var first = ((int)hash & _setMask) * Ways;
        for (var way = first; way < first + Ways; way++)
        {
            if (Volatile.Read(ref _entries[way]) is { } entry && entry.Hash == hash && entry.Options == options && shape.SequenceEqual(entry.Shape))
            {
                // Counts are for people: an increment lost to a race does no harm.
                _hits++;
                return entry.Info;
            }
        }

        _misses++;
        var info = SqlScanner.Scan(sql, options);
        if (info.DependsOnShapeOnly)
        {
            // The scan does not touch this thread's shape buffer.
            var kept = shape.ToArray();
            info.Use = info.Tables.IsEmpty && info.TablesKnown ? null : new ShapeUse(kept, info);
            Volatile.Write(ref _entries[Free(first)], new Entry(hash, options, kept, info));
        }

        return info;
    }

    /// <summary>How often each remembered shape that touches tables was run.</summary>
    public IEnumerable<ShapeUse> Uses
    {
        get
        {
            for (var i = 0; i < _entries.Length; i++)
            {
                if (Volatile.Read(ref _entries[i])?.Info.Use is { } use)
                {
                    yield return use;
                }
            }
        }
    }

    private int Free(int first)
    {
        for (var way = first; way < first + Ways; way++)
        {
            if (Volatile.Read(ref _entries[way]) is null)
            {
                return way;
            }
        }

        return first + (int)((uint)Interlocked.Increment(ref _turn) % Ways);
    }

    private sealed record Entry(ulong Hash, ScanOptions Options, byte[] Shape, StatementInfo Info);
}
