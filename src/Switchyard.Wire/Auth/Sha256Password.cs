namespace Switchyard.Wire.Auth;

/// <summary><c>sha256_password</c>: always the password itself, through TLS or encrypted with the server's RSA key.</summary>
/// <remarks>MySQL protocol documentation "SHA256 password"; the exchange differs from caching_sha2 only in the request byte.</remarks>
public static class Sha256Password
{
    /// <summary>Client to server: send your RSA public key.</summary>
    public const byte PublicKeyRequest = 0x01;
}
