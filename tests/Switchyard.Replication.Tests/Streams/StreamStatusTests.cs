using Switchyard.Binlog;
using Switchyard.Replication.Apply;

namespace Switchyard.Replication.Tests.Streams;

public sealed class StreamStatusTests
{
    private static readonly BinlogPosition s_applied = new("binlog.000002", 400);
    private static readonly BinlogPosition s_next = new("binlog.000002", 900);
    private readonly HandClock _clock = new();
    private readonly StreamStatus _status;

    public StreamStatusTests()
    {
        _status = new StreamStatus(_clock) { Freshness = TimeSpan.FromSeconds(5) };
        _status.Enter(StreamState.Running, null);
        _status.Connected(TimeSpan.Zero, null);
    }

    [Fact]
    public void A_write_after_a_long_silence_is_not_late()
    {
        _status.Heard(_clock.Seconds, isBehind: false);
        for (var i = 0; i < 600; i++)
        {
            _clock.Advance(1);
            _status.HeardNothingNew(isBehind: false);
        }

        _status.Received(s_next);
        Assert.Equal(0, _status.Read(s_applied).LagSeconds);

        // The transaction is being applied: it happened just now.
        _status.Heard(_clock.Seconds, isBehind: true);
        _clock.Advance(2);
        Assert.Equal(2, _status.Read(s_applied).LagSeconds);
    }

    [Fact]
    public void The_head_of_an_old_log_says_nothing_of_how_late_the_target_is()
    {
        _status.Heard(0, isBehind: false);
        Assert.Equal(0, _status.Read(s_applied).LagSeconds);
        _status.Received(s_next);
        Assert.Equal(double.NaN, _status.Read(s_applied).LagSeconds);
        _status.Heard(_clock.Seconds - 30, isBehind: true);
        Assert.Equal(30, _status.Read(s_applied).LagSeconds);
    }

    [Theory]
    [InlineData(false, 60)]
    [InlineData(true, 1060)]
    public void A_source_not_heard_from_is_as_late_as_what_was_last_applied(bool isBehind, double expected)
    {
        _status.Heard(_clock.Seconds - 1000, isBehind);
        _status.HeardNothingNew(isBehind);
        _status.Enter(StreamState.Reconnecting, "gone");
        _clock.Advance(60);
        Assert.Equal(expected, _status.Read(s_applied).LagSeconds);
    }

    private sealed class HandClock : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

        public uint Seconds => (uint)_now.ToUnixTimeSeconds();

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => _now;

        public override long GetTimestamp() => _now.Ticks;

        public void Advance(double seconds) => _now += TimeSpan.FromSeconds(seconds);
    }
}
