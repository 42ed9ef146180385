using System.Collections.Immutable;
using System.Text.Json;

namespace Switchyard.Topology;

/// <summary>Typed reads and commits over the store. Reads are consistent per call; what must be consistent across calls is compared at commit.</summary>
public sealed class TopologyRepository(ITopologyStore store, SecretProtector secrets, TimeProvider time) : ILegCredentials
{
    public ITopologyStore Store => store;

    public SecretProtector Secrets => secrets;

    /// <summary>Begins a transaction; nothing happens until it is committed.</summary>
    public TopologyTransaction Begin() => new(store, secrets);

    /// <summary>
    /// The name this store was given when it was made, never changed. Backends carry it with the epoch, so that an older copy of the store, or
    /// another one, is recognised.
    /// </summary>
    public async Task<string> GetIdentityAsync(CancellationToken cancellationToken = default)
    {
        var made = Guid.NewGuid().ToString("N");
        await store.CommitAsync(StoreTransaction.Empty.ExpectAbsent(TopologyKeys.Identity).Put(TopologyKeys.Identity, made), cancellationToken);
        return (await store.GetAsync(TopologyKeys.Identity, cancellationToken))!.Value;
    }

    /// <summary>Proves at start that the key is the one this store's secrets were encrypted with.</summary>
    /// <exception cref="TopologyStoreException">It is another key.</exception>
    public async Task CheckKeyAsync(CancellationToken cancellationToken = default)
    {
        const string Known = "switchyard";
        var made = secrets.Protect(TopologyKeys.KeyCheck, Known);
        await store.CommitAsync(StoreTransaction.Empty.ExpectAbsent(TopologyKeys.KeyCheck).Put(TopologyKeys.KeyCheck, made), cancellationToken);
        secrets.Unprotect(TopologyKeys.KeyCheck, (await store.GetAsync(TopologyKeys.KeyCheck, cancellationToken))!.Value);
    }

    /// <summary>The routing table's number, the measure of which of two copies of a store is newer.</summary>
    public async Task<long> GetEpochAsync(CancellationToken cancellationToken = default) => (await GetRoutingAsync(cancellationToken)).Value.Epoch;

    public async Task<Versioned<RoutingTable>> GetRoutingAsync(CancellationToken cancellationToken = default) =>
        await GetAsync<RoutingTable>(TopologyKeys.Routing, cancellationToken) ?? new Versioned<RoutingTable>(TopologyKeys.Routing, RoutingTable.Empty, 0);

    /// <summary>Backends in name order.</summary>
    public async Task<ImmutableArray<Backend>> ListBackendsAsync(CancellationToken cancellationToken = default) =>
        [.. (await store.ReadAsync(TopologyKeys.Backends, cancellationToken)).Entries.Select(entry => BackendRecord.Read(entry, secrets))];

    public async Task<Versioned<Backend>?> GetBackendAsync(string name, CancellationToken cancellationToken = default) =>
        await store.GetAsync(TopologyKeys.Backend(name), cancellationToken) is { } entry
            ? new Versioned<Backend>(entry.Key, BackendRecord.Read(entry, secrets), entry.ModRevision)
            : null;

    public Task<Versioned<Gate>?> GetGateAsync(string id, CancellationToken cancellationToken = default) =>
        GetAsync<Gate>(TopologyKeys.Gate(id), cancellationToken);

    public Task<ImmutableArray<Versioned<Gate>>> ListGatesAsync(CancellationToken cancellationToken = default) =>
        ListAsync<Gate>(TopologyKeys.Gates, cancellationToken);

    public async Task<ImmutableArray<GateAck>> ListGateAcksAsync(string gateId, CancellationToken cancellationToken = default) =>
        [.. (await ListAsync<GateAck>(TopologyKeys.GateAcksOf(gateId), cancellationToken)).Select(ack => ack.Value)];

    public async Task<ImmutableArray<WarmAck>> ListWarmAcksAsync(string requestId, CancellationToken cancellationToken = default) =>
        [.. (await ListAsync<WarmAck>(TopologyKeys.WarmAcksOf(requestId), cancellationToken)).Select(ack => ack.Value)];

    /// <summary>The live proxies, with the revision a flip compares.</summary>
    public async Task<Membership> GetMembershipAsync(CancellationToken cancellationToken = default)
    {
        var snapshot = await store.ReadAsync(TopologyKeys.Proxies, cancellationToken);
        return new Membership(snapshot.Revision, [.. snapshot.Entries.Select(Versioned<ProxyMember>)]);
    }

    /// <summary>Proxies that have begun and not ended in good order: the live ones, and those that died.</summary>
    public Task<ImmutableArray<Versioned<ProxyTrace>>> ListProxyTracesAsync(CancellationToken cancellationToken = default) =>
        ListAsync<ProxyTrace>(TopologyKeys.ProxyTraces, cancellationToken);

    public Task<Versioned<T>?> GetMigrationAsync<T>(string name, CancellationToken cancellationToken = default) =>
        GetAsync<T>(TopologyKeys.Migration(name), cancellationToken);

    public Task<ImmutableArray<Versioned<T>>> ListMigrationsAsync<T>(CancellationToken cancellationToken = default) =>
        ListAsync<T>(TopologyKeys.Migrations, cancellationToken);

    /// <summary>A migration's state as JSON of the shape its owner chose.</summary>
    public Task<Versioned<JsonElement>?> GetMigrationJsonAsync(string name, CancellationToken cancellationToken = default) =>
        GetAsync<JsonElement>(TopologyKeys.Migration(name), cancellationToken);

    /// <summary>All journal entries of a migration, or of one of its operations, oldest operation id first, then in the order written.</summary>
    public async Task<ImmutableArray<JournalEntry>> ListJournalAsync(string migration, string? operation = null, CancellationToken cancellationToken = default) =>
        [.. (await ListAsync<JournalEntry>(
            operation is null ? TopologyKeys.JournalOf(migration) : TopologyKeys.JournalOf(migration, operation), cancellationToken)).Select(entry => entry.Value)];

    /// <summary>Takes the right to work on a migration; null when somebody else has it (see <see cref="GetMigrationLockAsync"/>).</summary>
    public async Task<MigrationLock?> TryLockMigrationAsync(
        string migration, string owner, string purpose, TimeSpan timeToLive, CancellationToken cancellationToken = default)
    {
        var key = TopologyKeys.Lock(migration);
        var holder = new MigrationLockHolder(owner, purpose, time.GetUtcNow());
        var keeper = await LeaseKeeper.StartAsync(store, timeToLive, time, cancellationToken);
        try
        {
            var result = await Begin().RequireAbsent(key).PutValue(key, holder, keeper.Lease).CommitAsync(cancellationToken);
            if (result.Succeeded)
            {
                return new MigrationLock(keeper, new Versioned<MigrationLockHolder>(key, holder, result.Revision));
            }
        }
        catch
        {
            await keeper.DisposeAsync();
            throw;
        }

        await keeper.DisposeAsync();
        return null;
    }

    /// <summary>Who works on a migration now; null when nobody does.</summary>
    public async Task<MigrationLockHolder?> GetMigrationLockAsync(string migration, CancellationToken cancellationToken = default) =>
        (await GetAsync<MigrationLockHolder>(TopologyKeys.Lock(migration), cancellationToken))?.Value;

    public async ValueTask<LegCredential?> FindAsync(string backend, string user, string host, CancellationToken cancellationToken = default) =>
        await store.GetAsync(TopologyKeys.Account(backend, user, host), cancellationToken) is { } entry ? LegCredentialRecord.Read(entry, secrets) : null;

    public async Task<ImmutableArray<LegCredential>> ListLegCredentialsAsync(string backend, CancellationToken cancellationToken = default) =>
        [.. (await store.ReadAsync(TopologyKeys.AccountsOf(backend), cancellationToken)).Entries.Select(entry => LegCredentialRecord.Read(entry, secrets))];

    /// <summary>Any other record, by key; null when it is absent.</summary>
    public async Task<Versioned<T>?> GetAsync<T>(string key, CancellationToken cancellationToken = default) =>
        await store.GetAsync(key, cancellationToken) is { } entry ? Versioned<T>(entry) : null;

    /// <summary>Any other records under a prefix, in key order.</summary>
    public async Task<ImmutableArray<Versioned<T>>> ListAsync<T>(string prefix, CancellationToken cancellationToken = default) =>
        [.. (await store.ReadAsync(prefix, cancellationToken)).Entries.Select(Versioned<T>)];

    private static Versioned<T> Versioned<T>(StoreEntry entry) => new(entry.Key, TopologyJson.Read<T>(entry.Key, entry.Value), entry.ModRevision);
}
