namespace Switchyard.Replication.Keys;

/// <summary>Copied ranges of a table whose key order is known here: sorted, neighbours joined, so a lookup is one binary search.</summary>
internal sealed class RangeSet
{
    private readonly List<KeyRange> _ranges = [];

    public int Count => _ranges.Count;

    public bool Contains(ReadOnlySpan<byte> encoded)
    {
        // The last range whose lower bound is below the key.
        int low = 0, high = _ranges.Count - 1, found = -1;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (_ranges[middle].Lower is not { } lower || lower.Encoded.AsSpan().SequenceCompareTo(encoded) < 0)
            {
                found = middle;
                low = middle + 1;
            }
            else
            {
                high = middle - 1;
            }
        }

        return found >= 0 && _ranges[found].Contains(encoded);
    }

    public void Add(KeyRange range)
    {
        if (range.IsEmpty)
        {
            // It holds no key, and beside a range with the same lower bound it would hide that one from the search.
            return;
        }

        var index = 0;
        while (index < _ranges.Count && CompareLower(_ranges[index], range) < 0)
        {
            index++;
        }

        if (index > 0 && Meet(_ranges[index - 1], range))
        {
            range = new KeyRange(_ranges[index - 1].Lower, range.Upper);
            _ranges.RemoveAt(--index);
        }

        if (index < _ranges.Count && Meet(range, _ranges[index]))
        {
            range = new KeyRange(range.Lower, _ranges[index].Upper);
            _ranges.RemoveAt(index);
        }

        _ranges.Insert(index, range);
    }

    private static bool Meet(KeyRange left, KeyRange right) =>
        left.Upper is not null && right.Lower is not null && left.Upper.Encoded.AsSpan().SequenceEqual(right.Lower.Encoded);

    private static int CompareLower(KeyRange left, KeyRange right) => (left.Lower, right.Lower) switch
    {
        (null, null) => 0,
        (null, _) => -1,
        (_, null) => 1,
        var (a, b) => a.Encoded.AsSpan().SequenceCompareTo(b.Encoded),
    };
}
