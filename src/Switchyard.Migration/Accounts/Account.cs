using Switchyard.Client;

namespace Switchyard.Migration;

/// <summary>An account as its server names it.</summary>
internal sealed record Account(string User, string Host)
{
    public string Quoted => $"{SqlText.QuoteString(User)}@{SqlText.QuoteString(Host)}";

    /// <summary>Reads <c>user@host</c>, with or without quotes; without a host it is <c>%</c>.</summary>
    public static Account Parse(string text)
    {
        var at = text.LastIndexOf('@');
        var (user, host) = at < 0 ? (text, "%") : (text[..at], text[(at + 1)..]);
        return new Account(user.Trim('\'', '`', '"'), host.Trim('\'', '`', '"'));
    }

    public override string ToString() => $"'{User}'@'{Host}'";
}

/// <summary>How an account proves itself.</summary>
/// <param name="Plugin">The authentication plugin.</param>
/// <param name="Hash">What the server keeps of the password, byte for byte; empty for none.</param>
/// <param name="Tls">Empty, ANY, X509 or SPECIFIED.</param>
/// <param name="IsLocked">Nobody is let in as it: the account of a definer, or what MySQL makes of a role.</param>
internal sealed record AccountProof(string Plugin, byte[] Hash, string Tls, bool IsLocked = false);
