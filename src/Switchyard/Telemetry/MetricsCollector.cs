using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;

namespace Switchyard.Telemetry;

/// <summary>Listens to our meters and the runtime's, and prints them for Prometheus.</summary>
internal sealed class MetricsCollector : IDisposable
{
    private readonly ConcurrentDictionary<string, Metric> _metrics = new(StringComparer.Ordinal);
    private readonly MeterListener _listener = new();
    private readonly Lock _writing = new();

    public MetricsCollector()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith("Switchyard", StringComparison.Ordinal) || instrument.Meter.Name == "System.Runtime")
            {
                listener.EnableMeasurementEvents(instrument, GetMetric(instrument));
            }
        };
        Listen<byte>(value => value);
        Listen<short>(value => value);
        Listen<int>(value => value);
        Listen<long>(value => value);
        Listen<float>(value => value);
        Listen<double>(value => value);
        Listen<decimal>(value => (double)value);
        _listener.Start();
    }

    public string Write()
    {
        // One reader must not clear what is about to be printed for another.
        lock (_writing)
        {
            return WriteNow();
        }
    }

    private string WriteNow()
    {
        // Observable instruments report what there is now: what is gone must not be repeated.
        foreach (var metric in _metrics.Values.Where(metric => metric.IsObservable))
        {
            metric.Clear();
        }

        _listener.RecordObservableInstruments();
        var output = new StringBuilder(4096);
        foreach (var metric in _metrics.Values.OrderBy(metric => metric.Name, StringComparer.Ordinal))
        {
            if (metric.Series.IsEmpty)
            {
                continue;
            }

            output.Append("# HELP ").Append(metric.Name).Append(' ').Append(PrometheusText.HelpText(metric.Help)).Append('\n');
            output.Append("# TYPE ").Append(metric.Name).Append(' ').Append(metric.Type).Append('\n');
            foreach (var series in metric.Series.OrderBy(series => series.Key, StringComparer.Ordinal))
            {
                series.Value.Write(output, metric.Name);
            }
        }

        return output.ToString();
    }

    public void Dispose() => _listener.Dispose();

    private static bool IsKind(Instrument instrument, Type kind) =>
        instrument.GetType() is { IsGenericType: true } type && type.GetGenericTypeDefinition() == kind;

    private static (string Type, Func<string, MetricSeries> Make) Describe(Instrument instrument)
    {
        if (IsKind(instrument, typeof(Histogram<>)))
        {
            var bounds = Bounds(instrument);
            return ("histogram", labels => new HistogramSeries(labels, bounds));
        }

        return IsKind(instrument, typeof(Counter<>)) ? ("counter", labels => new SumSeries(labels))
            : IsKind(instrument, typeof(ObservableCounter<>)) ? ("counter", labels => new LastSeries(labels))
            : IsKind(instrument, typeof(UpDownCounter<>)) ? ("gauge", labels => new SumSeries(labels))
            : ("gauge", labels => new LastSeries(labels));
    }

    private static IReadOnlyList<double> Bounds(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => bounds,
        Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(bound => (double)bound)],
        Histogram<int> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(bound => (double)bound)],
        _ => HistogramSeries.DefaultBounds,
    };

    private void Listen<T>(Func<T, double> convert)
        where T : struct => _listener.SetMeasurementEventCallback<T>((_, value, tags, state) =>
    {
        if (state is Metric metric)
        {
            metric.Find(tags).Record(convert(value));
        }
    });

    private Metric GetMetric(Instrument instrument)
    {
        var (type, make) = Describe(instrument);
        var name = PrometheusText.MetricName(instrument.Name, instrument.Unit, type == "counter");
        return _metrics.GetOrAdd(name, _ => new Metric(name, instrument.Description ?? instrument.Name, type, instrument.IsObservable, make));
    }
}
