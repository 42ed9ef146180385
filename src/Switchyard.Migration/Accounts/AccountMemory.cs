using System.Text;
using Switchyard.Client;
using Switchyard.Topology;

namespace Switchyard.Migration;

/// <summary>
/// Keeps what the source has stored to verify the accounts whose passwords on the target are ours, so that their clients can be let in without it: when these are made,
/// at each switch, since a source may be gone after it, and when it is left behind.
/// </summary>
internal sealed class AccountMemory(MigrationEnvironment environment, MigrationRecord record)
{
    private static readonly HashSet<string> s_verifiable = new(StringComparer.Ordinal) { "mysql_native_password", "caching_sha2_password", "sha256_password" };

    /// <summary>The accounts whose clients only the source can verify, with the plugin that is why.</summary>
    public async Task<IReadOnlyList<string>> FindUnverifiableAsync(CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        await VisitAsync((credential, proof, _) =>
        {
            if (proof is not null && !s_verifiable.Contains(proof.Plugin))
            {
                problems.Add($"the account '{credential.User}'@'{credential.Host}' has a generated password on '{record.Settings.Target}', and clients of {proof.Plugin} can only be verified by '{record.Settings.Source}'");
            }

            return Task.CompletedTask;
        }, cancellationToken);
        return problems;
    }

    /// <summary>The accounts whose clients nobody can verify without the source, as nothing is kept of them.</summary>
    public async Task<IReadOnlyList<string>> FindForgottenAsync(CancellationToken cancellationToken) =>
    [
        .. (await environment.Topology.ListLegCredentialsAsync(record.Settings.Target, cancellationToken)).Where(c => c.Verifier is null).Select(c => new Account(c.User, c.Host).ToString()),
    ];

    /// <summary>Keeps the verifiers as they are now. Safe to repeat.</summary>
    public Task KeepAsync(CancellationToken cancellationToken) => VisitAsync(async (credential, proof, target) =>
    {
        if (proof is not null && s_verifiable.Contains(proof.Plugin) && await target.ReadProofAsync(new Account(credential.User, credential.Host), cancellationToken) is { } made)
        {
            var verifier = new AccountVerifier(proof.Plugin, Encoding.UTF8.GetString(proof.Hash), AccountVerifier.Fingerprint(made.Hash));
            if (!(await environment.Topology.Begin().Put(credential with { Verifier = verifier }).CommitAsync(cancellationToken)).Succeeded)
            {
                throw MigrationException.Failed("conflict", "The store changed at the same moment.", "Try again.");
            }
        }
    }, cancellationToken);

    private async Task VisitAsync(Func<LegCredential, AccountProof?, AccountCatalog, Task> visit, CancellationToken cancellationToken)
    {
        var credentials = await environment.Topology.ListLegCredentialsAsync(record.Settings.Target, cancellationToken);
        if (credentials.Length == 0)
        {
            return;
        }

        await using var source = await BackendConnection.OpenAsync(await environment.BackendAsync(record.Settings.Source, cancellationToken), cancellationToken);
        await using var target = await BackendConnection.OpenAsync(await environment.BackendAsync(record.Settings.Target, cancellationToken), cancellationToken);
        var (from, to) = (new AccountCatalog(source), new AccountCatalog(target));
        foreach (var credential in credentials)
        {
            await visit(credential, await from.ReadProofAsync(new Account(credential.User, credential.Host), cancellationToken), to);
        }
    }
}
