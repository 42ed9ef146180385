namespace Switchyard.Topology;

/// <summary>A leg credential as stored.</summary>
internal sealed record LegCredentialRecord(string Backend, string User, string Host, string BackendUser, string ProtectedPassword, DateTimeOffset CreatedAt)
{
    public string? VerifierPlugin { get; init; }

    public string? ProtectedVerifier { get; init; }

    public string? MadeFor { get; init; }

    public static string Write(LegCredential credential, SecretProtector secrets)
    {
        var key = TopologyKeys.Account(credential.Backend, credential.User, credential.Host);
        return TopologyJson.Write(new LegCredentialRecord(
            credential.Backend, credential.User, credential.Host, credential.BackendUser, secrets.Protect(key, credential.Password), credential.CreatedAt)
        {
            VerifierPlugin = credential.Verifier?.Plugin,
            ProtectedVerifier = credential.Verifier is { } verifier ? secrets.Protect(key, verifier.AuthenticationString) : null,
            MadeFor = credential.Verifier?.MadeFor,
        });
    }

    public static LegCredential Read(StoreEntry entry, SecretProtector secrets)
    {
        var record = TopologyJson.Read<LegCredentialRecord>(entry.Key, entry.Value);
        return new LegCredential(record.Backend, record.User, record.Host, record.BackendUser, secrets.Unprotect(entry.Key, record.ProtectedPassword))
        {
            CreatedAt = record.CreatedAt,
            Verifier = record is { VerifierPlugin: { } plugin, ProtectedVerifier: { } verifier, MadeFor: { } madeFor }
                ? new AccountVerifier(plugin, secrets.Unprotect(entry.Key, verifier), madeFor)
                : null,
        };
    }
}
