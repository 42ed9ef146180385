namespace Switchyard.Migration;

/// <summary>
/// Every verb of a migration. Safe for concurrent use; two verbs that change the same migration exclude each other, and the
/// later one is refused at once with the name of the running one.
/// </summary>
/// <remarks>Every method throws <see cref="MigrationException"/> for what the operator can act on.</remarks>
public interface IMigrationService
{
    /// <summary>Checks everything, records the migration and, with <see cref="CreateMigrationRequest.AutoStart"/>, starts it.</summary>
    Task<MigrationStatus> CreateAsync(CreateMigrationRequest request, CancellationToken cancellationToken);

    /// <summary>All migrations, by name.</summary>
    Task<IReadOnlyList<MigrationSummary>> ListAsync(CancellationToken cancellationToken);

    /// <summary>Settings, rules and journal.</summary>
    Task<MigrationDetails> ShowAsync(string name, CancellationToken cancellationToken);

    /// <summary>Where it stands, from memory: cheap enough to ask twice a second.</summary>
    Task<MigrationStatus> StatusAsync(string name, CancellationToken cancellationToken);

    /// <summary>Runs the checks of <see cref="CreateAsync"/> again for an existing migration.</summary>
    Task<PreflightReport> PreflightAsync(string name, CancellationToken cancellationToken);

    /// <summary>Runs the checks of <see cref="CreateAsync"/> without creating anything.</summary>
    Task<PreflightReport> PreflightAsync(CreateMigrationRequest request, CancellationToken cancellationToken);

    /// <summary>Starts a created migration, or goes on with a stopped one or one in error.</summary>
    Task<MigrationStatus> StartAsync(string name, StartRequest request, CancellationToken cancellationToken);

    /// <summary>Stops copy and streams; routing stays as it is.</summary>
    Task<MigrationStatus> StopAsync(string name, CancellationToken cancellationToken);

    /// <summary>Takes further tables of the migrated schemas into a migration that is under way, while the source is written and read.</summary>
    Task<MigrationStatus> AddTablesAsync(string name, AddTablesRequest request, CancellationToken cancellationToken);

    /// <summary>Holds the copy, lets it go on, or changes the load at which it waits.</summary>
    Task<MigrationStatus> ThrottleAsync(string name, ThrottleRequest request, CancellationToken cancellationToken);

    /// <summary>Forgets a migration that is created, completed or cancelled.</summary>
    Task DeleteAsync(string name, CancellationToken cancellationToken);

    /// <summary>Starts a full comparison in the background.</summary>
    Task<DiffReport> StartDiffAsync(string name, DiffRequest request, CancellationToken cancellationToken);

    /// <summary>The running or last comparison.</summary>
    Task<DiffReport> ShowDiffAsync(string name, CancellationToken cancellationToken);

    /// <summary>Waits for the running comparison to end and returns it.</summary>
    Task<DiffReport> WaitDiffAsync(string name, CancellationToken cancellationToken);

    /// <summary>Stops the running comparison; what is compared is kept.</summary>
    Task<DiffReport> StopDiffAsync(string name, CancellationToken cancellationToken);

    /// <summary>Goes on with a stopped comparison.</summary>
    Task<DiffReport> ResumeDiffAsync(string name, CancellationToken cancellationToken);

    /// <summary>Makes the differing rows of the last comparison equal to the authoritative side's.</summary>
    Task<DiffReport> RepairDiffAsync(string name, CancellationToken cancellationToken);

    /// <summary>Data-router mode on, changed, or off.</summary>
    Task<MigrationStatus> ValidateAsync(string name, ValidateRequest request, CancellationToken cancellationToken);

    /// <summary>What data-router mode has shown, with every shape of statement compared.</summary>
    Task<ValidationStatus> ShowValidationAsync(string name, CancellationToken cancellationToken);

    /// <summary>Makes the target authoritative.</summary>
    Task<SwitchReport> SwitchAsync(string name, SwitchRequest request, CancellationToken cancellationToken);

    /// <summary>Makes the source authoritative again.</summary>
    Task<SwitchReport> ReverseAsync(string name, SwitchRequest request, CancellationToken cancellationToken);

    /// <summary>Finishes a switched migration.</summary>
    Task<CompleteReport> CompleteAsync(string name, CompleteRequest request, CancellationToken cancellationToken);

    /// <summary>Deletes the connection details of the source of a completed migration.</summary>
    Task<MigrationStatus> DetachAsync(string name, CancellationToken cancellationToken);

    /// <summary>Takes a migration back while the source is authoritative.</summary>
    Task<MigrationStatus> CancelAsync(string name, CancelRequest request, CancellationToken cancellationToken);

    /// <summary>Says what is held, half done or in error, and what <see cref="RepairAsync"/> would do.</summary>
    Task<Diagnosis> DiagnoseAsync(string name, CancellationToken cancellationToken);

    /// <summary>Rolls a half-done operation back or forward, and restarts what has failed.</summary>
    Task<Diagnosis> RepairAsync(string name, CancellationToken cancellationToken);

    /// <summary>Creates the application's accounts on the target.</summary>
    Task<CopyAccountsReport> CopyAccountsAsync(string name, CopyAccountsRequest request, CancellationToken cancellationToken);

    /// <summary>Whether every unfinished migration that uses a backend could go on with another server in its place; changes nothing.</summary>
    Task VerifyBackendMoveAsync(string backend, Client.ConnectionOptions server, CancellationToken cancellationToken);

    /// <summary>Lets the migrations of a backend connect to it anew, where it is now.</summary>
    Task ReconnectBackendAsync(string backend, CancellationToken cancellationToken);

    /// <summary>What happens from now on, for as long as it is enumerated. A slow reader misses the oldest, never blocks the engine.</summary>
    IAsyncEnumerable<MigrationEvent> WatchAsync(CancellationToken cancellationToken);
}
