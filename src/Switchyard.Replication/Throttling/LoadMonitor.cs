using System.Globalization;
using Microsoft.Extensions.Logging;
using Switchyard.Client;

namespace Switchyard.Replication.Throttling;

/// <summary>
/// Measures the servers of a copy once a second against the throttle's limits. Load can only be asked for; whoever waits for it to fall is woken.
/// A server that cannot be asked holds nothing back: the copy meets its absence by itself.
/// </summary>
internal sealed class LoadMonitor(CopyThrottle throttle, ConnectionOptions source, ConnectionOptions target, TimeProvider clock, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_answerLimit = TimeSpan.FromSeconds(10);

    private readonly Dictionary<string, BackendConnection> _connections = [];
    private readonly HashSet<string> _silent = [];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var limits = throttle.Limits;
            var changed = throttle.LimitsChanged;
            if (!limits.IsPaused)
            {
                throttle.Report(await MeasureAsync(limits, cancellationToken).ConfigureAwait(false), limits);
            }

            await Task.WhenAny(changed, limits.IsPaused ? Task.Delay(Timeout.InfiniteTimeSpan, clock, cancellationToken) : Task.Delay(s_period, clock, cancellationToken)).ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in _connections.Values)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<string?> MeasureAsync(ThrottleLimits limits, CancellationToken cancellationToken)
    {
        foreach (var (name, server) in new[] { ("source", source), ("target", target) })
        {
            if (limits.MaxThreadsRunning > 0
                && await AskAsync(name, server, ReadThreadsAsync, cancellationToken).ConfigureAwait(false) is { } threads && threads > limits.MaxThreadsRunning)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{threads} threads run on the {name}, more than {limits.MaxThreadsRunning}");
            }

            if (limits.MaxHistoryList > 0
                && await AskAsync(name, server, ReadHistoryAsync, cancellationToken).ConfigureAwait(false) is { } history && history > limits.MaxHistoryList)
            {
                return string.Create(CultureInfo.InvariantCulture, $"the history list of the {name} is {history} long, more than {limits.MaxHistoryList}");
            }
        }

        foreach (var (name, server) in limits.MaxReplicaLag > TimeSpan.Zero ? limits.Replicas : new Dictionary<string, ConnectionOptions>())
        {
            if (await AskAsync($"replica {name}", server, ReadLagAsync, cancellationToken).ConfigureAwait(false) is { } lag && lag > limits.MaxReplicaLag.TotalSeconds)
            {
                return lag == long.MaxValue ? $"the replica {name} does not replicate"
                    : string.Create(CultureInfo.InvariantCulture, $"the replica {name} is {lag} s behind, more than {limits.MaxReplicaLag.TotalSeconds:0.#} s");
            }
        }

        return null;
    }

    private static async Task<long?> ReadThreadsAsync(BackendConnection connection, CancellationToken cancellationToken) =>
        Number(await connection.QueryAsync("SHOW GLOBAL STATUS LIKE 'Threads_running'", cancellationToken).ConfigureAwait(false), 1);

    private static async Task<long?> ReadHistoryAsync(BackendConnection connection, CancellationToken cancellationToken) => Number(
        await connection.QueryAsync(
            connection.Server.IsMariaDb ? "SHOW GLOBAL STATUS LIKE 'Innodb_history_list_length'" : "SELECT name, count FROM information_schema.innodb_metrics WHERE name='trx_rseg_history_len'",
            cancellationToken).ConfigureAwait(false),
        1);

    /// <summary>Seconds behind, the worst of all channels; the greatest number when a channel stands still.</summary>
    private static async Task<long?> ReadLagAsync(BackendConnection connection, CancellationToken cancellationToken)
    {
        var isNew = connection.Server.IsAtLeast(ServerVendor.MySql, 8, 0, 22);
        var status = await connection.QueryAsync(
            connection.Server.IsMariaDb ? "SHOW ALL SLAVES STATUS" : isNew ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS", cancellationToken).ConfigureAwait(false);
        if (status.RowCount == 0)
        {
            return long.MaxValue;
        }

        return status.Rows.Max(r => r.GetStringOrNull(isNew ? "Seconds_Behind_Source" : "Seconds_Behind_Master") is { } seconds ? long.Parse(seconds, CultureInfo.InvariantCulture) : long.MaxValue);
    }

    private static long? Number(QueryResult result, int column) =>
        result.RowCount > 0 && long.TryParse(result.GetStringOrNull(0, column), CultureInfo.InvariantCulture, out var value) ? value : null;

    private async Task<long?> AskAsync(string name, ConnectionOptions server, Func<BackendConnection, CancellationToken, Task<long?>> read, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(s_answerLimit);
        try
        {
            if (!_connections.TryGetValue(name, out var connection) || !connection.IsUsable)
            {
                if (connection is not null)
                {
                    _connections.Remove(name);
                    await connection.DisposeAsync().ConfigureAwait(false);
                }

                connection = await BackendConnection.OpenAsync(server with { Schema = null }, limit.Token).ConfigureAwait(false);
                _connections[name] = connection;
            }

            return await read(connection, limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is BackendUnavailableException or ServerErrorException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            if (_silent.Add(name))
            {
                logger.LoadUnknown(name, e is ServerErrorException refused ? $"error {refused.Code}" : e.Message);
            }

            if (_connections.Remove(name, out var broken))
            {
                await broken.DisposeAsync().ConfigureAwait(false);
            }

            return null;
        }
    }
}
