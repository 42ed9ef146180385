using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Switchyard.Client.Protocol;

/// <summary>Puts TLS over a connection, checking the server's certificate as the mode says.</summary>
internal static class TlsUpgrade
{
    /// <summary>What the certificate of a server may be used for.</summary>
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <returns>The stream to go on with; disposing it closes the connection.</returns>
    /// <exception cref="BackendUnavailableException">TLS could not be agreed, or the certificate was not accepted.</exception>
    public static Task<Stream> UpgradeAsync(Stream inner, ConnectionOptions options, CancellationToken cancellationToken) =>
        inner is ITlsConnection { HasTls: true } own ? UpgradeOwnAsync(own, inner, options, cancellationToken) : UpgradeAnyAsync(inner, options, cancellationToken);

    private static async Task<Stream> UpgradeOwnAsync(ITlsConnection own, Stream inner, ConnectionOptions options, CancellationToken cancellationToken)
    {
        try
        {
            using var certificate = LoadClientCertificate(options);
            var shown = await own.StartTlsAsync(options.Host, certificate, cancellationToken).ConfigureAwait(false);
            var problem = FindProblem(options, shown);
            foreach (var one in shown)
            {
                one.Dispose();
            }

            return problem.Length == 0 ? inner : throw Failed(options, problem, null);
        }
        catch (Exception e) when (e is IOException or CryptographicException)
        {
            throw Failed(options, e.Message, e);
        }
        catch (ArgumentException e)
        {
            throw Failed(options, "that is no name a certificate could be for; connect by another one, or by the address.", e);
        }
    }

    private static async Task<Stream> UpgradeAnyAsync(Stream inner, ConnectionOptions options, CancellationToken cancellationToken)
    {
        var problem = "";
        var tls = new SslStream(inner, leaveInnerStreamOpen: false);
        try
        {
            var certificate = LoadClientCertificate(options);
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = options.Host,
                    ClientCertificates = certificate is null ? null : [certificate],
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
            throw Failed(options, problem.Length > 0 ? problem : e.InnerException?.Message ?? e.Message, e);
        }
        catch
        {
            await tls.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static BackendUnavailableException Failed(ConnectionOptions options, string why, Exception? inner) =>
        new(UnavailableReason.TlsFailed, $"TLS with {options.Host}:{options.Port} failed: {why}", inner);

    private static X509Certificate2? LoadClientCertificate(ConnectionOptions options)
    {
        if (options.SslCert is null)
        {
            return null;
        }

        try
        {
            return X509Certificate2.CreateFromPemFile(options.SslCert, options.SslKey);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new BackendUnavailableException(
                UnavailableReason.TlsFailed,
                $"The client certificate {options.SslCert} with key {options.SslKey ?? options.SslCert} cannot be loaded: {e.Message}",
                e);
        }
    }

    /// <summary>The same where nothing has been judged yet: as the runtime does it.</summary>
    /// <param name="shown">What the server has shown, its own certificate first.</param>
    private static string FindProblem(ConnectionOptions options, X509Certificate2Collection shown)
    {
        if (options.SslMode is not (SslMode.VerifyCa or SslMode.VerifyIdentity) || shown.Count == 0)
        {
            return FindProblem(options, null, null, SslPolicyErrors.RemoteCertificateNotAvailable);
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        chain.ChainPolicy.ExtraStore.AddRange(shown);
        var errors = chain.Build(shown[0]) ? SslPolicyErrors.None : SslPolicyErrors.RemoteCertificateChainErrors;
        if (options.SslMode == SslMode.VerifyIdentity && !shown[0].MatchesHostname(options.Host))
        {
            errors |= SslPolicyErrors.RemoteCertificateNameMismatch;
        }

        return FindProblem(options, shown[0], chain, errors);
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
