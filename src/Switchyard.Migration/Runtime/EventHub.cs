using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Switchyard.Migration;

/// <summary>Hands events to followers. A follower that does not keep up loses its oldest; nobody waits for it.</summary>
internal sealed class EventHub(TimeProvider time)
{
    private const int PerFollower = 1000;
    private readonly ConcurrentDictionary<Channel<MigrationEvent>, byte> _followers = new();

    public void Publish(string migration, string kind, string message)
    {
        var happened = new MigrationEvent(time.GetUtcNow(), migration, kind, message);
        foreach (var follower in _followers.Keys)
        {
            follower.Writer.TryWrite(happened);
        }
    }

    public async IAsyncEnumerable<MigrationEvent> FollowAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var channel = Channel.CreateBounded<MigrationEvent>(new BoundedChannelOptions(PerFollower) { FullMode = BoundedChannelFullMode.DropOldest });
        _followers.TryAdd(channel, 0);
        try
        {
            await foreach (var happened in channel.Reader.ReadAllAsync(cancellationToken))
            {
                yield return happened;
            }
        }
        finally
        {
            _followers.TryRemove(channel, out _);
        }
    }
}
