using System.Text;
using Switchyard.Wire.Auth.Curve;

namespace Switchyard.Wire.Auth;

/// <summary>
/// MariaDB's <c>client_ed25519</c>: the client signs the server's challenge with a key made of the password itself, of whatever length. The server keeps
/// the public key; neither that nor a proof reveals anything that logs in elsewhere.
/// </summary>
/// <remarks>MariaDB, "Authentication Plugin - ed25519". No salt: the same password has the same public key everywhere.</remarks>
public static class MariaDbEd25519
{
    public const int NonceSize = 32;

    /// <summary>The proof: a signature of the challenge; of an empty password too.</summary>
    public static byte[] Sign(string password, ReadOnlySpan<byte> nonce) => Ed25519.Sign(Encoding.UTF8.GetBytes(password), nonce);

    /// <summary>What the server stores: 43 characters of base64.</summary>
    public static string StoredKey(string password) => Convert.ToBase64String(Ed25519.PublicKey(Encoding.UTF8.GetBytes(password))).TrimEnd('=');
}
