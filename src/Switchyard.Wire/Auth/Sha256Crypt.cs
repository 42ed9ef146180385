using System.Security.Cryptography;
using System.Text;

namespace Switchyard.Wire.Auth;

/// <summary>
/// What MySQL stores for <c>caching_sha2_password</c> (<c>$A$005$</c>, salt, digest) and <c>sha256_password</c> (<c>$5$</c>, salt, <c>$</c>, digest): the
/// SHA-256 form of <c>crypt</c>. The number behind <c>$A$</c> is hexadecimal and counts thousands of rounds.
/// </summary>
/// <remarks>Specification: https://www.akkadia.org/drepper/SHA-crypt.txt; the servers' salts have 20 bytes.</remarks>
public static class Sha256Crypt
{
    private const int SaltBytes = 20;
    private const int DigestChars = 43;
    private const int DefaultRounds = 5000;
    private const string Alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// <summary>Whether the password is the one stored. An account without a password stores nothing.</summary>
    public static bool Verify(string password, string stored)
    {
        ArgumentNullException.ThrowIfNull(password);
        ArgumentNullException.ThrowIfNull(stored);
        if (stored.Length == 0 || password.Length == 0)
        {
            return stored.Length == password.Length;
        }

        return TryParse(stored, out var salt, out var rounds, out var digest)
            && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Hash(Encoding.UTF8.GetBytes(password), Encoding.UTF8.GetBytes(salt), rounds)), Encoding.UTF8.GetBytes(digest));
    }

    private static bool TryParse(string stored, out string salt, out int rounds, out string digest)
    {
        (salt, rounds, digest) = ("", DefaultRounds, "");
        if (stored.StartsWith("$A$", StringComparison.Ordinal) && stored.Length == 7 + SaltBytes + DigestChars)
        {
            rounds = int.TryParse(stored.AsSpan(3, 3), System.Globalization.NumberStyles.HexNumber, null, out var thousands) ? thousands * 1000 : 0;
            (salt, digest) = (stored.Substring(7, SaltBytes), stored[(7 + SaltBytes)..]);
            return rounds > 0;
        }

        if (stored.StartsWith("$5$", StringComparison.Ordinal) && stored.Length == 3 + SaltBytes + 1 + DigestChars)
        {
            (salt, digest) = (stored.Substring(3, SaltBytes), stored[^DigestChars..]);
            return true;
        }

        return false;
    }

    private static string Hash(byte[] password, byte[] salt, int rounds)
    {
        byte[] alternate = SHA256.HashData([.. password, .. salt, .. password]);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(password);
        hash.AppendData(salt);
        hash.AppendData(Repeat(alternate, password.Length));
        for (var bits = password.Length; bits > 0; bits >>= 1)
        {
            hash.AppendData((bits & 1) != 0 ? alternate : password);
        }

        var digest = hash.GetHashAndReset();
        for (var i = 0; i < password.Length; i++)
        {
            hash.AppendData(password);
        }

        var p = Repeat(hash.GetHashAndReset(), password.Length);
        for (var i = 0; i < 16 + digest[0]; i++)
        {
            hash.AppendData(salt);
        }

        var s = Repeat(hash.GetHashAndReset(), salt.Length);
        for (var round = 0; round < rounds; round++)
        {
            hash.AppendData((round & 1) != 0 ? p : digest);
            if (round % 3 != 0)
            {
                hash.AppendData(s);
            }

            if (round % 7 != 0)
            {
                hash.AppendData(p);
            }

            hash.AppendData((round & 1) != 0 ? digest : p);
            digest = hash.GetHashAndReset();
        }

        return Encode(digest);
    }

    private static byte[] Repeat(byte[] block, int length)
    {
        var result = new byte[length];
        for (var at = 0; at < length; at += block.Length)
        {
            block.AsSpan(0, Math.Min(block.Length, length - at)).CopyTo(result.AsSpan(at));
        }

        return result;
    }

    /// <summary>Three bytes at a time, in the order the specification permutes them.</summary>
    private static string Encode(byte[] digest)
    {
        var text = new StringBuilder(DigestChars);
        var (a, b, c) = (0, 10, 20);
        for (var group = 0; group < 10; group++)
        {
            Append((digest[a] << 16) | (digest[b] << 8) | digest[c], 4);
            (a, b, c) = ((c + 1) % 30, (a + 1) % 30, (b + 1) % 30);
        }

        Append((digest[31] << 8) | digest[30], 3);
        return text.ToString();

        void Append(int bits, int chars)
        {
            for (var i = 0; i < chars; i++, bits >>= 6)
            {
                text.Append(Alphabet[bits & 0x3F]);
            }
        }
    }
}
