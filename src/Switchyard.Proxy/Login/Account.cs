namespace Switchyard.Proxy.Login;

/// <summary>One way to prove an account: MariaDB accounts can have several, tried in order, and MySQL's two passwords by one plugin.</summary>
/// <param name="Plugin">The server's plugin name.</param>
/// <param name="AuthenticationString">What the server stores for it: a secret, never printed.</param>
public sealed record AccountAuthentication(string Plugin, string AuthenticationString)
{
    public override string ToString() => Plugin;
}

/// <summary>What an account demands of the client's connection.</summary>
public enum AccountTls
{
    None,

    /// <summary>REQUIRE SSL.</summary>
    Any,

    /// <summary>REQUIRE X509, ISSUER, SUBJECT or CIPHER: a certificate the proxy does not have.</summary>
    Certificate,
}

/// <summary>An account row of a backend.</summary>
/// <param name="User">Empty is the anonymous account, which any user name matches.</param>
/// <param name="Host">A host name, address, network or pattern.</param>
/// <param name="Authentications">At least one.</param>
/// <param name="Tls">What it demands of the client's connection.</param>
public sealed record Account(string User, string Host, IReadOnlyList<AccountAuthentication> Authentications, AccountTls Tls)
{
    /// <summary>As <c>CURRENT_USER()</c> shows it.</summary>
    public string CurrentUser => $"{User}@{Host}";
}
