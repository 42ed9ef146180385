using System.Collections;

namespace Switchyard.Binlog;

/// <summary>Disjoint, joined, ascending intervals of transaction numbers, both ends included.</summary>
internal sealed class GtidIntervals : IReadOnlyCollection<(long First, long Last)>
{
    private readonly List<(long First, long Last)> _intervals = [];

    public int Count => _intervals.Count;

    public IEnumerator<(long First, long Last)> GetEnumerator() => _intervals.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal void Add(long first, long last)
    {
        // The usual case: the next number of the last interval.
        if (_intervals.Count > 0 && _intervals[^1] is var end && first == end.Last + 1)
        {
            _intervals[^1] = (end.First, last);
            return;
        }

        var at = _intervals.FindIndex(i => i.Last >= first - 1);
        if (at < 0)
        {
            _intervals.Add((first, last));
            return;
        }

        var until = at;
        while (until < _intervals.Count && _intervals[until].First <= last + 1)
        {
            first = Math.Min(first, _intervals[until].First);
            last = Math.Max(last, _intervals[until].Last);
            until++;
        }

        _intervals.RemoveRange(at, until - at);
        _intervals.Insert(at, (first, last));
    }

    internal bool Contains(long first, long last)
    {
        var at = _intervals.FindIndex(i => i.Last >= first);
        return at >= 0 && _intervals[at].First <= first && _intervals[at].Last >= last;
    }

    internal GtidIntervals Subtract(GtidIntervals other)
    {
        var result = new GtidIntervals();
        foreach (var (first, last) in _intervals)
        {
            var start = first;
            foreach (var hole in other._intervals.Where(o => o.Last >= first && o.First <= last))
            {
                if (hole.First > start)
                {
                    result.Add(start, hole.First - 1);
                }

                start = Math.Max(start, hole.Last + 1);
            }

            if (start <= last)
            {
                result.Add(start, last);
            }
        }

        return result;
    }
}
