using System.Text;

namespace Switchyard.Telemetry;

/// <summary>One instrument with one set of labels. Safe from any thread.</summary>
internal abstract class MetricSeries(string labels)
{
    protected string Labels { get; } = labels;

    public abstract void Record(double value);

    public abstract void Write(StringBuilder output, string name);
}

/// <summary>Counters and up-down counters.</summary>
internal sealed class SumSeries(string labels) : MetricSeries(labels)
{
    private double _sum;

    public override void Record(double value)
    {
        double before;
        do
        {
            before = Volatile.Read(ref _sum);
        }
        while (Interlocked.CompareExchange(ref _sum, before + value, before) != before);
    }

    public override void Write(StringBuilder output, string name) => PrometheusText.Line(output, name, Labels, Volatile.Read(ref _sum));
}

/// <summary>Gauges and everything observable: the last value counts.</summary>
internal sealed class LastSeries(string labels) : MetricSeries(labels)
{
    private double _last;

    public override void Record(double value) => Volatile.Write(ref _last, value);

    public override void Write(StringBuilder output, string name) => PrometheusText.Line(output, name, Labels, Volatile.Read(ref _last));
}

/// <summary>Histograms with the instrument's own bounds.</summary>
internal sealed class HistogramSeries(string labels, IReadOnlyList<double> bounds) : MetricSeries(labels)
{
    /// <summary>What OpenTelemetry's conventions advise for durations in seconds.</summary>
    public static IReadOnlyList<double> DefaultBounds { get; } = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

    private readonly Lock _lock = new();
    private readonly long[] _counts = new long[bounds.Count + 1];
    private double _sum;

    public override void Record(double value)
    {
        var bucket = 0;
        while (bucket < bounds.Count && value > bounds[bucket])
        {
            bucket++;
        }

        lock (_lock)
        {
            _counts[bucket]++;
            _sum += value;
        }
    }

    public override void Write(StringBuilder output, string name)
    {
        long[] counts;
        double sum;
        lock (_lock)
        {
            counts = (long[])_counts.Clone();
            sum = _sum;
        }

        var total = 0L;
        for (var i = 0; i < counts.Length; i++)
        {
            total += counts[i];
            var bound = $"le=\"{PrometheusText.Number(i < bounds.Count ? bounds[i] : double.PositiveInfinity)}\"";
            PrometheusText.Line(output, name + "_bucket", Labels.Length > 0 ? Labels + "," + bound : bound, total);
        }

        PrometheusText.Line(output, name + "_sum", Labels, sum);
        PrometheusText.Line(output, name + "_count", Labels, total);
    }
}
