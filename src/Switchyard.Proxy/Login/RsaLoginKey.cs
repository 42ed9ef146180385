using System.Security.Cryptography;
using System.Text;
using Switchyard.Wire.Auth;

namespace Switchyard.Proxy.Login;

/// <summary>The key under which clients without TLS send their passwords; made at start, never stored. Thread-safe.</summary>
public sealed class RsaLoginKey : IDisposable
{
    /// <summary>The size MySQL generates its own with; takes passwords up to 213 bytes.</summary>
    private const int KeySizeBits = 2048;

    // Made when first needed: a deployment whose clients use TLS never pays for it.
    private readonly Lazy<RSA> _key = new(() => RSA.Create(KeySizeBits));

    /// <summary>The public key as clients expect it.</summary>
    public ReadOnlyMemory<byte> PublicKeyPem => Encoding.ASCII.GetBytes(_key.Value.ExportSubjectPublicKeyInfoPem() + "\n");

    internal bool TryDecrypt(ReadOnlySpan<byte> encrypted, ReadOnlySpan<byte> nonce, out string password) =>
        RsaPasswordExchange.TryDecrypt(encrypted, nonce, _key.Value, out password);

    public void Dispose()
    {
        if (_key.IsValueCreated)
        {
            _key.Value.Dispose();
        }
    }
}
