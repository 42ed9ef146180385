using System.Numerics;
using System.Security.Cryptography;

namespace Switchyard.Wire.Auth.Curve;

/// <summary>Ed25519 signatures, which .NET does not have, over secrets of any length, which MariaDB's first plugin needs.</summary>
/// <remarks>RFC 8032, section 5.1.</remarks>
internal static class Ed25519
{
    public const int KeySize = 32;
    public const int SignatureSize = 64;

    /// <summary>The order of the base point: 2^252 + 27742317777372353535851937790883648493.</summary>
    private static readonly BigInteger s_order = BigInteger.Pow(2, 252) + BigInteger.Parse("27742317777372353535851937790883648493", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>The public key of a secret.</summary>
    public static byte[] PublicKey(ReadOnlySpan<byte> secret)
    {
        Span<byte> expanded = stackalloc byte[SHA512.HashSizeInBytes];
        Expand(secret, expanded);
        var key = (expanded[..KeySize] * CurvePoint.Base).Encode();
        CryptographicOperations.ZeroMemory(expanded);
        return key;
    }

    /// <summary>Signs a message.</summary>
    public static byte[] Sign(ReadOnlySpan<byte> secret, ReadOnlySpan<byte> message)
    {
        Span<byte> expanded = stackalloc byte[SHA512.HashSizeInBytes];
        Expand(secret, expanded);
        var scalar = expanded[..KeySize];
        var publicKey = (scalar * CurvePoint.Base).Encode();
        Span<byte> nonce = stackalloc byte[KeySize];
        Hash(expanded[KeySize..], message, default, nonce);
        var signature = new byte[SignatureSize];
        (nonce * CurvePoint.Base).Encode().CopyTo(signature, 0);
        Span<byte> challenge = stackalloc byte[KeySize];
        Hash(signature.AsSpan(0, KeySize), publicKey, message, challenge);
        var sum = (Number(nonce) + (Number(challenge) * Number(scalar))) % s_order;
        Write(sum, signature.AsSpan(KeySize));
        CryptographicOperations.ZeroMemory(expanded);
        CryptographicOperations.ZeroMemory(nonce);
        return signature;
    }

    private static void Expand(ReadOnlySpan<byte> secret, Span<byte> expanded)
    {
        SHA512.HashData(secret, expanded);
        expanded[0] &= 0xF8;
        expanded[KeySize - 1] &= 0x3F;
        expanded[KeySize - 1] |= 0x40;
    }

    /// <summary>SHA-512 of the parts together, modulo the order.</summary>
    private static void Hash(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third, Span<byte> result)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA512);
        hash.AppendData(first);
        hash.AppendData(second);
        hash.AppendData(third);
        Write(Number(hash.GetHashAndReset()) % s_order, result);
    }

    private static BigInteger Number(ReadOnlySpan<byte> bytes) => new(bytes, isUnsigned: true);

    private static void Write(BigInteger number, Span<byte> bytes)
    {
        bytes.Clear();
        number.TryWriteBytes(bytes, out _, isUnsigned: true);
    }
}
