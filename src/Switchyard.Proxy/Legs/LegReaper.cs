using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Faults;
using Switchyard.Proxy.Backends;
using Switchyard.Topology;

namespace Switchyard.Proxy.Legs;

/// <summary>
/// Ends what legs have left running: a client that leaves, or is killed, within a statement closes its leg, but the backend goes on with the
/// statement and may commit it. Such a connection is killed by its id and seen gone; until then it blocks gates. Safe from any thread.
/// </summary>
/// <remarks>
/// A server that has begun anew, or another one behind the backend's name, gives the same ids to connections of others. So a connection is killed only where nothing
/// tells that it is another: the port it comes from, where the server sees our ports at all, or a server that is younger than the leg.
/// </remarks>
internal sealed class LegReaper(BackendProfiles profiles, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<(string Backend, uint ConnectionId, int LocalPort), Abandoned> _abandoned = new();
    private readonly CancellationTokenSource _stop = new();
    private Action _onGone = static () => { };

    /// <summary>Something has not been seen gone.</summary>
    public bool HasLeft => !_abandoned.IsEmpty;

    /// <summary>Called whenever one of them is gone.</summary>
    public void WhenGone(Action action) => _onGone = action;

    /// <summary>Takes over a leg whose last command has no answer. Returns at once.</summary>
    public void Take(BackendLeg leg, long sessionId, string client)
    {
        var key = (leg.Backend, leg.ConnectionId, leg.LocalPort);
        if (!_stop.IsCancellationRequested && _abandoned.TryAdd(key, new Abandoned(sessionId, client, time.GetTimestamp())))
        {
            _abandoned[key].Task = ReapAsync(key);
        }
    }

    /// <summary>Those that may still change something on the gate's source.</summary>
    public IEnumerable<Blocker> BlockersOf(Gate gate)
    {
        foreach (var ((backend, id, _), leg) in _abandoned)
        {
            if (gate.From is null || gate.From == backend)
            {
                yield return new Blocker(
                    leg.SessionId, leg.Client, null, (long)time.GetElapsedTime(leg.Since).TotalMilliseconds,
                    $"its client has left and connection {id} on backend '{backend}' has not ended yet");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_abandoned.Values.Select(leg => leg.Task));
        _stop.Dispose();
    }

    private async Task ReapAsync((string Backend, uint ConnectionId, int LocalPort) key)
    {
        await Task.Yield();
        try
        {
            while (!await TryEndAsync(key.Backend, key.ConnectionId, key.LocalPort, _abandoned[key].Since))
            {
                await Task.Delay(s_retry, time, _stop.Token);
            }

            _abandoned.TryRemove(key, out _);
            _onGone();
        }
        catch (OperationCanceledException)
        {
            // The proxy stops; its lease goes, and whoever switches ends its connections.
        }
    }

    private async Task<bool> TryEndAsync(string backend, uint connectionId, int localPort, long since)
    {
        try
        {
            await FaultPoints.HitAsync("proxy.reap.before", _stop.Token);
            var profile = await profiles.GetAsync(backend, _stop.Token);
            await using var connection = await BackendConnection.OpenAsync(profile.Options with { Schema = null }, _stop.Token);
            if (!await MayBeThereAsync(connection, connectionId, localPort, since))
            {
                return true;
            }

            while (await ServerProcess.KillAsync(connection, connectionId, _stop.Token))
            {
                await Task.Delay(s_look, time, _stop.Token);
            }

            return true;
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException)
        {
            ProxyLog.LegNotReaped(logger, connectionId, backend, exception.Message);
            return false;
        }
    }

    private async Task<bool> MayBeThereAsync(BackendConnection connection, uint id, int localPort, long since)
    {
        var age = time.GetElapsedTime(since);
        var uptime = (await connection.QueryAsync("SHOW GLOBAL STATUS LIKE 'Uptime'", _stop.Token)).GetInt64(0, 1);
        if (uptime + 1 <= age.TotalSeconds)
        {
            return false;
        }

        var list = await ServerProcess.ListAsync(connection, _stop.Token);
        var seesPorts = list.FirstOrDefault(p => p.Id == connection.Server.ConnectionId)?.Port is { } own && own == connection.LocalPort;
        return !seesPorts || list.FirstOrDefault(p => p.Id == id)?.Port is not { } port || port == localPort;
    }

    private sealed class Abandoned(long sessionId, string client, long since)
    {
        public long SessionId => sessionId;

        public string Client => client;

        /// <summary>When it was taken over; its server ran until then, at least.</summary>
        public long Since => since;

        public Task Task { get; set; } = Task.CompletedTask;
    }
}
