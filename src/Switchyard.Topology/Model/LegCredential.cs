using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;

namespace Switchyard.Topology;

/// <summary>
/// How the proxy logs in to a backend for a client account whose own proof does not open that backend: the password of an account made by
/// Switchyard there. Encrypted in the store; never printed.
/// </summary>
public sealed record LegCredential(string Backend, string User, string Host, string BackendUser, [property: JsonIgnore] string Password)
{
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>What the client's own password is verified by once nobody asks the account's former server any more; null before that.</summary>
    public AccountVerifier? Verifier { get; init; }

    private bool PrintMembers(StringBuilder builder)
    {
        builder.Append("Backend = ").Append(Backend).Append(", Account = ").Append(User).Append('@').Append(Host);
        return true;
    }
}

/// <summary>
/// What the former server of an account had stored to verify its password. It verifies and does not open anything; encrypted in the store
/// all the same, and never printed.
/// </summary>
/// <param name="Plugin">The former server's plugin.</param>
/// <param name="AuthenticationString">What it had stored.</param>
/// <param name="MadeFor">Fingerprint of what the new server stores for the password we made; another password set there ends this one's use.</param>
public sealed record AccountVerifier(string Plugin, string AuthenticationString, string MadeFor)
{
    /// <summary>The fingerprint of what a server stores for an account.</summary>
    public static string Fingerprint(ReadOnlySpan<byte> authenticationString) => Convert.ToHexString(SHA256.HashData(authenticationString));

    public override string ToString() => Plugin;
}

/// <summary>Where the proxy finds leg credentials.</summary>
public interface ILegCredentials
{
    /// <summary>The credential for the account <c>user@host</c> (as the backend names accounts) on a backend; null when the client's own proof is to be used.</summary>
    ValueTask<LegCredential?> FindAsync(string backend, string user, string host, CancellationToken cancellationToken = default);
}
