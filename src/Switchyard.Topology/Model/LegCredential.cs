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

    private bool PrintMembers(StringBuilder builder)
    {
        builder.Append("Backend = ").Append(Backend).Append(", Account = ").Append(User).Append('@').Append(Host);
        return true;
    }
}

/// <summary>Where the proxy finds leg credentials.</summary>
public interface ILegCredentials
{
    /// <summary>The credential for the account <c>user@host</c> (as the backend names accounts) on a backend; null when the client's own proof is to be used.</summary>
    ValueTask<LegCredential?> FindAsync(string backend, string user, string host, CancellationToken cancellationToken = default);
}
