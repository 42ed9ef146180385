namespace Switchyard.Topology;

/// <summary>
/// A typed transaction: what must still be true, what to write, committed together or not at all. Not safe for use by two threads.
/// </summary>
public sealed class TopologyTransaction
{
    private readonly ITopologyStore _store;
    private readonly SecretProtector _secrets;
    private StoreTransaction _transaction = StoreTransaction.Empty;

    internal TopologyTransaction(ITopologyStore store, SecretProtector secrets)
    {
        _store = store;
        _secrets = secrets;
    }

    /// <summary>The record is as it was read (an absent one is still absent).</summary>
    public TopologyTransaction Require<T>(Versioned<T> record) => With(_transaction.Expect(record.Key, record.Revision));

    /// <summary>The lock is still held by its holder.</summary>
    public TopologyTransaction Require(MigrationLock held) => Require(held.Record);

    /// <summary>No proxy has joined or left.</summary>
    public TopologyTransaction Require(Membership membership)
    {
        With(_transaction.ExpectUnchanged(TopologyKeys.Proxies, membership.Revision));
        foreach (var member in membership.Members)
        {
            Require(member);
        }

        return this;
    }

    public TopologyTransaction RequireAbsent(string key) => With(_transaction.ExpectAbsent(key));

    public TopologyTransaction Put(RoutingTable table) => With(_transaction.Put(TopologyKeys.Routing, TopologyJson.Write(table)));

    public TopologyTransaction Put(Backend backend) => With(_transaction.Put(TopologyKeys.Backend(backend.Name), BackendRecord.Write(backend, _secrets)));

    public TopologyTransaction Put(Gate gate) => With(_transaction.Put(TopologyKeys.Gate(gate.Id), TopologyJson.Write(gate)));

    /// <summary>Under the proxy's lease, so that a dead proxy's answers go with it.</summary>
    public TopologyTransaction Put(GateAck ack, Lease? lease = null) =>
        With(_transaction.Put(TopologyKeys.GateAck(ack.GateId, ack.ProxyId), TopologyJson.Write(ack), lease));

    public TopologyTransaction Put(WarmRequest request) => With(_transaction.Put(TopologyKeys.WarmRequest(request.Id), TopologyJson.Write(request)));

    public TopologyTransaction Put(WarmAck ack, Lease? lease = null) =>
        With(_transaction.Put(TopologyKeys.WarmAck(ack.RequestId, ack.ProxyId), TopologyJson.Write(ack), lease));

    public TopologyTransaction Put(ProxyMember member, Lease lease) =>
        With(_transaction.Put(TopologyKeys.Proxy(member.Id), TopologyJson.Write(member), lease));

    public TopologyTransaction Put(LegCredential credential) =>
        With(_transaction.Put(TopologyKeys.Account(credential.Backend, credential.User, credential.Host), LegCredentialRecord.Write(credential, _secrets)));

    /// <summary>Adds an entry to the journal; the transaction fails when that sequence number is taken.</summary>
    public TopologyTransaction Append(JournalEntry entry)
    {
        var key = TopologyKeys.JournalEntry(entry.Migration, entry.Operation, entry.Sequence);
        return With(_transaction.ExpectAbsent(key).Put(key, TopologyJson.Write(entry)));
    }

    /// <summary>Writes a migration's state, whose shape belongs to the caller.</summary>
    public TopologyTransaction PutMigration<T>(string name, T state) => With(_transaction.Put(TopologyKeys.Migration(name), TopologyJson.Write(state)));

    /// <summary>Writes any other record under a key of the caller's.</summary>
    public TopologyTransaction PutValue<T>(string key, T value, Lease? lease = null) => With(_transaction.Put(key, TopologyJson.Write(value), lease));

    public TopologyTransaction Delete(string key) => With(_transaction.Delete(key));

    public Task<CommitResult> CommitAsync(CancellationToken cancellationToken = default) => _store.CommitAsync(_transaction, cancellationToken);

    private TopologyTransaction With(StoreTransaction transaction)
    {
        _transaction = transaction;
        return this;
    }
}
