using System.Diagnostics.Metrics;
using Switchyard.Proxy.Sessions;
using Switchyard.Sql;

namespace Switchyard.Proxy;

/// <summary>
/// What clients do, measured. Names and units are OpenTelemetry's where it has them. Recording allocates nothing: tags are values that exist
/// already, and bytes are counted by each session for itself and summed up when somebody asks. Safe from any thread.
/// </summary>
internal sealed class ProxyInstruments : IDisposable
{
    /// <summary>Bounds of the durations, in seconds: what the conventions advise, and below it what a point select takes.</summary>
    private static readonly double[] s_bounds = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

    private static readonly KeyValuePair<string, object?> s_received = new("network.io.direction", "receive");
    private static readonly KeyValuePair<string, object?> s_sent = new("network.io.direction", "transmit");

    private readonly Meter _meter = new("Switchyard.Proxy.Traffic");
    private readonly Histogram<double> _duration;
    private readonly SessionRegistry _sessions;
    private readonly Lock _ended = new();
    private long _receivedBefore;
    private long _sentBefore;

    public ProxyInstruments(SessionRegistry sessions)
    {
        _sessions = sessions;
        _duration = _meter.CreateHistogram(
            "db.client.operation.duration", "s", "Commands of clients at a backend, from when they were read until their answer was relayed, without time held by a gate", [],
            new InstrumentAdvice<double> { HistogramBucketBoundaries = s_bounds });
        _meter.CreateObservableCounter("switchyard.proxy.bytes", Bytes, "By", "Exchanged with clients, before compression and TLS");
    }

    /// <summary>A command was answered.</summary>
    public void Answered(string backend, StatementInfo info, bool failed, TimeSpan duration)
    {
        if (!_duration.Enabled)
        {
            return;
        }

        var pool = new KeyValuePair<string, object?>("db.client.connection.pool.name", backend);
        var operation = new KeyValuePair<string, object?>("db.operation.name", NameOf(info.Kind));
        if (failed)
        {
            _duration.Record(duration.TotalSeconds, pool, operation, new KeyValuePair<string, object?>("error.type", "server"));
        }
        else
        {
            _duration.Record(duration.TotalSeconds, pool, operation);
        }
    }

    /// <summary>Takes a session that has ended off the list; what it has exchanged stays counted, once.</summary>
    public void Remove(ProxySession session)
    {
        lock (_ended)
        {
            _receivedBefore += session.ReceivedBytes;
            _sentBefore += session.SentBytes;
            _sessions.Remove(session);
        }
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>Few enough that their series stay few.</summary>
    private static string NameOf(StatementKind kind) => kind switch
    {
        StatementKind.Select => "SELECT",
        StatementKind.Insert => "INSERT",
        StatementKind.Update => "UPDATE",
        StatementKind.Delete => "DELETE",
        StatementKind.Replace => "REPLACE",
        StatementKind.Call => "CALL",
        StatementKind.Commit => "COMMIT",
        _ => "other",
    };

    private IEnumerable<Measurement<long>> Bytes()
    {
        lock (_ended)
        {
            var received = _receivedBefore;
            var sent = _sentBefore;
            foreach (var session in _sessions.All)
            {
                received += session.ReceivedBytes;
                sent += session.SentBytes;
            }

            return [new Measurement<long>(received, s_received), new Measurement<long>(sent, s_sent)];
        }
    }
}
