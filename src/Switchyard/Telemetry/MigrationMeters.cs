using System.Diagnostics.Metrics;
using Switchyard.Hosting;
using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.Telemetry;

/// <summary>What migrations and gates measure, read from their own status when somebody asks.</summary>
internal sealed class MigrationMeters : IDisposable
{
    private readonly Meter _meter = new("Switchyard.Migration");
    private readonly Histogram<double> _cutover;
    private readonly Engines _engines;
    private readonly TopologyView _view;

    public MigrationMeters(Engines engines, TopologyView view)
    {
        _engines = engines;
        _view = view;
        _cutover = _meter.CreateHistogram(
            "switchyard.cutover.duration", "s", "Time of each step of a switch or reverse, and of the whole pause",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] });
        _meter.CreateObservableGauge("switchyard.replication.lag", Lag, "s", "How far a stream is behind its origin");
        _meter.CreateObservableCounter("switchyard.replication.transactions", Transactions, "{transaction}", "Transactions applied since the process started");
        _meter.CreateObservableCounter("switchyard.copy.rows", CopiedRows, "{row}", "Rows written by the copy");
        _meter.CreateObservableGauge("switchyard.migration.state", States, null, "1 for the state a migration is in");
        _meter.CreateObservableCounter("switchyard.reads.routed", RoutedReads, "{read}", "Clients' reads in data-router mode, by where they went and why");
        _meter.CreateObservableCounter("switchyard.shadow.reads", ShadowReads, "{read}", "Reads run again on both sides, by what came of it");
        _meter.CreateObservableGauge("switchyard.shadow.p99", ShadowLatency, "s", "What 99 % of the compared reads took at most, by side");
        _meter.CreateObservableGauge("switchyard.gate.held", Held, "{statement}", "Statements held now, as the proxies last acknowledged");
    }

    /// <summary>Records a report and returns it.</summary>
    public SwitchReport Record(SwitchReport report, string direction)
    {
        foreach (var step in report.Steps)
        {
            _cutover.Record(step.Ms / 1000, new("step", step.Name), new("direction", direction));
        }

        if (report.PauseMs > 0)
        {
            _cutover.Record(report.PauseMs / 1000, new("step", "pause"), new("direction", direction));
        }

        return report;
    }

    public void Dispose() => _meter.Dispose();

    private static KeyValuePair<string, object?> Tag(string name, object value) => new(name, value);

    private static IEnumerable<(string Direction, StreamStatus Stream)> Streams(MigrationStatus status)
    {
        if (status.Stream is { } forward)
        {
            yield return ("forward", forward);
        }

        if (status.Reverse is { } reverse)
        {
            yield return ("reverse", reverse);
        }
    }

    private IEnumerable<Measurement<double>> Lag() =>
        from status in All()
        from line in Streams(status)
        where line.Stream is { State: "running", LagSeconds: not null }
        select new Measurement<double>(line.Stream.LagSeconds!.Value, Tag("migration", status.Name), Tag("direction", line.Direction));

    private IEnumerable<Measurement<long>> Transactions() =>
        from status in All()
        from line in Streams(status)
        select new Measurement<long>(line.Stream.TransactionsApplied, Tag("migration", status.Name), Tag("direction", line.Direction));

    private IEnumerable<Measurement<long>> CopiedRows() =>
        from status in All()
        where status.Copy is not null
        select new Measurement<long>(status.Copy!.RowsCopied, Tag("migration", status.Name));

    private IEnumerable<Measurement<int>> States() =>
        All().Select(status => new Measurement<int>(1, Tag("migration", status.Name), Tag("state", status.State.ToString().ToLowerInvariant())));

    private IEnumerable<Measurement<long>> RoutedReads() =>
        from status in All()
        where status.Validation is not null
        let reads = status.Validation!.Routed
        from line in new[] { ("target", reads.OnTarget), ("source_lag", reads.FellBackByLag), ("source_error", reads.FellBackByError), ("source_connection", reads.FellBackByConnection) }
        select new Measurement<long>(line.Item2, Tag("migration", status.Name), Tag("outcome", line.Item1));

    private IEnumerable<Measurement<long>> ShadowReads() =>
        from status in All()
        where status.Validation is not null
        let reads = status.Validation!.Compared
        from line in new[]
        {
            ("same", reads.Compared - reads.Different), ("different", reads.Different), ("not_comparable", reads.NotComparable.Values.Sum()), ("not_run", reads.NotRun.Values.Sum()),
        }
        select new Measurement<long>(line.Item2, Tag("migration", status.Name), Tag("result", line.Item1));

    private IEnumerable<Measurement<double>> ShadowLatency() =>
        from status in All()
        where status.Validation is { Compared.Compared: > 0 }
        let reads = status.Validation!.Compared
        from line in new[] { ("source", reads.SourceP99), ("target", reads.TargetP99) }
        select new Measurement<double>(line.Item2, Tag("migration", status.Name), Tag("side", line.Item1));

    private IEnumerable<Measurement<int>> Held()
    {
        var state = _view.Current;
        return state.HeldGates.Select(gate => new Measurement<int>(
            state.GateAcks.Values.Where(ack => ack.GateId == gate.Id && !ack.Released).Sum(ack => ack.HeldStatements), Tag("migration", gate.Migration)));
    }

    /// <summary>Statuses are answered from memory; one that is not at hand is left out of this reading.</summary>
    private List<MigrationStatus> All()
    {
        var statuses = new List<MigrationStatus>();
        if (!_engines.IsStarted || _engines.Migrations.ListAsync(default) is not { IsCompletedSuccessfully: true } list)
        {
            return statuses;
        }

        foreach (var summary in list.Result)
        {
            if (_engines.Migrations.StatusAsync(summary.Name, default) is { IsCompletedSuccessfully: true } status)
            {
                statuses.Add(status.Result);
            }
        }

        return statuses;
    }
}
