using Switchyard.Client;

namespace Switchyard.Migration;

/// <summary>The origin's events, which write by themselves.</summary>
internal sealed partial class Cutover
{
    /// <summary>
    /// Lets no event begin any more, and those that run come to their ends: the fence waits for the statement an event is at, not for those that follow, which would write where
    /// nobody looks any more.
    /// </summary>
    private async Task StopEventsAsync(CancellationToken cancellationToken)
    {
        var events = runtime.Record.Handover.Events;
        if (events.Count == 0)
        {
            return;
        }

        var gone = new List<EventDefinition>();
        foreach (var definition in events.Where(e => e.Enabled))
        {
            if (await _from.SetEventAsync(definition, enabled: false, cancellationToken))
            {
                _eventsStopped++;
            }
            else
            {
                gone.Add(definition);
            }
        }

        if (gone.Count > 0)
        {
            // Has run for the last time, or been dropped, since it was read; it is not to come back on the other side.
            await runtime.UpdateAsync(r => r with { Handover = r.Handover with { Events = [.. r.Handover.Events.Except(gone)] } }, cancellationToken);
        }

        await AwaitEventsAsync(cancellationToken);
    }

    /// <summary>
    /// In the pause, where the log has statements on triggers or events since they were read. An event made meanwhile has been kept from the tables by the fence; it is not to run any more.
    /// </summary>
    private async Task ReadHandoverAgainAsync(CancellationToken cancellationToken)
    {
        var known = runtime.Record.Handover;
        var now = await _from.ReadTriggersAndEventsAsync(runtime.Record.Schemas, cancellationToken);
        bool IsOff(EventDefinition definition) => known.Events.Any(k => k.Enabled && (k.Schema, k.Name) == (definition.Schema, definition.Name));
        now = now with { Events = [.. now.Events.Select(e => IsOff(e) ? e with { Enabled = true } : e)] };
        await runtime.UpdateAsync(r => r with { Handover = now }, cancellationToken);
        List<EventDefinition> made = [.. now.Events.Where(e => e.Enabled && !IsOff(e))];
        foreach (var definition in made)
        {
            await _from.SetEventAsync(definition, enabled: false, cancellationToken);
        }

        if (made.Count > 0)
        {
            await AwaitEventsAsync(cancellationToken);
        }
    }

    private async Task AwaitEventsAsync(CancellationToken cancellationToken)
    {
        var began = environment.Time.GetTimestamp();
        while (await _from.ListRunningEventsAsync(cancellationToken) is { Count: > 0 } running)
        {
            if (environment.Time.GetElapsedTime(began).TotalSeconds >= request.DrainTimeoutSeconds)
            {
                if (!request.KillBlockers)
                {
                    throw new CutoverFailedException(
                        $"Not every event that runs on '{FromName}' came to its end within {request.DrainTimeoutSeconds:0.###} s: {Describe(running)}.",
                        $"Let it end, or end it on '{FromName}' with {string.Join(", ", running.Select(p => $"KILL {p.Id}"))}; allow more with --drain-timeout, or pass --kill-blockers.");
                }

                await _from.EndConnectionsAsync([.. running.Select(p => p.Id)], cancellationToken);
                return;
            }

            await Task.Delay(s_look, environment.Time, cancellationToken);
        }
    }

    internal static string Describe(IReadOnlyList<ServerProcess> running) =>
        string.Join("; ", running.Select(p => $"connection {p.Id}, as '{p.User}' in {p.Schema}, for {p.Seconds} s"));
}
