using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Tests.Harness;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>What clients do is measured, and stays counted when they have left.</summary>
[Trait("Category", "Integration")]
public sealed class InstrumentTests
{
    [Fact]
    public async Task Commands_and_bytes_are_measured()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("only-here", server));
        var durations = new ConcurrentQueue<string>();
        var bytes = new ConcurrentDictionary<string, long>();
        using var listener = new MeterListener { InstrumentPublished = (instrument, self) => self.EnableMeasurementEvents(instrument) };
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
        {
            if (instrument.Name == "db.client.operation.duration" && tags[0].Value is "only-here" && value >= 0)
            {
                durations.Enqueue(string.Join(' ', tags[1..].ToArray().Select(tag => tag.Value)));
            }
        });
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            if (instrument.Name == "switchyard.proxy.bytes")
            {
                bytes[(string)tags[0].Value!] = Math.Max(value, bytes.GetValueOrDefault((string)tags[0].Value!));
            }
        });
        listener.Start();
        await using (var client = await harness.ConnectAsync())
        {
            await client.QueryAsync("SELECT REPEAT('x', 200000)", default);
            await client.ExecuteAsync($"SET @v = '{new string('y', 100_000)}'", default);
            await Assert.ThrowsAsync<ServerErrorException>(() => client.QueryAsync("SELECT * FROM nothing", default));
        }

        // A statement is measured when its client has the answer already.
        await ProxyHarness.UntilAsync(() => harness.Proxy.SessionCount == 0);
        Assert.Equal(["SELECT", "other", "SELECT server"], durations);
        listener.RecordObservableInstruments();
        Assert.True(bytes["transmit"] > 200_000);
        Assert.True(bytes["receive"] > 100_000);
    }
}
