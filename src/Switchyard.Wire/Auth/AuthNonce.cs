using System.Security.Cryptography;

namespace Switchyard.Wire.Auth;

/// <summary>Makes the challenge of a login.</summary>
public static class AuthNonce
{
    /// <summary>Twenty random bytes from 1 to 127 without '$': a zero ends the challenge early for clients, and servers keep to the same range.</summary>
    public static byte[] Create()
    {
        var nonce = RandomNumberGenerator.GetBytes(Payloads.HandshakePayload.NonceSize);
        for (var i = 0; i < nonce.Length; i++)
        {
            var value = (byte)(nonce[i] & 0x7F);
            nonce[i] = value is 0 or (byte)'$' ? (byte)(value + 1) : value;
        }

        return nonce;
    }
}
