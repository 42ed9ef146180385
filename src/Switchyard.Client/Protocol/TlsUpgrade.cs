using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Switchyard.Client.Protocol;

/// <summary>Puts TLS over a connection, checking the server's certificate as the mode says.</summary>
internal static class TlsUpgrade
{
    /// <exception cref="BackendUnavailableException">TLS could not be agreed, or the certificate was not accepted.</exception>
    public static async Task<SslStream> UpgradeAsync(Stream inner, ConnectionOptions options, CancellationToken cancellationToken)
    {
        var problem = "";
        var tls = new SslStream(inner, leaveInnerStreamOpen: false);
        try
        {
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = options.Host,
                    ClientCertificates = LoadClientCertificate(options),
                    CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
                    RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                        (problem = FindProblem(options, certificate as X509Certificate2, chain, errors)).Length == 0,
                },
                cancellationToken).ConfigureAwait(false);
            return tls;
        }
        catch (Exception e) when (e is AuthenticationException or IOException or CryptographicException)
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            var why = problem.Length > 0 ? problem : e.InnerException?.Message ?? e.Message;
            throw new BackendUnavailableException(
                UnavailableReason.TlsFailed,
                $"TLS with {options.Host}:{options.Port} failed: {why}",
                e);
        }
        catch
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static X509CertificateCollection? LoadClientCertificate(ConnectionOptions options)
    {
        if (options.SslCert is null)
        {
            return null;
        }

        try
        {
            return [X509Certificate2.CreateFromPemFile(options.SslCert, options.SslKey)];
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new BackendUnavailableException(
                UnavailableReason.TlsFailed,
                $"The client certificate {options.SslCert} with key {options.SslKey ?? options.SslCert} cannot be loaded: {e.Message}",
                e);
        }
    }

    /// <summary>What is wrong with the certificate for this mode; empty when nothing is.</summary>
    private static string FindProblem(ConnectionOptions options, X509Certificate2? certificate, X509Chain? systemChain, SslPolicyErrors errors)
    {
        if (options.SslMode is not (SslMode.VerifyCa or SslMode.VerifyIdentity))
        {
            return "";
        }

        if (certificate is null)
        {
            return "the server showed no certificate.";
        }

        if (options.SslMode == SslMode.VerifyIdentity && (errors & SslPolicyErrors.RemoteCertificateNameMismatch) != 0)
        {
            return $"the server's certificate is not for {options.Host}; connect by the name it is for, or use ssl-mode=verify-ca.";
        }

        if (options.SslCa is null)
        {
            return (errors & SslPolicyErrors.RemoteCertificateChainErrors) == 0
                ? ""
                : "the server's certificate does not lead to an authority the system trusts; name its authority with ssl-ca.";
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(options.SslCa);
        foreach (var element in systemChain?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
        {
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        }

        return chain.Build(certificate)
            ? ""
            : $"the server's certificate does not lead to an authority in {options.SslCa}: {chain.ChainStatus.FirstOrDefault().StatusInformation}";
    }
}
