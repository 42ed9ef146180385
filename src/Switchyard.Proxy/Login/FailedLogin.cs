namespace Switchyard.Proxy.Login;

/// <summary>A login that the proxy has found wrong by itself, and that the backend has not seen yet: it is the backend's to count.</summary>
/// <param name="User">As the client gave it.</param>
/// <param name="Client">The client as the server would see it.</param>
/// <param name="WithPassword">The client gave a password.</param>
/// <param name="Candidates">See <see cref="AccountMatch.Candidates"/>.</param>
public sealed record FailedLogin(string User, ClientHost Client, bool WithPassword, IReadOnlyList<Account> Candidates)
{
    /// <summary>The account's user name, empty for the anonymous one; null when the client has no account, whatever name it made up.</summary>
    public string? AccountUser => Candidates.Count == 0 ? null : Candidates[0].User;
}
