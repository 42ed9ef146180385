using System.Security.Cryptography;
using System.Text;

namespace Switchyard.Wire.Auth;

/// <summary>
/// What a MariaDB 11.4 and later says in its OK of a login over TLS: that it knows the password's hash and shows this very certificate. Its clients believe a
/// certificate that no authority has signed by that, and no other.
/// </summary>
/// <remarks>https://mariadb.org/mission-impossible-zero-configuration-ssl/</remarks>
public static class CertificateProof
{
    /// <summary>The one kind there is: SHA-256.</summary>
    private const byte Kind = 1;

    /// <summary>Makes the information text of the OK: the kind's byte and 64 hexadecimal digits.</summary>
    /// <param name="passwordHash">As the account's plugin stores it.</param>
    /// <param name="nonce">The 20 bytes of the last challenge.</param>
    /// <param name="certificateHash">SHA-256 of the certificate shown.</param>
    public static byte[] Create(ReadOnlySpan<byte> passwordHash, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> certificateHash)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(passwordHash);
        hash.AppendData(nonce);
        hash.AppendData(certificateHash);
        return [Kind, .. Encoding.ASCII.GetBytes(Convert.ToHexString(hash.GetHashAndReset()))];
    }
}
