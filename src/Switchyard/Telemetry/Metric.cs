using System.Collections.Concurrent;

namespace Switchyard.Telemetry;

/// <summary>One instrument and its series. A measurement with tags seen lately finds its series without allocation.</summary>
internal sealed class Metric(string name, string help, string type, bool isObservable, Func<string, MetricSeries> make)
{
    /// <summary>Series kept; more tags than this go to one series, so that a mistake in a tag cannot eat the memory.</summary>
    private const int MaxSeries = 2000;

    /// <summary>Sets of tags compared one by one before labels are built; instruments of the hot path have fewer.</summary>
    private const int MaxRecent = 32;

    private const string OverflowLabels = "otel_metric_overflow=\"true\"";
    private volatile Recent[] _recent = [];

    public string Name { get; } = name;

    public string Help { get; } = help;

    public string Type { get; } = type;

    public bool IsObservable { get; } = isObservable;

    public ConcurrentDictionary<string, MetricSeries> Series { get; } = new(StringComparer.Ordinal);

    public MetricSeries Find(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var recent = _recent;
        foreach (var entry in recent)
        {
            if (entry.Matches(tags))
            {
                return entry.Series;
            }
        }

        var labels = PrometheusText.Labels(tags);
        if (!Series.TryGetValue(labels, out var series))
        {
            labels = Series.Count < MaxSeries ? labels : OverflowLabels;
            series = Series.GetOrAdd(labels, make);
        }

        if (recent.Length < MaxRecent)
        {
            // A race loses one entry, which the next measurement adds again.
            _recent = [.. recent, new Recent(tags.ToArray(), series)];
        }

        return series;
    }

    public void Clear()
    {
        Series.Clear();
        _recent = [];
    }

    private sealed class Recent(KeyValuePair<string, object?>[] tags, MetricSeries series)
    {
        public MetricSeries Series { get; } = series;

        public bool Matches(ReadOnlySpan<KeyValuePair<string, object?>> others)
        {
            if (others.Length != tags.Length)
            {
                return false;
            }

            for (var i = 0; i < tags.Length; i++)
            {
                if (!string.Equals(tags[i].Key, others[i].Key, StringComparison.Ordinal) || !Equals(tags[i].Value, others[i].Value))
                {
                    return false;
                }
            }

            return true;
        }
    }
}
