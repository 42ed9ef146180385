using System.Text;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Login;

/// <summary>An error to answer a login with, as the server would.</summary>
public sealed record LoginRefusal(ushort Code, string SqlState, string Message)
{
    /// <summary>Writes it as an ERR packet's payload.</summary>
    public void Write(PayloadWriter writer, Capabilities capabilities) =>
        new ErrorPayload { Code = Code, SqlState = Encoding.UTF8.GetBytes(SqlState), Message = Encoding.UTF8.GetBytes(Message) }.Write(writer, capabilities);

    /// <summary>Error 1045, in the words of the servers.</summary>
    public static LoginRefusal AccessDenied(string user, ClientHost client, bool withPassword) =>
        new(1045, "28000", $"Access denied for user '{user}'@'{client}' (using password: {(withPassword ? "YES" : "NO")})");

    internal static LoginRefusal CannotProve(string message) => new(1251, "08004", message);
}

/// <summary>How a login ended so far: a proof still to be tried at the backend, or a refusal.</summary>
/// <param name="Proof">Set when the client proved itself as far as the proxy can tell.</param>
/// <param name="Refusal">Set otherwise.</param>
public sealed record LoginOutcome(ClientProof? Proof, LoginRefusal? Refusal)
{
    /// <summary>What the backend is to see fail as well; null when there is nothing to count.</summary>
    public FailedLogin? Failed { get; private init; }

    internal static LoginOutcome Accept(ClientProof proof) => new(proof, null);

    internal static LoginOutcome Refuse(LoginRefusal refusal) => new(null, refusal);

    internal static LoginOutcome Deny(FailedLogin failed) =>
        new(null, LoginRefusal.AccessDenied(failed.User, failed.Client, failed.WithPassword)) { Failed = failed };
}
