using System.Collections.Concurrent;
using Switchyard.Client;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Backends;

/// <summary>What each backend of the topology is, asked once per DSN and again after a failure. Safe from any thread.</summary>
internal sealed class BackendProfiles(TopologyView view)
{
    private readonly ConcurrentDictionary<string, BackendProfile> _profiles = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _probing = new(4);

    /// <summary>The profile if it is known and still of this DSN; null otherwise. Never waits.</summary>
    public BackendProfile? Known(string name) =>
        _profiles.TryGetValue(name, out var profile) && view.Current.Backends.TryGetValue(name, out var backend) && backend.Dsn == profile.Dsn ? profile : null;

    /// <summary>Asks the backend if its profile is not known.</summary>
    /// <exception cref="BackendUnavailableException">It cannot be reached, or no such backend is configured.</exception>
    /// <exception cref="ServerErrorException">It refused us.</exception>
    public ValueTask<BackendProfile> GetAsync(string name, CancellationToken cancellationToken) =>
        Known(name) is { } profile ? ValueTask.FromResult(profile) : new ValueTask<BackendProfile>(ProbeAsync(name, cancellationToken));

    /// <summary>Capabilities of every backend that is known or answers now: what can be offered to a new client.</summary>
    public async Task<List<Capabilities>> CapabilitiesOfAllAsync(CancellationToken cancellationToken)
    {
        List<Capabilities> all = [];
        foreach (var name in view.Current.Backends.Keys)
        {
            try
            {
                all.Add((await GetAsync(name, cancellationToken)).Server.Capabilities);
            }
            catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException)
            {
                // One that is down constrains nobody; a leg to it would fail for that reason anyway.
            }
        }

        return all;
    }

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
            await using var connection = await BackendConnection.OpenAsync(options with { Schema = null }, cancellationToken);
            var answer = await connection.QueryAsync("SELECT @@global.lower_case_table_names, @@global.sql_mode", cancellationToken);
            var profile = new BackendProfile(name, backend.Dsn, options, connection.Server)
            {
                IgnoreCase = answer.Rows[0].GetInt64(0) != 0,
                SqlMode = answer.Rows[0].GetString(1) ?? "",
            };
            _profiles[name] = profile;
            return profile;
        }
        finally
        {
            _probing.Release();
        }
    }
}
