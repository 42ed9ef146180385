using System.Collections.Concurrent;

namespace Switchyard.Topology;

/// <summary>
/// How far each migration's stream has made the source's writes visible on the target, in this process. Published after the target's COMMIT
/// answered; waiters are woken by the publication, nothing polls. Safe from any thread; <see cref="HasReached"/> takes no lock.
/// </summary>
public sealed class AppliedPositions
{
    private readonly ConcurrentDictionary<string, Track> _tracks = new(StringComparer.Ordinal);

    /// <summary>Raises the position; a position below the current one is ignored, since what was visible stays visible.</summary>
    public void Publish(string migration, StreamPosition position) => Of(migration).Publish(position);

    /// <summary>
    /// Forgets the position, because the next one will be of another server (after a switch or reverse). Waiters go on waiting for the new
    /// stream under their own limits.
    /// </summary>
    public void Reset(string migration) => Of(migration).Reset();

    /// <summary>The last published position; empty when none is known.</summary>
    public StreamPosition Current(string migration) => _tracks.TryGetValue(migration, out var track) ? track.Position : default;

    public bool HasReached(string migration, StreamPosition position)
    {
        var current = Current(migration);
        return !current.IsEmpty && current >= position;
    }

    /// <summary>Completes as soon as the position is reached.</summary>
    /// <exception cref="OperationCanceledException">Cancelled before that.</exception>
    public ValueTask WaitAsync(string migration, StreamPosition position, CancellationToken cancellationToken = default) =>
        HasReached(migration, position) ? ValueTask.CompletedTask
        : cancellationToken.IsCancellationRequested ? ValueTask.FromCanceled(cancellationToken)
        : new ValueTask(Of(migration).WaitAsync(position, cancellationToken));

    private Track Of(string migration) => _tracks.GetOrAdd(migration, static _ => new Track());

    private sealed class Track
    {
        private readonly Lock _lock = new();
        private readonly PriorityQueue<Waiter, StreamPosition> _waiters = new();
        private volatile Boxed _position = new(default);

        public StreamPosition Position => _position.Value;

        public void Publish(StreamPosition position)
        {
            lock (_lock)
            {
                if (position <= _position.Value)
                {
                    return;
                }

                _position = new Boxed(position);
                while (_waiters.TryPeek(out var waiter, out var wanted) && wanted <= position)
                {
                    _waiters.Dequeue();
                    waiter.TrySetResult();
                }
            }
        }

        public void Reset()
        {
            lock (_lock)
            {
                _position = new Boxed(default);
            }
        }

        public async Task WaitAsync(StreamPosition position, CancellationToken cancellationToken)
        {
            var waiter = new Waiter();
            lock (_lock)
            {
                if (!_position.Value.IsEmpty && _position.Value >= position)
                {
                    return;
                }

                _waiters.Enqueue(waiter, position);
            }

            try
            {
                await waiter.Task.WaitAsync(cancellationToken);
            }
            finally
            {
                if (!waiter.Task.IsCompleted)
                {
                    Forget(waiter);
                }
            }
        }

        /// <summary>A waiter that gave up must not stay: a stalled stream would collect one per read.</summary>
        private void Forget(Waiter waiter)
        {
            lock (_lock)
            {
                _waiters.Remove(waiter, out _, out _);
            }
        }
    }

    private sealed class Waiter() : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed record Boxed(StreamPosition Value);
}
