namespace Switchyard.Proxy.Login;

/// <summary>
/// An account whose password the configuration gives, because its plugin proves without revealing anything that opens a backend
/// (<c>ed25519</c>, <c>parsec</c>), or because the other side of a migration needs the password itself.
/// </summary>
/// <param name="User">The account's user.</param>
/// <param name="Host">The account's host, as <c>CURRENT_USER()</c> shows it.</param>
/// <param name="Password">A secret, never printed.</param>
public sealed record ConfiguredAccount(string User, string Host, string Password)
{
    /// <summary>Whether this is that account; host names are compared without regard to case.</summary>
    public bool Is(Account account) => account.User == User && string.Equals(account.Host, Host, StringComparison.OrdinalIgnoreCase);

    public override string ToString() => $"{User}@{Host}";
}
