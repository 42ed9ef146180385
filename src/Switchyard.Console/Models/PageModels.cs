using Switchyard.Migration;
using Switchyard.Topology;

namespace Switchyard.WebConsole.Models;

/// <summary>One migration on the overview.</summary>
public sealed record MigrationCard(MigrationStatus Status, SwitchTiming? LastSwitch);

/// <summary>Everything the overview shows.</summary>
public sealed record OverviewModel(IReadOnlyList<MigrationCard> Cards, TopologyState Topology, IReadOnlyList<MigrationEvent> Events, DateTimeOffset Now);

/// <summary>Everything a migration's page shows.</summary>
public sealed record MigrationModel(
    MigrationDetails Details, DiffReport Diff, IReadOnlyList<SwitchTiming> Switches, Diagnosis? Diagnosis, ValidationStatus Validation, TopologyState Topology,
    IReadOnlyList<MigrationEvent> Events, DateTimeOffset Now)
{
    public MigrationStatus Status => Details.Status;
}

/// <summary>The routing table.</summary>
public sealed record RoutingModel(TopologyState Topology, DateTimeOffset Now);

/// <summary>Proxies, their gates' blockers and the sessions of this process.</summary>
public sealed record ProxiesModel(TopologyState Topology, string? ProxyId, IReadOnlyList<ConsoleSession> Sessions, int SessionCount, DateTimeOffset Now);

/// <summary>The events.</summary>
public sealed record EventsModel(IReadOnlyList<MigrationEvent> Events, DateTimeOffset Now);
