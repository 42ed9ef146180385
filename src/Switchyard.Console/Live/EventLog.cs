using Microsoft.Extensions.Hosting;
using Switchyard.Migration;

namespace Switchyard.WebConsole.Live;

/// <summary>The latest events of this process, kept for pages opened later; wakes the pages that are open.</summary>
internal sealed class EventLog(MigrationAccess migrations, TimeProvider time) : BackgroundService
{
    /// <summary>Older events are forgotten; the journal in the store keeps what matters.</summary>
    public const int Capacity = 500;

    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private readonly Queue<MigrationEvent> _events = new(Capacity);

    /// <summary>Raised after each event; handlers must be quick and must not throw.</summary>
    public event Action? Added;

    /// <summary>The latest, newest first; of one migration when it is named.</summary>
    public IReadOnlyList<MigrationEvent> Latest(int count, string? migration = null)
    {
        lock (_lock)
        {
            return [.. _events.Reverse().Where(e => migration is null || string.Equals(e.Migration, migration, StringComparison.Ordinal)).Take(count)];
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await foreach (var happened in migrations.Current.WatchAsync(stoppingToken))
                {
                    Add(happened);
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (MigrationException)
            {
                // The migrations are not read yet.
            }

            await Task.Delay(s_retry, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Add(MigrationEvent happened)
    {
        lock (_lock)
        {
            if (_events.Count == Capacity)
            {
                _events.Dequeue();
            }

            _events.Enqueue(happened);
        }

        Added?.Invoke();
    }
}
