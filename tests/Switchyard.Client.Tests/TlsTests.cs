using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Switchyard.Lab;
using Xunit;

namespace Switchyard.Client.Tests;

[Trait("Category", Lab.Category)]
public sealed class TlsTests
{
    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task Preferred_always_connects_and_disabled_is_clear(string server)
    {
        await using var preferred = await Lab.OpenAsync(server);
        var cipher = (await preferred.QueryAsync("SHOW SESSION STATUS LIKE 'Ssl_cipher'", Lab.Limit())).GetString(0, 1);
        Assert.Equal(preferred.IsTls, cipher.Length > 0);
        await using var clear = await Lab.OpenAsync(server, options => options with { SslMode = SslMode.Disabled });
        Assert.False(clear.IsTls);
    }

    [Theory]
    [ClassData(typeof(AllServers))]
    public async Task Required_is_tls_or_nothing(string server)
    {
        await using var preferred = await Lab.OpenAsync(server);
        if (preferred.IsTls)
        {
            await using var required = await Lab.OpenAsync(server, options => options with { SslMode = SslMode.Required });
            Assert.True(required.IsTls);
            return;
        }

        var e = await Assert.ThrowsAsync<BackendUnavailableException>(() => Lab.OpenAsync(server, options => options with { SslMode = SslMode.Required }));
        Assert.Equal(UnavailableReason.TlsFailed, e.Reason);
    }

    [Fact]
    public async Task Verification_trusts_the_named_authority_only_and_checks_the_name()
    {
        using var directory = new TemporaryDirectory();
        var (authority, certificate, key) = directory.WriteCertificates("localhost");
        var (stranger, _, _) = directory.WriteCertificates("elsewhere");
        await using var lab = await LabServer.StartAsync("mariadb-10.11", $"--ssl-cert={certificate}", $"--ssl-key={key}", $"--ssl-ca={authority}");
        var options = ConnectionOptions.Parse(lab.Dsn);

        Task<BackendConnection> Open(SslMode mode, string host, string? ca) =>
            BackendConnection.OpenAsync(options with { SslMode = mode, Host = host, SslCa = ca }, Lab.Limit());

        await using (var byCa = await Open(SslMode.VerifyCa, "127.0.0.1", authority))
        {
            Assert.True(byCa.IsTls);
        }

        await using (var byName = await Open(SslMode.VerifyIdentity, "localhost", authority))
        {
            Assert.True(byName.IsTls);
        }

        var wrongName = await Assert.ThrowsAsync<BackendUnavailableException>(() => Open(SslMode.VerifyIdentity, "127.0.0.1", authority));
        Assert.Contains("not for 127.0.0.1", wrongName.Message, StringComparison.Ordinal);
        var wrongAuthority = await Assert.ThrowsAsync<BackendUnavailableException>(() => Open(SslMode.VerifyCa, "127.0.0.1", stranger));
        Assert.Contains("does not lead to an authority in", wrongAuthority.Message, StringComparison.Ordinal);
        var system = await Assert.ThrowsAsync<BackendUnavailableException>(() => Open(SslMode.VerifyCa, "127.0.0.1", null));
        Assert.Contains("ssl-ca", system.Message, StringComparison.Ordinal);
        await using var unchecked_ = await Open(SslMode.Required, "127.0.0.1", null);
        Assert.True(unchecked_.IsTls);
    }

    private sealed class TemporaryDirectory : IDisposable
    {
        private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("switchyard-tls");

        public (string Authority, string Certificate, string Key) WriteCertificates(string name)
        {
            var now = TimeProvider.System.GetUtcNow();
            using var caKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var caRequest = new CertificateRequest($"CN={name} authority", caKey, HashAlgorithmName.SHA256);
            caRequest.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
            using var ca = caRequest.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(name);
            request.CertificateExtensions.Add(names.Build());
            using var certificate = request.Create(ca, now.AddDays(-1), now.AddHours(23), [1, 2, 3]);
            return (Write(name + "-ca.pem", ca.ExportCertificatePem()), Write(name + ".pem", certificate.ExportCertificatePem()),
                Write(name + "-key.pem", key.ExportPkcs8PrivateKeyPem()));
        }

        public void Dispose() => _directory.Delete(recursive: true);

        private string Write(string name, string text)
        {
            var path = Path.Combine(_directory.FullName, name);
            File.WriteAllText(path, text);
            return path;
        }
    }
}
