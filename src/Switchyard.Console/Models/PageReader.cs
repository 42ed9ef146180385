using Switchyard.WebConsole.Live;
using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.WebConsole.Models;

/// <summary>Reads what a page shows, all of it at one moment.</summary>
internal sealed class PageReader(IServiceProvider services, MigrationAccess migrations, TopologyView view, EventLog events, TimeProvider time)
{
    private const int RecentEvents = 12;
    private const int MaxSessions = 200;

    private IMigrationService Migrations => migrations.Current;

    public async Task<OverviewModel> OverviewAsync(CancellationToken cancellationToken)
    {
        var cards = new List<MigrationCard>();
        foreach (var summary in await Migrations.ListAsync(cancellationToken))
        {
            try
            {
                var details = await Migrations.ShowAsync(summary.Name, cancellationToken);
                var last = SwitchTiming.Read(details.Journal, details.Status.Operation is not null).FirstOrDefault(timing => timing.Outcome == "done" && timing.PauseMs is not null);
                cards.Add(new MigrationCard(details.Status, last));
            }
            catch (MigrationException e) when (e.ExitCode == 4)
            {
                // Deleted meanwhile.
            }
        }

        return new OverviewModel(cards, view.Current, events.Latest(RecentEvents), time.GetUtcNow());
    }

    public async Task<MigrationModel> MigrationAsync(string name, CancellationToken cancellationToken)
    {
        var details = await Migrations.ShowAsync(name, cancellationToken);
        var diff = await Migrations.ShowDiffAsync(name, cancellationToken);
        var validation = await Migrations.ShowValidationAsync(name, cancellationToken);
        var troubled = details.Status.Operation is not null || details.Status.Error is not null;
        var diagnosis = troubled ? await Migrations.DiagnoseAsync(name, cancellationToken) : null;
        return new MigrationModel(
            details, diff, SwitchTiming.Read(details.Journal, details.Status.Operation is not null), diagnosis, validation, view.Current, events.Latest(RecentEvents, name), time.GetUtcNow());
    }

    public RoutingModel Routing() => new(view.Current, time.GetUtcNow());

    public ProxiesModel Proxies()
    {
        var sessions = (IConsoleSessions?)services.GetService(typeof(IConsoleSessions));
        var all = sessions?.List() ?? [];
        var shown = all.OrderByDescending(s => s.State == "held").ThenByDescending(s => s.Pins.Count).ThenByDescending(s => s.InTransaction).ThenBy(s => s.Id);
        return new ProxiesModel(view.Current, sessions?.ProxyId, [.. shown.Take(MaxSessions)], all.Count, time.GetUtcNow());
    }

    public EventsModel Events() => new(events.Latest(EventLog.Capacity), time.GetUtcNow());
}
