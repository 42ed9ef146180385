namespace Switchyard.Topology;

/// <summary>Who works on a migration, and at what, so that a second operator is told.</summary>
public sealed record MigrationLockHolder(string Owner, string Purpose, DateTimeOffset Since);

/// <summary>
/// The right to work on a migration, held under a lease that is kept alive until disposal. Transactions of the work compare
/// <see cref="Record"/>, so that a holder who lost the lock cannot commit.
/// </summary>
public sealed class MigrationLock : IAsyncDisposable
{
    private readonly LeaseKeeper _keeper;

    internal MigrationLock(LeaseKeeper keeper, Versioned<MigrationLockHolder> record)
    {
        _keeper = keeper;
        Record = record;
    }

    public Versioned<MigrationLockHolder> Record { get; }

    /// <summary>Cancelled when the lock can no longer be relied on.</summary>
    public CancellationToken Lost => _keeper.Lost;

    public ValueTask DisposeAsync() => _keeper.DisposeAsync();
}
