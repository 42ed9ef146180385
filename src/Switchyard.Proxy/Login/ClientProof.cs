using Switchyard.Client;
using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Login;

/// <summary>
/// What a client proved at its login, enough to log in to a backend in its name. Kept in memory only, as long as the session lives; never
/// prints its secrets.
/// </summary>
public sealed record ClientProof
{
    /// <summary>The user name as the client gave it.</summary>
    public required string User { get; init; }

    /// <summary>The account it was recognised as.</summary>
    public required Account Account { get; init; }

    /// <summary>The accounts the server may as well have chosen, this one included; see <see cref="AccountMatch.Candidates"/>.</summary>
    public required IReadOnlyList<Account> Candidates { get; init; }

    /// <summary>Where it comes from.</summary>
    public required ClientHost Client { get; init; }

    /// <summary>The plugin it was proven by.</summary>
    public required string Plugin { get; init; }

    /// <summary>The password, where the plugin revealed it; empty where the account has none.</summary>
    public string? Password { get; init; }

    /// <summary>SHA1(password), where the plugin revealed only that.</summary>
    public byte[]? PasswordSha1 { get; init; }

    /// <summary>SHA1(SHA1(password)) where the client proved itself by <c>mysql_native_password</c> and has a password.</summary>
    public byte[]? NativeHash =>
        Plugin == AuthPlugins.NativePassword && (PasswordSha1 ?? (string.IsNullOrEmpty(Password) ? null : NativePassword.HashPassword(Password))) is { } sha1
            ? NativePassword.StoredHash(sha1)
            : null;

    /// <summary>
    /// The proof was compared with the account's own hash. Otherwise it is a claim, until the backend whose accounts they are has accepted it.
    /// </summary>
    public bool IsVerified => IsConfigured || IsRemembered || Plugin == AuthPlugins.NativePassword;

    /// <summary>The proof was compared with the configuration's password, which is the one given here.</summary>
    public bool IsConfigured { get; init; }

    /// <summary>
    /// The proof was compared with what the account's former server had stored; the account's password on the present one is ours, and is
    /// used for its legs.
    /// </summary>
    public bool IsRemembered { get; init; }

    /// <summary>Options that log in to a backend as this client.</summary>
    public ConnectionOptions Apply(ConnectionOptions backend) => backend with { User = User, Password = Password, PasswordSha1 = PasswordSha1 };

    public override string ToString() => $"{User}@{Client} as {Account.CurrentUser} by {Plugin}";
}
