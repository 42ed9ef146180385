using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Relay;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Sessions;

/// <summary>Looks after legs at rest: goes home, closes what nothing needs any more, and ends with a backend that has ended its connection.</summary>
internal sealed partial class ProxySession
{
    /// <summary>A leg that is not the current one is closed when it has not been used for this long.</summary>
    private static readonly TimeSpan s_legIdleLimit = TimeSpan.FromMinutes(2);

    /// <summary>
    /// A session that rests is moved home after this long, not at once: carrying its state asks things of the old leg, after which FOUND_ROWS() and the
    /// like no longer answer about the client's last statement, and clients ask for them right behind it.
    /// </summary>
    private static readonly TimeSpan s_restBeforeMove = TimeSpan.FromSeconds(5);

    /// <summary>Time for reading what a backend says when it closes a connection, and for passing it on.</summary>
    private static readonly TimeSpan s_lastWordsLimit = TimeSpan.FromSeconds(1);

    /// <summary>Where the session lives; null while no backend is its schema's. From any thread.</summary>
    public string? Home => HomeOf(_state.Schema, _context.View.Current);

    /// <summary>Between commands: goes home if home has moved, and closes legs nothing needs any more. Does nothing while a command runs.</summary>
    public async Task TidyAsync(CancellationToken cancellationToken)
    {
        if (!IsEstablished || !await _turn.WaitAsync(0, cancellationToken))
        {
            return;
        }

        try
        {
            await FaultPoints.HitAsync("proxy.tidy.before", cancellationToken);
            var topology = _context.View.Current;
            if (!_isClosed && !_isHeld && !_streams && _current is { IsBroken: false } pinged && pinged.HasPingAnswer() && !await TrySettleAsync(pinged, cancellationToken))
            {
                await EndWithBackendAsync(pinged, cancellationToken);
                return;
            }

            if (!_isClosed && !_isHeld && !_streams && _current is { IsBroken: false } resting && HomeOf(_state.Schema, topology) == resting.Backend && resting.HasUnasked())
            {
                await EndWithBackendAsync(resting, cancellationToken);
                return;
            }

            if (_isClosed || _streams || !topology.HeldGates.IsEmpty || _current is not { IsBroken: false } current)
            {
                return;
            }

            if (!current.InTransaction && !_pins.Any && _pendingBegin is null && _readTransaction is null && _context.Time.GetElapsedTime(current.LastUsed) >= s_restBeforeMove
                && HomeOf(_state.Schema, topology) is { } home && home != current.Backend
                && !topology.Routing.Rules.Any(rule => rule.Writer == current.Backend))
            {
                await MoveSilentlyAsync(home, cancellationToken);
            }

            await CloseUnusedLegsAsync(topology);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or LegLostException or FormatException or IOException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // The next statement meets the same trouble and tells its client.
            ProxyLog.StateNotCarried(_context.Logger, Id, "the session", "its home", exception.Message);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            // One session's defect must not end the tidying of all others.
            ProxyLog.SessionFailed(_context.Logger, exception, Id, ClientAddress);
            Kill("looking after its connections failed by a defect of the proxy");
        }
        finally
        {
            _turn.Release();
            await LeaveLoopAsync();
        }
    }

    private static async Task<bool> TrySettleAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        try
        {
            await LegCommands.SettleAsync(leg, cancellationToken);
            return true;
        }
        catch (LegLostException)
        {
            return false;
        }
    }

    /// <summary>
    /// A leg of the session at rest has ended; while a command runs, its end is the time to look. A client that was to send its file may be gone, for which servers have a time limit, and there
    /// would be no end.
    /// </summary>
    private void OnLegEnding()
    {
        if (_takesFile)
        {
            Kill("its backend left within LOAD DATA LOCAL");
        }

        if (Volatile.Read(ref _busy) == 0 && IsEstablished)
        {
            ThreadPool.UnsafeQueueUserWorkItem(static session => _ = session.TidyAsync(session._stopping), this, preferLocal: false);
        }
    }

    /// <summary>
    /// The backend has closed an idle session's connection (<c>wait_timeout</c>, KILL, its shutdown): so is the client's, and what the backend said
    /// last, if anything, is said to it. Where the backend has reset its connection, as MariaDB does at its time limits, the client's is reset too: its library
    /// says "gone away" then when it sends the next statement, and "lost connection during query" else.
    /// </summary>
    private async Task EndWithBackendAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_lastWordsLimit);
        leg.IsBroken = true;
        try
        {
            while (leg.Link.BufferedLength < Link.SmallBlock && await leg.Link.FillAsync(limit.Token))
            {
            }
        }
        catch (IOException)
        {
            _socket.ClosesWithReset = true;
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
            // What has come so far is all there is.
        }

        ProxyLog.LegEndedByBackend(_context.Logger, Id, leg.Backend);
        if (leg.Link.BufferedLength > PacketLimits.HeaderSize && leg.Link.Buffered[PacketLimits.HeaderSize] == Wire.Payloads.ErrorPayload.Header)
        {
            await _client.WriteAsync(leg.Link.BufferedMemory, limit.Token);
        }

        Kill($"backend '{leg.Backend}' ended its connection");
    }

    private async Task CloseUnusedLegsAsync(TopologyState topology)
    {
        for (var i = _legs.Count - 1; i >= 0; i--)
        {
            var leg = _legs[i];
            var isNamed = leg.Backend == topology.Routing.DefaultBackend
                || topology.Routing.Rules.Any(rule => rule.Writer == leg.Backend || rule.Reader == leg.Backend)
                || topology.WarmRequests.Values.Any(request => request.Backend == leg.Backend);
            if (leg != _current && leg != _readTransaction && leg != _stray?.Leg && (leg.IsBroken || !isNamed || _context.Time.GetElapsedTime(leg.LastUsed) > s_legIdleLimit))
            {
                _legs.RemoveAt(i);
                _last = _last == leg ? _current : _last;
                await leg.DisposeAsync();
            }
        }
    }
}
