namespace Switchyard.Proxy.Shadow;

/// <summary>Durations in classes of 9 % each, from a microsecond on. Not safe for several threads.</summary>
internal sealed class LatencyHistogram
{
    private const int PerOctave = 8;
    private const int Octaves = 32;
    private readonly int[] _counts = new int[PerOctave * Octaves];
    private long _total;

    public void Add(TimeSpan duration)
    {
        var place = (int)(Math.Log2(Math.Max(1, duration.TotalMicroseconds)) * PerOctave);
        _counts[Math.Min(place, _counts.Length - 1)]++;
        _total++;
    }

    /// <summary>The duration that 99 % do not exceed, seconds, by the upper end of its class; 0 when there are none.</summary>
    public double P99()
    {
        var beyond = _total / 100;
        for (var i = _counts.Length - 1; i >= 0; i--)
        {
            beyond -= _counts[i];
            if (beyond < 0)
            {
                return Math.Pow(2, (i + 1) / (double)PerOctave) / 1e6;
            }
        }

        return 0;
    }
}
