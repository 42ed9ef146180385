using System.Security.Cryptography;
using System.Text;

namespace Switchyard.Wire.Auth;

/// <summary>
/// The password sent without TLS: its bytes and a zero, XOR-ed with the repeated nonce, encrypted to the server's public key with OAEP.
/// Used by <c>caching_sha2_password</c> and <c>sha256_password</c>.
/// </summary>
/// <remarks>Source of the layout: MySQL <c>sha256_password_auth_client</c>; the padding there is RSA_PKCS1_OAEP_PADDING, which is SHA-1.</remarks>
public static class RsaPasswordExchange
{
    /// <summary>The client's side.</summary>
    /// <param name="publicKeyPem">The key as the server sent it.</param>
    /// <exception cref="MalformedPacketException">The key cannot be read, or the password does not fit it.</exception>
    public static byte[] Encrypt(string password, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> publicKeyPem)
    {
        var bytes = ClearPassword.Encode(password);
        Xor(bytes, nonce);
        try
        {
            using var rsa = RSA.Create();
            rsa.ImportFromPem(Encoding.ASCII.GetString(publicKeyPem).TrimEnd('\0'));
            return rsa.Encrypt(bytes, RSAEncryptionPadding.OaepSHA1);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            throw new MalformedPacketException($"The server's RSA public key cannot be used to send the password: {e.Message}");
        }
    }

    /// <summary>The server's side.</summary>
    /// <returns>False when the bytes were not encrypted to this key, or hold no zero-terminated UTF-8 text.</returns>
    public static bool TryDecrypt(ReadOnlySpan<byte> encrypted, ReadOnlySpan<byte> nonce, RSA key, out string password)
    {
        password = "";
        byte[] bytes;
        try
        {
            bytes = key.Decrypt(encrypted, RSAEncryptionPadding.OaepSHA1);
        }
        catch (CryptographicException)
        {
            return false;
        }

        Xor(bytes, nonce);
        return bytes.Length > 0 && bytes[^1] == 0 && ClearPassword.TryDecode(bytes, out password);
    }

    private static void Xor(Span<byte> target, ReadOnlySpan<byte> nonce)
    {
        for (var i = 0; i < target.Length; i++)
        {
            target[i] ^= nonce[i % nonce.Length];
        }
    }
}
