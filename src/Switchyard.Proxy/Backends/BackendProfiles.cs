using System.Collections.Concurrent;
using Switchyard.Client;
using Switchyard.Proxy.Frontend;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Backends;

/// <summary>What each backend of the topology is, asked once per DSN, and again when another server answers there. Safe from any thread.</summary>
internal sealed class BackendProfiles(TopologyView view, TimeProvider? time = null)
{
    /// <summary>A server that stands still answers nobody, and whoever wants to log in elsewhere does not wait for it.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, BackendProfile> _profiles = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (Task Asking, Task Patience)> _asked = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _probing = new(4);

    /// <summary>The profile if it is known and still of this DSN; null otherwise. Never waits.</summary>
    public BackendProfile? Known(string name) =>
        _profiles.TryGetValue(name, out var profile) && view.Current.Backends.TryGetValue(name, out var backend) && backend.Dsn == profile.Dsn ? profile : null;

    /// <summary>Asks the backend if its profile is not known.</summary>
    /// <exception cref="BackendUnavailableException">It cannot be reached, or no such backend is configured.</exception>
    /// <exception cref="ServerErrorException">It refused us.</exception>
    public ValueTask<BackendProfile> GetAsync(string name, CancellationToken cancellationToken) =>
        Known(name) is { } profile ? ValueTask.FromResult(profile) : new ValueTask<BackendProfile>(ProbeAsync(name, cancellationToken));

    /// <summary>
    /// Compares a greeting with what is kept of its backend. Where another server answers by now, updated in its place or put there instead, that is forgotten, and
    /// whoever needs it next asks anew.
    /// </summary>
    /// <returns>Whether it is the server that is known.</returns>
    public bool Recognises(BackendProfile profile, ServerInfo greeted)
    {
        if (greeted with { ConnectionId = profile.Server.ConnectionId } == profile.Server)
        {
            return true;
        }

        _profiles.TryRemove(KeyValuePair.Create(profile.Name, profile));
        return false;
    }

    /// <summary>Capabilities of every backend that is known or answers now: what can be offered to a new client.</summary>
    public async Task<List<Capabilities>> CapabilitiesOfAllAsync(CancellationToken cancellationToken)
    {
        List<Capabilities> all = [];
        foreach (var name in view.Current.Backends.Keys)
        {
            var isAsked = true;
            if (Known(name) is null)
            {
                isAsked = await AskBrieflyAsync(name).WaitAsync(cancellationToken);
            }

            // One that is down constrains nobody; a leg to it would fail for that reason anyway. One that is slow may be met later.
            if (Known(name) is { } profile)
            {
                all.Add(profile.Server.Capabilities);
            }
            else if (!isAsked)
            {
                all.Add(OfferedCapabilities.OfAnyServer);
            }
        }

        return all;
    }

    /// <summary>Waits for one question, whoever asked it, and for no longer than it may take since it was asked.</summary>
    /// <returns>Whether that has come to an end.</returns>
    private async Task<bool> AskBrieflyAsync(string name)
    {
        Task asking, patience;
        lock (_asked)
        {
            if (!_asked.TryGetValue(name, out var asked) || asked.Asking.IsCompleted)
            {
                _asked[name] = asked = (AskAsync(name), Task.Delay(s_patience, time ?? TimeProvider.System));
            }

            (asking, patience) = asked;
        }

        return await Task.WhenAny(asking, patience) == asking;
    }

    private async Task AskAsync(string name)
    {
        await Task.Yield();
        try
        {
            await GetAsync(name, CancellationToken.None);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException)
        {
            // Then it is not known.
        }
    }

    /// <summary>What a backend says wrong at its greeting or login is no packet of a client's.</summary>
    public static BackendUnavailableException Broke(MalformedPacketException exception) =>
        new(UnavailableReason.ConnectionLost, $"it broke the protocol at the login: {exception.Message}", exception);

    private async Task<BackendProfile> ProbeAsync(string name, CancellationToken cancellationToken)
    {
        if (!view.Current.Backends.TryGetValue(name, out var backend))
        {
            throw new BackendUnavailableException(UnavailableReason.ConnectFailed, $"no backend of the name '{name}' is configured; add it with `switchyard backend add`");
        }

        await _probing.WaitAsync(cancellationToken);
        try
        {
            if (Known(name) is { } known)
            {
                return known;
            }

            var options = ConnectionOptions.Parse(backend.Dsn);
            await using var connection = await BackendConnection.OpenAsync(options with { Schema = null, CommandTimeout = options.ConnectTimeout }, cancellationToken);
            var answer = await connection.QueryAsync("SELECT @@global.sql_mode", cancellationToken);
            var profile = new BackendProfile(name, backend.Dsn, options, connection.Server)
            {
                SqlMode = answer.Rows[0].GetString(0) ?? "",
            };
            _profiles[name] = profile;
            return profile;
        }
        catch (MalformedPacketException exception)
        {
            throw Broke(exception);
        }
        finally
        {
            _probing.Release();
        }
    }
}
