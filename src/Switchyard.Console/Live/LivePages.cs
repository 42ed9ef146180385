using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Switchyard.Topology;

namespace Switchyard.WebConsole.Live;

/// <summary>Pushes a page's inside again whenever it looks different: at once after an event or a change of the topology, else by the second.</summary>
internal sealed class LivePages(TopologyView view, EventLog events, TimeProvider time)
{
    // Progress and lag change without an event; a person reads no faster.
    private static readonly TimeSpan s_tick = TimeSpan.FromSeconds(1);

    // A switch makes a dozen events within a few milliseconds.
    private static readonly TimeSpan s_settle = TimeSpan.FromMilliseconds(80);

    /// <summary>The page's HTML now, and each time it has changed.</summary>
    public async IAsyncEnumerable<SseItem<string>> FollowAsync(
        Func<CancellationToken, Task<string>> render, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        void Wake() => wake.Writer.TryWrite(true);
        void WakeByTopology(TopologyState state) => Wake();
        events.Added += Wake;
        view.Changed += WakeByTopology;
        using var ticks = time.CreateTimer(_ => Wake(), null, s_tick, s_tick);
        try
        {
            string? last = null;
            Wake();
            while (await NextAsync(wake.Reader, cancellationToken))
            {
                var html = await render(cancellationToken);
                if (!string.Equals(html, last, StringComparison.Ordinal))
                {
                    last = html;
                    yield return new SseItem<string>(html);
                }
            }
        }
        finally
        {
            events.Added -= Wake;
            view.Changed -= WakeByTopology;
        }
    }

    private async Task<bool> NextAsync(ChannelReader<bool> wake, CancellationToken cancellationToken)
    {
        try
        {
            await wake.ReadAsync(cancellationToken);
            await Task.Delay(s_settle, time, cancellationToken);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
