using Switchyard.Binlog;

namespace Switchyard.Replication.Apply;

/// <summary>A server of a stream.</summary>
internal enum StreamSide
{
    /// <summary>It is read.</summary>
    Source,

    /// <summary>It is written.</summary>
    Target,
}

/// <summary>What a stream tells of itself. Written by the applier, read by anyone.</summary>
internal sealed class StreamStatus(TimeProvider clock)
{
    private readonly Lock _lock = new();
    private StreamState _state = StreamState.Stopped;
    private string? _error;
    private BinlogPosition _received;
    private long _lastHeard;
    private DateTimeOffset? _knownUntil;
    private bool _isBehind;
    private TimeSpan _clockOffset;
    private TimeSpan? _retention;
    private long _transactions;
    private (long Since, bool IsSilent) _source;
    private (long Since, bool IsSilent) _target;
    private bool _lacksRoom;
    private long _codeChanges;

    public event Action<StreamState>? StateChanged;

    /// <summary>How long the source may be silent before a stream without work counts as not hearing from it.</summary>
    public TimeSpan Freshness { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a server may leave a question unanswered before that is told.</summary>
    public TimeSpan SilenceLimit { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Grows with every statement read that may make, change or drop a trigger or an event.</summary>
    public long CodeChanges => Interlocked.Read(ref _codeChanges);

    /// <summary>Such a statement was read.</summary>
    public void NoteCodeChange() => Interlocked.Increment(ref _codeChanges);

    /// <summary>A server was asked whether it is there.</summary>
    /// <param name="side">Which.</param>
    /// <param name="unanswered">When it was asked what it has not answered; null when it has.</param>
    public void Heard(StreamSide side, long? unanswered)
    {
        lock (_lock)
        {
            ref var known = ref side == StreamSide.Source ? ref _source : ref _target;
            known = unanswered is not { } asked ? default : known.IsSilent ? known : (asked, true);
        }
    }

    public void Enter(StreamState state, string? error)
    {
        bool changed;
        lock (_lock)
        {
            if (_lacksRoom && state == StreamState.Running)
            {
                // Connected is not enough.
                return;
            }

            _lacksRoom &= state == StreamState.Reconnecting;
            changed = _state != state;
            _state = state;
            _error = error;
        }

        if (changed)
        {
            StateChanged?.Invoke(state);
        }
    }

    /// <summary>The target has refused a write for want of room. Until it takes one again, the stream counts as trying, with this reason.</summary>
    public void LacksRoom(string reason)
    {
        Enter(StreamState.Reconnecting, reason);
        lock (_lock)
        {
            _lacksRoom = true;
        }
    }

    /// <summary>The target has taken a write.</summary>
    public void Wrote()
    {
        lock (_lock)
        {
            if (!_lacksRoom)
            {
                return;
            }

            _lacksRoom = false;
        }

        Enter(StreamState.Running, null);
    }

    public void Connected(TimeSpan clockOffset, TimeSpan? retention)
    {
        lock (_lock)
        {
            _clockOffset = clockOffset;
            _retention = retention;
            _lastHeard = clock.GetTimestamp();
        }
    }

    /// <summary>The applier took an event from the queue.</summary>
    /// <param name="timestamp">When it happened on the source; 0 when not told, or of no change.</param>
    /// <param name="isBehind">Whether it is yet to be applied.</param>
    public void Heard(uint timestamp, bool isBehind)
    {
        lock (_lock)
        {
            _lastHeard = clock.GetTimestamp();
            _isBehind = isBehind;
            if (timestamp != 0)
            {
                _knownUntil = DateTimeOffset.FromUnixTimeSeconds(timestamp);
            }
        }
    }

    /// <summary>The source had nothing to send.</summary>
    /// <param name="isBehind">Whether something sent before is yet to be applied.</param>
    public void HeardNothingNew(bool isBehind)
    {
        lock (_lock)
        {
            _lastHeard = clock.GetTimestamp();
            _isBehind = isBehind;
            if (!isBehind)
            {
                _knownUntil = SourceTime;
            }
        }
    }

    public void Received(BinlogPosition position)
    {
        lock (_lock)
        {
            _received = position;
        }
    }

    public void Count(int transactions, bool isBehind)
    {
        lock (_lock)
        {
            _transactions += transactions;
            _isBehind = isBehind;
        }
    }

    public StreamProgress Read(BinlogPosition applied)
    {
        lock (_lock)
        {
            var received = _received > applied ? _received : applied;
            return new StreamProgress(_state, applied, received, Lag(applied, received), _transactions, _error)
            {
                LogRetention = _retention,
                SourceSilence = Silence(_source),
                TargetSilence = Silence(_target),
            };
        }
    }

    private TimeSpan? Silence((long Since, bool IsSilent) server) =>
        server.IsSilent && clock.GetElapsedTime(server.Since) is var silence && silence >= SilenceLimit ? silence : null;

    private DateTimeOffset SourceTime => clock.GetUtcNow() + _clockOffset;

    private double Lag(BinlogPosition applied, BinlogPosition received)
    {
        var fresh = _state == StreamState.Running && clock.GetElapsedTime(_lastHeard) < Freshness;
        if (fresh && !_isBehind && applied >= received)
        {
            return 0;
        }

        return _knownUntil is { } known ? Math.Max(0, (SourceTime - known).TotalSeconds) : double.NaN;
    }
}
