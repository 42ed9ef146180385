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
/// A server that has begun anew, or another one behind the backend's name, gives the same ids to connections of others. A server younger than the leg has none of it, and one
/// that is clearly older, at the same address, cannot have given its id to another. In between, the port tells that the connection comes from, where the server sees our ports.
/// </remarks>
internal sealed class LegReaper(BackendProfiles profiles, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);

    // Servers count their age in whole seconds, by a clock that is set now and then.
    private static readonly TimeSpan s_clearlyOlder = TimeSpan.FromSeconds(5);

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
        if (!_stop.IsCancellationRequested && _abandoned.TryAdd(key, new Abandoned(sessionId, client, leg.Address, leg.OpenedAt, time.GetTimestamp())))
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
            while (!await TryEndAsync(key.Backend, key.ConnectionId, key.LocalPort, _abandoned[key]))
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

    private async Task<bool> TryEndAsync(string backend, uint connectionId, int localPort, Abandoned leg)
    {
        try
        {
            await FaultPoints.HitAsync("proxy.reap.before", _stop.Token);
            var profile = await profiles.GetAsync(backend, _stop.Token);
            await using var connection = await BackendConnection.OpenAsync(profile.Options with { Schema = null }, _stop.Token);
            if (!await MayBeThereAsync(connection, connectionId, localPort, leg))
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

    private async Task<bool> MayBeThereAsync(BackendConnection connection, uint id, int localPort, Abandoned leg)
    {
        var age = time.GetElapsedTime(leg.OpenedAt);
        var uptime = TimeSpan.FromSeconds((await connection.QueryAsync("SHOW GLOBAL STATUS LIKE 'Uptime'", _stop.Token)).GetInt64(0, 1));
        if (uptime + TimeSpan.FromSeconds(1) <= age)
        {
            return false;
        }

        if (uptime > age + s_clearlyOlder && (connection.Options.Host, connection.Options.Port) == leg.Address)
        {
            return true;
        }

        var list = await ServerProcess.ListAsync(connection, _stop.Token);
        var seesPorts = list.FirstOrDefault(p => p.Id == connection.Server.ConnectionId)?.Port is { } own && own == connection.LocalPort;
        return !seesPorts || list.FirstOrDefault(p => p.Id == id)?.Port is not { } port || port == localPort;
    }

    /// <param name="sessionId">The session it belonged to.</param>
    /// <param name="client">Whose that was.</param>
    /// <param name="address">Where its backend was then.</param>
    /// <param name="openedAt">When it was opened: its server ran then.</param>
    /// <param name="since">When it was taken over.</param>
    private sealed class Abandoned(long sessionId, string client, (string Host, int Port) address, long openedAt, long since)
    {
        public (string Host, int Port) Address => address;

        public long OpenedAt => openedAt;

        public long SessionId => sessionId;

        public string Client => client;

        public long Since => since;

        public Task Task { get; set; } = Task.CompletedTask;
    }
}
