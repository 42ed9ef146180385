using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Switchyard.Proxy.Login;

/// <summary>The certificate clients see when they ask the proxy for TLS.</summary>
public static class ServerCertificate
{
    private const int KeySizeBits = 2048;
    private static readonly TimeSpan s_validity = TimeSpan.FromDays(3650);

    /// <summary>
    /// A self-signed certificate, made anew at each start: encrypts, and proves nothing. RSA, since the oldest clients know nothing else.
    /// </summary>
    public static X509Certificate2 CreateSelfSigned(TimeProvider time)
    {
        using var key = RSA.Create(KeySizeBits);
        var request = new CertificateRequest("CN=Switchyard", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddDnsName(Dns.GetHostName());
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1", "serverAuth")], critical: false));
        var now = time.GetUtcNow();
        return request.CreateSelfSigned(now.AddDays(-1), now.Add(s_validity));
    }

    /// <summary>A certificate with its key from PEM files.</summary>
    /// <exception cref="InvalidOperationException">A file cannot be read or does not fit the other.</exception>
    public static X509Certificate2 Load(string certificatePath, string keyPath)
    {
        try
        {
            return X509Certificate2.CreateFromPemFile(certificatePath, keyPath);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InvalidOperationException($"The certificate {certificatePath} with key {keyPath} cannot be used for clients: {e.Message}", e);
        }
    }
}
