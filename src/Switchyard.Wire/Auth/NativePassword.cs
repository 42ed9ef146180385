using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;

namespace Switchyard.Wire.Auth;

/// <summary>
/// <c>mysql_native_password</c>: the server stores SHA1(SHA1(password)); the client sends SHA1(password) XOR SHA1(nonce, stored). Who knows
/// the stored hash and sees one proof therefore learns SHA1(password), which is enough to log in anywhere with the same password.
/// </summary>
/// <remarks>MySQL protocol documentation "Native Authentication".</remarks>
[SuppressMessage("Security", "CA5350", Justification = "The plugin is defined with SHA-1.")]
public static class NativePassword
{
    public const int HashSize = SHA1.HashSizeInBytes;

    /// <summary>SHA1(password): what logs in without the password itself.</summary>
    public static byte[] HashPassword(string password) => SHA1.HashData(Encoding.UTF8.GetBytes(password));

    /// <summary>What a server stores for SHA1(password).</summary>
    public static byte[] StoredHash(ReadOnlySpan<byte> passwordSha1) => SHA1.HashData(passwordSha1);

    /// <summary>The client's proof from the password; empty for an empty password.</summary>
    public static byte[] Scramble(string password, ReadOnlySpan<byte> nonce) =>
        password.Length == 0 ? [] : Scramble(HashPassword(password), nonce);

    /// <summary>The client's proof from SHA1(password); empty for an empty hash, which stands for no password.</summary>
    public static byte[] Scramble(ReadOnlySpan<byte> passwordSha1, ReadOnlySpan<byte> nonce)
    {
        if (passwordSha1.IsEmpty)
        {
            return [];
        }

        Span<byte> stored = stackalloc byte[HashSize];
        SHA1.HashData(passwordSha1, stored);
        var proof = HashWithNonce(nonce, stored);
        Xor(proof, passwordSha1);
        return proof;
    }

    /// <summary>Checks a client's proof against the stored hash and recovers SHA1(password) from it.</summary>
    /// <param name="response">The client's 20 bytes; empty when it gave no password.</param>
    /// <param name="nonce">The challenge it answers.</param>
    /// <param name="storedHash">SHA1(SHA1(password)); empty for an account without password.</param>
    /// <param name="passwordSha1">SHA1(password); empty for an account without password.</param>
    public static bool Verify(ReadOnlySpan<byte> response, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> storedHash, out byte[] passwordSha1)
    {
        passwordSha1 = [];
        if (storedHash.IsEmpty || response.IsEmpty)
        {
            return storedHash.IsEmpty && response.IsEmpty;
        }

        if (response.Length != HashSize || storedHash.Length != HashSize)
        {
            return false;
        }

        var candidate = HashWithNonce(nonce, storedHash);
        Xor(candidate, response);
        Span<byte> check = stackalloc byte[HashSize];
        SHA1.HashData(candidate, check);
        if (!CryptographicOperations.FixedTimeEquals(check, storedHash))
        {
            return false;
        }

        passwordSha1 = candidate;
        return true;
    }

    /// <summary>Reads the stored form <c>*</c> and 40 hexadecimal digits; empty text is an account without password.</summary>
    /// <returns>False when the text is neither: no password opens such an account (<c>*INVALID…</c>, a hash of the old scheme).</returns>
    public static bool TryParseStoredHash(string text, out byte[] storedHash)
    {
        storedHash = [];
        if (text.Length == 0)
        {
            return true;
        }

        if (text.Length != 1 + (2 * HashSize) || text[0] != '*')
        {
            return false;
        }

        var hash = new byte[HashSize];
        if (Convert.FromHexString(text.AsSpan(1), hash, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            return false;
        }

        storedHash = hash;
        return true;
    }

    private static byte[] HashWithNonce(ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> storedHash)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(nonce);
        hash.AppendData(storedHash);
        return hash.GetHashAndReset();
    }

    private static void Xor(Span<byte> target, ReadOnlySpan<byte> other)
    {
        for (var i = 0; i < target.Length; i++)
        {
            target[i] ^= other[i];
        }
    }
}
