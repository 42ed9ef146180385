using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Switchyard.Proxy.Tls;

namespace Switchyard.Proxy.Tests.Sockets;

/// <summary>What clients see of the runtime's TLS, where OpenSSL's is not to be had.</summary>
public sealed class RuntimeTlsTests
{
    private const byte AlertRecord = 21;

    [Fact]
    public async Task A_connection_ends_with_close_notify()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(4));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var client = new TcpClient();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint, limit.Token);
        var ours = new RuntimeTls(new NetworkStream(await listener.AcceptSocketAsync(limit.Token), ownsSocket: true));
        var peer = new SslStream(client.GetStream());

        // Before TLS 1.3 the type of a record stands in front of it as it is.
        var server = new SslServerAuthenticationOptions { ServerCertificateContext = TlsPeer.Certificate, EnabledSslProtocols = SslProtocols.Tls12 };
        await Task.WhenAll(ours.AuthenticateAsServerAsync(server, limit.Token), TlsPeer.BeClientAsync(peer, SslProtocols.Tls12, limit.Token));
        await ours.DisposeAsync();
        using var rest = new MemoryStream();
        await client.GetStream().CopyToAsync(rest, limit.Token);
        Assert.NotEqual(0, rest.Length);
        Assert.Equal(AlertRecord, rest.GetBuffer()[0]);
    }
}
