using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Switchyard.Proxy.Tls;

namespace Switchyard.Proxy.Login;

/// <summary>The certificate clients see when they ask the proxy for TLS.</summary>
public static class ServerCertificate
{
    private const int KeySizeBits = 2048;
    private static readonly TimeSpan s_validity = TimeSpan.FromDays(3650);
    private static readonly TimeSpan s_renewBefore = TimeSpan.FromDays(30);

    /// <summary>
    /// A self-signed certificate: encrypts, and proves nothing until clients are given it to trust. RSA, since the oldest clients know nothing else.
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

    /// <summary>
    /// The certificate in a directory, made and kept there at the first start, or when the one there is about to expire: clients may pin it.
    /// </summary>
    /// <returns>The paths of certificate and key.</returns>
    /// <exception cref="InvalidOperationException">The files cannot be written or read.</exception>
    public static (string CertificatePath, string KeyPath) EnsureSelfSigned(string directory, TimeProvider time)
    {
        var paths = (CertificatePath: Path.Combine(directory, "switchyard-tls.crt"), KeyPath: Path.Combine(directory, "switchyard-tls.key"));
        try
        {
            if (File.Exists(paths.CertificatePath) && File.Exists(paths.KeyPath)
                && Load(paths.CertificatePath, paths.KeyPath).TargetCertificate.NotAfter.ToUniversalTime() > time.GetUtcNow() + s_renewBefore)
            {
                return paths;
            }

            using var made = CreateSelfSigned(time);
            using var key = made.GetRSAPrivateKey()!;
            Write(paths.KeyPath, key.ExportPkcs8PrivateKeyPem());
            Write(paths.CertificatePath, made.ExportCertificatePem());
            return paths;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidOperationException($"The certificate for clients cannot be kept in {directory}: {e.Message}", e);
        }
    }

    /// <summary>Whole or not at all, and for this user only.</summary>
    private static void Write(string path, string text)
    {
        var fresh = path + ".new";
        File.Delete(fresh);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using (var stream = new FileStream(fresh, options))
        {
            stream.Write(System.Text.Encoding.ASCII.GetBytes(text + "\n"));
        }

        File.Move(fresh, path, overwrite: true);
    }

    /// <summary>A certificate with its key, and the authorities between it and its root, from PEM files.</summary>
    /// <exception cref="InvalidOperationException">A file cannot be read or does not fit the other, or OpenSSL holds them for too weak.</exception>
    public static SslStreamCertificateContext Load(string certificatePath, string keyPath)
    {
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(certificatePath);
            var loaded = SslStreamCertificateContext.Create(X509Certificate2.CreateFromPemFile(certificatePath, keyPath), chain, offline: true);
            if (OpenSsl.IsAvailable)
            {
                // Said now, and not to each client that logs in.
                TlsContext.ForServer(loaded)?.Handle.Dispose();
            }

            return loaded;
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InvalidOperationException($"The certificate {certificatePath} with key {keyPath} cannot be used for clients: {e.Message}", e);
        }
    }
}
