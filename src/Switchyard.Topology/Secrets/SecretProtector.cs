using System.Security.Cryptography;
using System.Text;

namespace Switchyard.Topology;

/// <summary>
/// Encrypts secrets for the store with AES-256-GCM. Each ciphertext is bound to the key of the record it belongs to, so that it cannot be moved
/// to another record.
/// </summary>
public sealed class SecretProtector : IDisposable
{
    /// <summary>Key length in bytes.</summary>
    public const int KeySizeBytes = 32;

    /// <summary>The environment variable that holds the key, base64.</summary>
    public const string KeyVariable = "SWITCHYARD_KEY";

    private const string FormatPrefix = "v1:";
    private const int NonceSizeBytes = 12;
    private const int TagSizeBytes = 16;
    private readonly byte[] _key;

    public SecretProtector(ReadOnlySpan<byte> key)
    {
        if (key.Length != KeySizeBytes)
        {
            throw new ArgumentException($"The key has {key.Length} bytes; it must have {KeySizeBytes}.", nameof(key));
        }

        _key = key.ToArray();
    }

    /// <summary>Takes the key from <c>SWITCHYARD_KEY</c>, else from the key file, which is made (mode 0600) when it does not exist.</summary>
    /// <exception cref="TopologyStoreException">The key is not base64 of 32 bytes, or the file cannot be read or made.</exception>
    public static SecretProtector Load(string keyFile, string? environmentValue)
    {
        if (!string.IsNullOrWhiteSpace(environmentValue))
        {
            return new SecretProtector(Decode(environmentValue, $"the environment variable {KeyVariable}"));
        }

        try
        {
            return new SecretProtector(File.Exists(keyFile) ? Decode(File.ReadAllText(keyFile), $"the key file {keyFile}") : Create(keyFile));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new TopologyStoreException($"The key file {keyFile} cannot be used: {error.Message} Set {KeyVariable} or make the directory writable.", error);
        }
    }

    /// <summary>Encrypts a secret for the record with that key.</summary>
    public string Protect(string recordKey, string secret)
    {
        var plain = Encoding.UTF8.GetBytes(secret);
        var sealedBytes = new byte[NonceSizeBytes + TagSizeBytes + plain.Length];
        var nonce = sealedBytes.AsSpan(0, NonceSizeBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_key, TagSizeBytes);
        aes.Encrypt(nonce, plain, sealedBytes.AsSpan(NonceSizeBytes + TagSizeBytes), sealedBytes.AsSpan(NonceSizeBytes, TagSizeBytes), Encoding.UTF8.GetBytes(recordKey));
        CryptographicOperations.ZeroMemory(plain);
        return FormatPrefix + Convert.ToBase64String(sealedBytes);
    }

    /// <exception cref="TopologyStoreException">The key is not the one the secret was encrypted with, or the record was changed by hand.</exception>
    public string Unprotect(string recordKey, string protectedSecret)
    {
        try
        {
            if (!protectedSecret.StartsWith(FormatPrefix, StringComparison.Ordinal))
            {
                throw new FormatException("Unknown format.");
            }

            var sealedBytes = Convert.FromBase64String(protectedSecret[FormatPrefix.Length..]).AsSpan();
            var plain = new byte[Math.Max(0, sealedBytes.Length - NonceSizeBytes - TagSizeBytes)];
            using var aes = new AesGcm(_key, TagSizeBytes);
            aes.Decrypt(
                sealedBytes[..NonceSizeBytes],
                sealedBytes[(NonceSizeBytes + TagSizeBytes)..],
                sealedBytes.Slice(NonceSizeBytes, TagSizeBytes),
                plain,
                Encoding.UTF8.GetBytes(recordKey));
            return Encoding.UTF8.GetString(plain);
        }
        catch (Exception error) when (error is CryptographicException or FormatException or ArgumentException)
        {
            throw new TopologyStoreException(
                $"The secret in the store's record {recordKey} cannot be decrypted: it was encrypted with another key. Give the store's own key in {KeyVariable} or as the key file beside the store.", error);
        }
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_key);

    public override string ToString() => nameof(SecretProtector);

    private static byte[] Create(string keyFile)
    {
        var key = RandomNumberGenerator.GetBytes(KeySizeBytes);
        using var file = new FileStream(keyFile, PrivateFile.Options(FileMode.CreateNew));
        file.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(key) + "\n"));
        file.Flush(flushToDisk: true);
        return key;
    }

    private static byte[] Decode(string text, string where)
    {
        var key = new byte[KeySizeBytes];
        return Convert.TryFromBase64String(text.Trim(), key, out var length) && length == KeySizeBytes
            ? key
            : throw new TopologyStoreException($"The key in {where} is not base64 of {KeySizeBytes} bytes; make one with: head -c 32 /dev/urandom | base64");
    }
}
