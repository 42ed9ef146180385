using System.Text;
using Switchyard.Topology;

namespace Switchyard.Proxy.Login;

/// <summary>
/// The accounts of one backend whose passwords there are of Switchyard's making, with what their former server had stored to verify the
/// clients' own. A migration leaves it behind when it is completed.
/// </summary>
public sealed class RememberedAccounts(ILegCredentials credentials, string backend)
{
    /// <summary>
    /// What verifies the client; null when the account verifies itself. That it does as soon as anybody has set another password on the
    /// backend. A store that does not answer verifies nobody.
    /// </summary>
    public async ValueTask<AccountAuthentication?> FindAsync(Account account, CancellationToken cancellationToken)
    {
        try
        {
            return await credentials.FindAsync(backend, account.User, account.Host, cancellationToken).ConfigureAwait(false) is { Verifier: { } verifier }
                && account.Authentications.Any(a => AccountVerifier.Fingerprint(Encoding.UTF8.GetBytes(a.AuthenticationString)) == verifier.MadeFor)
                ? new AccountAuthentication(verifier.Plugin, verifier.AuthenticationString)
                : null;
        }
        catch (TopologyStoreException)
        {
            return null;
        }
    }
}
