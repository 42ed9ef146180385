namespace Switchyard.Topology;

/// <summary>A backend as stored: the whole DSN is encrypted, since any part of it may tell something.</summary>
internal sealed record BackendRecord(string Name, string ProtectedDsn, string? ServerVersion, DateTimeOffset AddedAt)
{
    public IReadOnlyList<string>? ProtectedDsnsBefore { get; init; }

    public static string Write(Backend backend, SecretProtector secrets) =>
        TopologyJson.Write(new BackendRecord(
            backend.Name, secrets.Protect(TopologyKeys.Backend(backend.Name), backend.Dsn), backend.ServerVersion, backend.AddedAt)
        {
            ProtectedDsnsBefore = backend.DsnsBefore.Count == 0 ? null : [.. backend.DsnsBefore.Select(d => secrets.Protect(TopologyKeys.Backend(backend.Name), d))],
        });

    public static Backend Read(StoreEntry entry, SecretProtector secrets)
    {
        var record = TopologyJson.Read<BackendRecord>(entry.Key, entry.Value);
        return new Backend(record.Name, secrets.Unprotect(entry.Key, record.ProtectedDsn)) 
        {
            ServerVersion = record.ServerVersion,
            AddedAt = record.AddedAt,
            DsnsBefore = [.. (record.ProtectedDsnsBefore ?? []).Select(d => secrets.Unprotect(entry.Key, d))],
        };
    }
}
