using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using Switchyard.Hosting;
using Switchyard.Migration;

namespace Switchyard.Api;

/// <summary>What happens to migrations, as server-sent events; an event's type is the kind of <see cref="MigrationEvent"/>.</summary>
internal static class EventStream
{
    public static void Map(IEndpointRouteBuilder api) => api.MapGet(
        "/events",
        (Engines engines, IHostApplicationLifetime host, CancellationToken ct, string? migration = null) =>
            TypedResults.ServerSentEvents(Read(engines.Migrations, migration, host.ApplicationStopping, ct))).WithTags("events");

    private static async IAsyncEnumerable<SseItem<MigrationEvent>> Read(
        IMigrationService service, string? migration, CancellationToken stopping, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancellationToken);
        await using var events = service.WatchAsync(either.Token).GetAsyncEnumerator(either.Token);
        while (await NextAsync(events))
        {
            if (migration is null || string.Equals(migration, events.Current.Migration, StringComparison.Ordinal))
            {
                yield return new SseItem<MigrationEvent>(events.Current, events.Current.Kind);
            }
        }
    }

    /// <summary>The end of the process or of the caller ends the stream; it is no error.</summary>
    private static async Task<bool> NextAsync(IAsyncEnumerator<MigrationEvent> events)
    {
        try
        {
            return await events.MoveNextAsync();
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
