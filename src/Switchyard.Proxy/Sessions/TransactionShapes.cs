using System.Collections.Concurrent;
using System.Collections.Immutable;
using Switchyard.Sql;

namespace Switchyard.Proxy.Sessions;

/// <summary>Which statement shapes ran together in one transaction, and how often. Bounded: what was seen longest ago is forgotten.</summary>
internal sealed class TransactionShapes(TimeProvider time)
{
    private const int Capacity = 1024;
    private readonly ConcurrentDictionary<long, Together> _transactions = new();
    private int _count;

    public IEnumerable<Together> All => _transactions.Values;

    /// <summary>A transaction of these shapes has ended.</summary>
    public void Note(ReadOnlySpan<ShapeUse.InSchema> shapes)
    {
        // The order does not matter. Two sets of shapes with one sum would be counted as one, which at 64 bits nobody will see.
        long key = 0;
        foreach (var shape in shapes)
        {
            // Spread over all bits before they are added: sums of small numbers meet too often.
            var hash = unchecked((ulong)(uint)System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(shape) * 0x9E3779B97F4A7C15);
            hash ^= hash >> 32;
            key = unchecked(key + (long)(hash * 0xD6E8FEB86659FD93));
        }

        if (_transactions.TryGetValue(key, out var known))
        {
            known.Count++;
            known.LastSeen = time.GetUtcNow();
        }
        else if (Volatile.Read(ref _count) < Capacity && _transactions.TryAdd(key, new Together([.. shapes]) { Count = 1, LastSeen = time.GetUtcNow() }))
        {
            Interlocked.Increment(ref _count);
        }
    }

    /// <summary>Makes room for new ones when there is none left. One caller at a time.</summary>
    public void Tidy()
    {
        if (Volatile.Read(ref _count) < Capacity)
        {
            return;
        }

        foreach (var old in _transactions.OrderBy(t => t.Value.LastSeen).Take(Capacity / 2).ToList())
        {
            if (_transactions.TryRemove(old))
            {
                Interlocked.Decrement(ref _count);
            }
        }
    }

    /// <summary>One set of shapes.</summary>
    internal sealed class Together(ImmutableArray<ShapeUse.InSchema> shapes)
    {
        public ImmutableArray<ShapeUse.InSchema> Shapes => shapes;

        public long Count { get; set; }

        public DateTimeOffset LastSeen { get; set; }
    }
}
