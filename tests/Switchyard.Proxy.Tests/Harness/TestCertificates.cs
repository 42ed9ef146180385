using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>An authority of a test's own, with certificates for a server and a client, in files.</summary>
internal sealed class TestCertificates : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("switchyard-tls");
    private readonly RSA _authorityKey = RSA.Create(2048);
    private readonly X509Certificate2 _authority;

    public TestCertificates()
    {
        var request = new CertificateRequest("CN=test authority", _authorityKey, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        _authority = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(2));
        Authority = Write("ca.pem", _authority.ExportCertificatePem());
        (Server, ServerKey) = Make("localhost", 1);
        (Client, ClientKey) = Make("client", 2);
    }

    public string Authority { get; }

    public string Server { get; }

    public string ServerKey { get; }

    public string Client { get; }

    public string ClientKey { get; }

    /// <summary>Options of a server that shows its certificate and trusts the client's.</summary>
    public string[] ServerOptions => [$"--ssl-ca={Authority}", $"--ssl-cert={Server}", $"--ssl-key={ServerKey}"];

    public void Dispose()
    {
        _authority.Dispose();
        _authorityKey.Dispose();
        _directory.Delete(recursive: true);
    }

    private (string Certificate, string Key) Make(string name, byte number)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(name);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.Create(_authority, now.AddDays(-1), now.AddDays(1), [number]);

        // The oldest servers read no other form of a key.
        return (Write($"{name}.pem", certificate.ExportCertificatePem()), Write($"{name}-key.pem", key.ExportRSAPrivateKeyPem()));
    }

    private string Write(string name, string text)
    {
        var path = Path.Combine(_directory.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }
}
