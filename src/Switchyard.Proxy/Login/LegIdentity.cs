using Switchyard.Client;

namespace Switchyard.Proxy.Login;

/// <summary>
/// A backend sees the proxy's address, not the client's, so it may choose another account of the same name, with other rights. Such a
/// session is refused rather than let in as somebody else.
/// </summary>
public static class LegIdentity
{
    /// <summary>Asks a leg who it is.</summary>
    /// <returns>Null when it is the client's own account; else the refusal to answer the client with.</returns>
    public static async Task<LoginRefusal?> CheckAsync(BackendConnection leg, ClientProof proof, CancellationToken cancellationToken)
    {
        var answer = await leg.QueryAsync("SELECT CURRENT_USER()", cancellationToken).ConfigureAwait(false);
        return IsClients(answer.GetString(0, 0), proof)
            ? null
            : LoginRefusal.AccessDenied(proof.User, proof.Client, withPassword: proof.Password is not "");
    }

    /// <summary>Whether <c>CURRENT_USER()</c> on a leg names an account the server would have chosen for the client itself.</summary>
    public static bool IsClients(string currentUser, ClientProof proof) => proof.Candidates.Any(account => IsSame(currentUser, account));

    /// <summary>Whether <c>CURRENT_USER()</c> names this account; host names are compared without regard to case.</summary>
    public static bool IsSame(string currentUser, Account account)
    {
        var at = currentUser.LastIndexOf('@');
        return at >= 0 && currentUser.AsSpan(0, at).SequenceEqual(account.User) &&
            currentUser.AsSpan(at + 1).Equals(account.Host, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>
    /// A backend's refusal of a leg, in the words the client would have heard: error 1045 names the client's host, not the proxy's.
    /// </summary>
    public static LoginRefusal ForClient(ServerErrorException error, ClientProof proof) => error.Code == 1045
        ? LoginRefusal.AccessDenied(proof.User, proof.Client, withPassword: proof.Password is not "")
        : new LoginRefusal((ushort)error.Code, error.SqlState, error.ServerMessage);
}
