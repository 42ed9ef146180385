using System.Security.Cryptography;
using System.Text;
using Switchyard.Wire.Auth.Curve;

namespace Switchyard.Wire.Auth;

/// <summary>
/// MariaDB's <c>parsec</c>: the client asks for the account's salt, derives a key from the password with it, and signs both ends' challenges.
/// </summary>
/// <remarks>MariaDB, "Authentication Plugin - PARSEC": PBKDF2 with SHA-512, Ed25519.</remarks>
public static class Parsec
{
    public const int NonceSize = 32;

    /// <summary>First byte of the salt packet: the one way of derivation there is.</summary>
    public const byte Pbkdf2 = (byte)'P';

    private const int SaltSize = 18;

    /// <summary>Iterations are 1024 shifted by at most this.</summary>
    private const int MaxFactor = 3;

    /// <summary>The first answer to the challenge: send the salt.</summary>
    public static byte[] SaltRequest => [];

    /// <summary>The answer to the salt: a challenge of ours, and the signature of both.</summary>
    /// <param name="nonce">The server's challenge.</param>
    /// <param name="saltPacket">Derivation, iterations, salt.</param>
    /// <exception cref="MalformedPacketException">The salt packet is not understood.</exception>
    public static byte[] Sign(string password, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> saltPacket)
    {
        if (nonce.Length != NonceSize || saltPacket.Length != 2 + SaltSize || saltPacket[0] != Pbkdf2 || saltPacket[1] > MaxFactor)
        {
            throw new MalformedPacketException($"The server's salt for parsec ({saltPacket.Length} bytes) or its challenge ({nonce.Length} bytes) is of a kind that is not known.");
        }

        Span<byte> key = stackalloc byte[Ed25519.KeySize];
        Rfc2898DeriveBytes.Pbkdf2(Encoding.UTF8.GetBytes(password), saltPacket[2..], key, 1024 << saltPacket[1], HashAlgorithmName.SHA512);
        byte[] message = [.. nonce, .. RandomNumberGenerator.GetBytes(NonceSize)];
        var signature = Ed25519.Sign(key, message);
        CryptographicOperations.ZeroMemory(key);
        return [.. message.AsSpan(NonceSize), .. signature];
    }
}
