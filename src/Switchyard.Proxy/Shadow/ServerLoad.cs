using Switchyard.Client;
using Switchyard.Proxy.Backends;

namespace Switchyard.Proxy.Shadow;

/// <summary>Whether a server has more to do than it should be asked on top of, looked at once a second at most. One caller at a time.</summary>
internal sealed class ServerLoad(BackendProfiles profiles, TimeProvider time, int maxThreadsRunning) : IAsyncDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);
    private readonly Dictionary<string, Side> _sides = new(StringComparer.Ordinal);

    public async Task<bool> IsBusyAsync(string backend, CancellationToken cancellationToken)
    {
        if (!_sides.TryGetValue(backend, out var side))
        {
            _sides[backend] = side = new Side();
        }

        if (side.LookedAt == 0 || time.GetElapsedTime(side.LookedAt) > s_interval)
        {
            side.IsBusy = await LookAsync(backend, side, cancellationToken);
            side.LookedAt = time.GetTimestamp();
        }

        return side.IsBusy;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var side in _sides.Values)
        {
            if (side.Connection is { } connection)
            {
                await connection.DisposeAsync();
            }
        }
    }

    private async Task<bool> LookAsync(string backend, Side side, CancellationToken cancellationToken)
    {
        if (side.Connection is not { IsUsable: true })
        {
            if (side.Connection is { } broken)
            {
                await broken.DisposeAsync();
            }

            var profile = await profiles.GetAsync(backend, cancellationToken);
            side.Connection = await BackendConnection.OpenAsync(profile.Options with { Schema = null }, cancellationToken);
        }

        var answer = await side.Connection.QueryAsync("SHOW GLOBAL STATUS LIKE 'Threads_running'", cancellationToken);
        return answer.RowCount > 0 && answer.GetInt64(0, 1) > maxThreadsRunning;
    }

    private sealed class Side
    {
        public BackendConnection? Connection { get; set; }

        public long LookedAt { get; set; }

        public bool IsBusy { get; set; }
    }
}
