namespace Switchyard.Client;

/// <summary>How a connection is protected; the meaning is that of <c>--ssl-mode</c> of the server's own clients.</summary>
public enum SslMode
{
    /// <summary>Never TLS.</summary>
    Disabled,

    /// <summary>TLS when the server has it and it can be agreed, else clear. The certificate is not checked.</summary>
    Preferred,

    /// <summary>TLS or no connection. The certificate is not checked.</summary>
    Required,

    /// <summary>The certificate must lead to a trusted authority.</summary>
    VerifyCa,

    /// <summary>And it must be the host's.</summary>
    VerifyIdentity,
}
