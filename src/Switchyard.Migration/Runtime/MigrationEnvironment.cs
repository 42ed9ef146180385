using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>What every migration of a process shares.</summary>
internal sealed record MigrationEnvironment(
    TopologyRepository Topology,
    TopologyView View,
    AppliedPositions Applied,
    IReplicationEngine Engine,
    IServerSides Sides,
    TimeProvider Time,
    ILogger Log,
    EventHub Events,
    MigrationServiceOptions Options)
{
    /// <summary>What the proxy of this process finds out about reads.</summary>
    public ReadValidation Validation { get; init; } = new();

    /// <summary>Tells this process from others in locks.</summary>
    public string Owner { get; } = $"{Environment.MachineName}:{Environment.ProcessId}";

    /// <summary>The connection options of a backend by name.</summary>
    public async Task<ConnectionOptions> BackendAsync(string name, CancellationToken cancellationToken)
    {
        if (await Topology.GetBackendAsync(name, cancellationToken) is not { } backend)
        {
            throw MigrationException.NotFound("backend", name);
        }

        try
        {
            return ConnectionOptions.Parse(backend.Value.Dsn);
        }
        catch (FormatException e)
        {
            throw MigrationException.Refused("bad_dsn", $"The connection string of the backend '{name}' cannot be used: {e.Message}", $"Remove the backend and add it with a correct connection string.");
        }
    }
}

/// <summary>Limits of the migration engine; the defaults are meant for production.</summary>
public sealed record MigrationServiceOptions
{
    /// <summary>How long a held lock on a migration outlives a process that died.</summary>
    public TimeSpan LockTimeToLive { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Statements a gate holds before the switch is given up.</summary>
    public int MaxHeldStatements { get; init; } = 100_000;

    /// <summary>Bytes of statements a gate holds before the switch is given up.</summary>
    public long MaxHeldBytes { get; init; } = 256L << 20;

    /// <summary>How long the proxies have to open their sessions' legs to the new side; after that the switch goes on without the rest.</summary>
    public TimeSpan WarmLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long to wait for the proxies' word that everything held has gone out; only the report depends on it.</summary>
    public TimeSpan ReleaseLimit { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a stream that is still connecting is waited for.</summary>
    public TimeSpan ConnectLimit { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a small write of ours may take before its server counts as one that takes none.</summary>
    public TimeSpan WriteLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a stream may take to end in good order; after that its connections are cut.</summary>
    public TimeSpan StopLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long undoing may take on a server that nobody waits for; after that it is left to <c>repair</c>.</summary>
    public TimeSpan UndoLimit { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How long a server may take for one step of a verb, such as listing its accounts or dropping some tables; after that the verb ends with what the server is doing.
    /// </summary>
    public TimeSpan StepLimit { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often what validation has found is written down.</summary>
    public TimeSpan ValidationSaveInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The statements the proxy has seen.</summary>
    public ObservedStatements Observed { get; init; } = new();

    /// <summary>A clean comparison older than this does not count at a switch.</summary>
    public TimeSpan DiffFreshness { get; init; } = TimeSpan.FromHours(24);
}
