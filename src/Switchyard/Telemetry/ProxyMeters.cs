using System.Diagnostics.Metrics;
using Switchyard.Hosting;

namespace Switchyard.Telemetry;

/// <summary>Clients and their connections to backends, counted when somebody asks.</summary>
internal sealed class ProxyMeters : IDisposable
{
    private readonly Meter _meter = new("Switchyard.Proxy");

    public ProxyMeters(ISessionDirectory sessions)
    {
        _meter.CreateObservableGauge("switchyard.proxy.sessions", () => sessions.Count, "{session}", "Clients connected");
        _meter.CreateObservableGauge(
            "db.client.connection.count",
            () => sessions.List().SelectMany(session => session.Backends).CountBy(backend => backend)
                .Select(count => new Measurement<int>(count.Value, new KeyValuePair<string, object?>("db.client.connection.pool.name", count.Key))),
            "{connection}",
            "Connections to backends on behalf of clients");
    }

    public void Dispose() => _meter.Dispose();
}
