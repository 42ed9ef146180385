using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Switchyard.Proxy.Tls;

/// <summary>A certificate's private key, as OpenSSL has it. Whoever uses it shares it.</summary>
internal sealed unsafe class TlsKey : SafeHandle
{
    private TlsKey(nint key)
        : base(0, ownsHandle: true) => SetHandle(key);

    public override bool IsInvalid => handle == 0;

    /// <summary>The key of a certificate; null where it is of another kind than RSA and ECDSA, or does not leave the place where it is kept.</summary>
    public static TlsKey? Of(X509Certificate2 certificate)
    {
        byte[]? encoded = null;
        try
        {
            using AsymmetricAlgorithm? key = (AsymmetricAlgorithm?)certificate.GetRSAPrivateKey() ?? certificate.GetECDsaPrivateKey();
            encoded = key?.ExportPkcs8PrivateKey();
            if (encoded is null)
            {
                return null;
            }

            fixed (byte* start = encoded)
            {
                var from = start;
                var parsed = OpenSsl.ReadKey(0, ref from, new CLong(encoded.Length));
                return parsed == 0 ? null : new TlsKey(parsed);
            }
        }
        catch (CryptographicException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(encoded);
            OpenSsl.ClearErrors();
        }
    }

    protected override bool ReleaseHandle()
    {
        OpenSsl.FreeKey(handle);
        return true;
    }
}
