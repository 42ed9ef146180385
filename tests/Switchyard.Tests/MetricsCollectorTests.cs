using System.Diagnostics.Metrics;
using Switchyard.Telemetry;

namespace Switchyard.Tests;

public sealed class MetricsCollectorTests
{
    [Fact]
    public void Instruments_are_printed_as_prometheus_wants_them()
    {
        using var collector = new MetricsCollector();
        using var meter = new Meter("Switchyard.Test");
        var rows = meter.CreateCounter<long>("switchyard.test.rows", "{row}", "Rows \"copied\"");
        var held = meter.CreateUpDownCounter<int>("switchyard.test.held", "{statement}");
        var duration = meter.CreateHistogram("switchyard.test.duration", "s", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        meter.CreateObservableGauge("switchyard.test.lag", () => new Measurement<double>(1.5, new KeyValuePair<string, object?>("migration", "a\"b")), "s");

        rows.Add(2, new("table", "t1"), new("phase", "copy"));
        rows.Add(3, new("phase", "copy"), new("table", "t1"));
        rows.Add(1);
        held.Add(5);
        held.Add(-2);
        duration.Record(0.05);
        duration.Record(0.5);
        duration.Record(7);

        var lines = collector.Write().Split('\n').Where(line => line.Contains("switchyard_test", StringComparison.Ordinal)).ToList();
        Assert.Equal(
            [
                "# HELP switchyard_test_duration_seconds switchyard.test.duration",
                "# TYPE switchyard_test_duration_seconds histogram",
                "switchyard_test_duration_seconds_bucket{le=\"0.1\"} 1",
                "switchyard_test_duration_seconds_bucket{le=\"1\"} 2",
                "switchyard_test_duration_seconds_bucket{le=\"+Inf\"} 3",
                "switchyard_test_duration_seconds_sum 7.55",
                "switchyard_test_duration_seconds_count 3",
                "# HELP switchyard_test_held switchyard.test.held",
                "# TYPE switchyard_test_held gauge",
                "switchyard_test_held 3",
                "# HELP switchyard_test_lag_seconds switchyard.test.lag",
                "# TYPE switchyard_test_lag_seconds gauge",
                "switchyard_test_lag_seconds{migration=\"a\\\"b\"} 1.5",
                "# HELP switchyard_test_rows_total Rows \"copied\"",
                "# TYPE switchyard_test_rows_total counter",
                "switchyard_test_rows_total 1",
                "switchyard_test_rows_total{phase=\"copy\",table=\"t1\"} 5",
            ],
            lines);
    }

    [Fact]
    public void An_observable_series_that_is_gone_is_not_printed_again()
    {
        using var collector = new MetricsCollector();
        using var meter = new Meter("Switchyard.Test2");
        var migrations = new List<string> { "a", "b" };
        meter.CreateObservableGauge("switchyard.test2.lag", () => migrations.Select(name => new Measurement<int>(1, new KeyValuePair<string, object?>("m", name))));
        Assert.Contains("{m=\"b\"}", collector.Write(), StringComparison.Ordinal);
        migrations.Remove("b");
        Assert.DoesNotContain("{m=\"b\"}", collector.Write(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_tag_without_bound_cannot_eat_the_memory()
    {
        using var collector = new MetricsCollector();
        using var meter = new Meter("Switchyard.Test3");
        var counter = meter.CreateCounter<int>("switchyard.test3.c");
        for (var i = 0; i < 3000; i++)
        {
            counter.Add(1, new KeyValuePair<string, object?>("id", i));
        }

        var text = collector.Write();
        Assert.Contains("switchyard_test3_c_total{otel_metric_overflow=\"true\"} 1000", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_who_ask_at_once_are_both_told_everything()
    {
        using var collector = new MetricsCollector();
        using var meter = new Meter("Switchyard.Test");
        meter.CreateObservableGauge("switchyard.test.many", () => Enumerable.Range(0, 50).Select(i => new Measurement<int>(i, new KeyValuePair<string, object?>("n", i))));
        var asking = Enumerable.Range(0, 4).Select(_ => Task.Run(() => Enumerable.Range(0, 100).Select(_ => collector.Write()).ToList())).ToList();
        foreach (var answer in (await Task.WhenAll(asking)).SelectMany(answers => answers))
        {
            Assert.Equal(50, answer.Split('\n').Count(line => line.StartsWith("switchyard_test_many{", StringComparison.Ordinal)));
        }
    }
}
