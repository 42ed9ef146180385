using Switchyard.Client;
using Switchyard.Wire;

namespace Switchyard.Proxy.Login;

/// <summary>How a server reads what comes on a connection, from its login on: by its own settings, the client's choice, and <c>init_connect</c>.</summary>
/// <param name="SqlMode">Modes, separated by commas.</param>
/// <param name="ClientCharacterSet">The character set of statements.</param>
public sealed record LegSettings(string SqlMode, string ClientCharacterSet);

/// <summary>
/// A backend sees the proxy's address, not the client's, so it may choose another account of the same name, with other rights. Such a
/// session is refused rather than let in as somebody else.
/// </summary>
public static class LegIdentity
{
    /// <summary>
    /// ER_MUST_CHANGE_PASSWORD: the answer to everything but setting another password, on a connection that was let in with an expired one.
    /// </summary>
    public const int MustChangePassword = 1820;

    /// <summary>Asks who has logged in, in UTF-8 whatever the client's character set: swe7 has no @.</summary>
    public const string CurrentUser = "CAST(CURRENT_USER() AS BINARY)";

    /// <summary>Asks a leg who it is, and how its server reads.</summary>
    /// <returns>No refusal when it is the client's own account; else what to answer the client with.</returns>
    public static async Task<(LoginRefusal? Refusal, LegSettings Settings)> CheckAsync(BackendConnection leg, ClientProof proof, CancellationToken cancellationToken)
    {
        var answer = await leg.QueryAsync($"SELECT {CurrentUser}, @@sql_mode, @@character_set_client", cancellationToken).ConfigureAwait(false);
        if (answer.RowCount != 1 || answer.Columns.Count != 3 || answer.GetStringOrNull(0, 0) is not { } user)
        {
            throw new MalformedPacketException("The server does not say who has logged in.");
        }

        return (
            IsClients(user, proof) ? null : LoginRefusal.AccessDenied(proof.User, proof.Client, withPassword: proof.Password is not ""),
            new LegSettings(answer.GetStringOrNull(0, 1) ?? "", answer.GetStringOrNull(0, 2) ?? ""));
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
    /// A backend's refusal of a leg, in the words the client would have heard: servers name whom they talk to, which is the proxy.
    /// </summary>
    public static LoginRefusal ForClient(ServerErrorException error, ClientProof proof) =>
        ForClient(error, proof.User, proof.Client, withPassword: proof.Password is not "");

    /// <inheritdoc cref="ForClient(ServerErrorException, ClientProof)"/>
    /// <param name="withPassword">The client gave a password.</param>
    public static LoginRefusal ForClient(ServerErrorException error, string user, ClientHost client, bool withPassword) => error.Code == AccessDenied
        ? LoginRefusal.AccessDenied(user, client, withPassword)
        : new LoginRefusal((ushort)error.Code, error.SqlState, s_namesHost.Contains(error.Code) ? Renamed(error.ServerMessage, user, client) : error.ServerMessage);

    private const int AccessDenied = 1045;

    /// <summary>
    /// Begin with the user and where it connects from: ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_ACCOUNT_HAS_BEEN_LOCKED and
    /// ER_USER_ACCESS_DENIED_FOR_USER_ACCOUNT_BLOCKED_BY_PASSWORD_LOCK. Others of such a beginning (1044) name the account.
    /// </summary>
    private static readonly HashSet<int> s_namesHost = [1698, 3118, 3955];

    private static string Renamed(string message, string user, ClientHost client)
    {
        var start = $"Access denied for user '{user}'@'";
        var end = message.StartsWith(start, StringComparison.Ordinal) ? message.IndexOf('\'', start.Length) : -1;
        return end < 0 ? message : $"{start}{client}{message[end..]}";
    }
}
