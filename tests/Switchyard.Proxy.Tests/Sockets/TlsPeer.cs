using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Sockets;
using Switchyard.Proxy.Tls;

namespace Switchyard.Proxy.Tests.Sockets;

/// <summary>Both ends of TLS connections: ours on a loop, and the runtime's.</summary>
internal static class TlsPeer
{
    public static SslStreamCertificateContext Certificate { get; } =
        SslStreamCertificateContext.Create(ServerCertificate.CreateSelfSigned(TimeProvider.System), null, offline: true);

    /// <summary>Agrees on TLS over a connected pair.</summary>
    /// <param name="isServer">Which of the two our end is.</param>
    /// <param name="wire">What the peer's TLS goes over; the socket itself when null.</param>
    public static async Task<SslStream> AgreeAsync(
        LoopSocket ours, Socket peer, bool isServer, SslProtocols version, CancellationToken cancellationToken, Func<Stream, Stream>? wire = null)
    {
        Stream socket = new NetworkStream(peer, ownsSocket: true);
        var tls = new SslStream(wire?.Invoke(socket) ?? socket);
        if (isServer)
        {
            await Task.WhenAll(ours.StartTlsAsync(TlsContext.ForServer(Certificate)!, cancellationToken), BeClientAsync(tls, version, cancellationToken));
        }
        else
        {
            var server = new SslServerAuthenticationOptions { ServerCertificateContext = Certificate, EnabledSslProtocols = version };
            var shown = ours.StartTlsAsync("localhost", null, cancellationToken);
            await Task.WhenAll(shown, tls.AuthenticateAsServerAsync(server, cancellationToken));
            Assert.Equal(Certificate.TargetCertificate.Thumbprint, (await shown)[0].Thumbprint);
        }

        Assert.Equal(version, tls.SslProtocol);
        return tls;
    }

    public static Task BeClientAsync(SslStream tls, SslProtocols version, CancellationToken cancellationToken) => tls.AuthenticateAsClientAsync(
        new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = version,
            RemoteCertificateValidationCallback = (_, certificate, _, _) => (certificate as X509Certificate2)?.Thumbprint == Certificate.TargetCertificate.Thumbprint,
        },
        cancellationToken);
}
