using Switchyard.Client;

namespace Switchyard.Replication.Tests.Streams;

/// <summary>Applications that write while rows are copied: inserts, updates, deletes and changed keys, several statements in a transaction.</summary>
internal sealed class Writers : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _tasks = [];
    private long _transactions;

    public long Transactions => Interlocked.Read(ref _transactions);

    public static async Task<Writers> StartAsync(Scenario scenario, int count, Func<Random, int, string[]> transaction)
    {
        var writers = new Writers();
        for (var i = 0; i < count; i++)
        {
            var connection = await scenario.ConnectSourceAsync();
            var random = new Random(1000 + i);
            var number = i;
            writers._tasks.Add(Task.Run(() => writers.RunAsync(connection, () => transaction(random, number))));
        }

        return writers;
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_tasks);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task RunAsync(BackendConnection connection, Func<string[]> transaction)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await connection.ExecuteAsync("BEGIN", default);
                foreach (var statement in transaction())
                {
                    await connection.ExecuteAsync(statement, default);
                }

                await connection.ExecuteAsync("COMMIT", default);
                Interlocked.Increment(ref _transactions);
            }
            catch (ServerErrorException e) when (e.Code is 1213 or 1205 or 1062 or 1020 or 1451 or 1452)
            {
                // What applications meet and repeat: deadlocks, and keys another writer has taken.
                await connection.ExecuteAsync("ROLLBACK", default);
            }
        }
    }
}
