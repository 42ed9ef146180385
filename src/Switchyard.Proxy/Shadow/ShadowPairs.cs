using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Legs;

namespace Switchyard.Proxy.Shadow;

/// <summary>The connections of one worker, kept for the next read of the same kind of session. Bounded; one caller at a time.</summary>
internal sealed class ShadowPairs(LegOpener opener, BackendProfiles profiles, TimeProvider time) : IAsyncDisposable
{
    private const int MaxPairs = 4;
    private static readonly TimeSpan s_idleLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_killLimit = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, ShadowPair> _pairs = new(StringComparer.Ordinal);

    public async Task<ShadowPair> GetAsync(ShadowRead read, CancellationToken cancellationToken)
    {
        var key = $"{read.Source}\n{read.Target}\n{read.Schema is null}\n{read.Identity.Key}";
        if (_pairs.TryGetValue(key, out var pair) && !pair.IsUsable)
        {
            _pairs.Remove(key);
            await pair.DisposeAsync();
            pair = null;
        }

        if (pair is null)
        {
            while (_pairs.Count >= MaxPairs)
            {
                await CloseAsync(_pairs.MinBy(each => each.Value.LastUsed).Key);
            }

            pair = await ShadowPair.OpenAsync(opener, read, cancellationToken);
            _pairs[key] = pair;
        }

        pair.LastUsed = time.GetTimestamp();
        return pair;
    }

    /// <summary>Closes what has not been used lately.</summary>
    public async Task TidyAsync()
    {
        foreach (var key in _pairs.Where(pair => time.GetElapsedTime(pair.Value.LastUsed) > s_idleLimit).Select(pair => pair.Key).ToArray())
        {
            await CloseAsync(key);
        }
    }

    /// <summary>A read that was given up goes on at its server until that is told.</summary>
    public async Task EndAtServerAsync(string backend, uint connectionId, CancellationToken cancellationToken)
    {
        try
        {
            using var limit = new CancellationTokenSource(s_killLimit, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
            var profile = await profiles.GetAsync(backend, either.Token);
            await using var connection = await BackendConnection.OpenAsync(profile.Options with { Schema = null }, either.Token);
            await connection.ExecuteAsync($"KILL CONNECTION {connectionId}", either.Token);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException or OperationCanceledException)
        {
            // It has ended by itself, or its server has other worries.
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var key in _pairs.Keys.ToArray())
        {
            await CloseAsync(key);
        }
    }

    private async Task CloseAsync(string key)
    {
        if (_pairs.Remove(key, out var pair))
        {
            await pair.DisposeAsync();
        }
    }
}
