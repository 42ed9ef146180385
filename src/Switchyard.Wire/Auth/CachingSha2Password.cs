using System.Security.Cryptography;
using System.Text;

namespace Switchyard.Wire.Auth;

/// <summary>
/// <c>caching_sha2_password</c>: a short proof when the server still has the account's hash cached, else the password itself, through TLS
/// or encrypted with the server's RSA key.
/// </summary>
/// <remarks>MySQL protocol documentation "Caching SHA-2 information".</remarks>
public static class CachingSha2Password
{
    /// <summary>Server to client, after the short proof: it was right, an OK follows.</summary>
    public const byte FastAuthenticationSucceeded = 0x03;

    /// <summary>Server to client: send the password itself.</summary>
    public const byte FullAuthenticationRequired = 0x04;

    /// <summary>Client to server: send your RSA public key.</summary>
    public const byte PublicKeyRequest = 0x02;

    /// <summary>The short proof: SHA256(password) XOR SHA256(SHA256(SHA256(password)) nonce); empty for an empty password.</summary>
    public static byte[] Scramble(string password, ReadOnlySpan<byte> nonce)
    {
        if (password.Length == 0)
        {
            return [];
        }

        var proof = SHA256.HashData(Encoding.UTF8.GetBytes(password));
        var twice = SHA256.HashData(proof);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(twice);
        hash.AppendData(nonce);
        var mask = hash.GetHashAndReset();
        for (var i = 0; i < proof.Length; i++)
        {
            proof[i] ^= mask[i];
        }

        return proof;
    }

    /// <summary>Checks a short proof against a known password.</summary>
    public static bool Verify(ReadOnlySpan<byte> response, ReadOnlySpan<byte> nonce, string password) =>
        CryptographicOperations.FixedTimeEquals(response, Scramble(password, nonce));
}
