using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Sockets;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>TLS to the client and to the backend, independent of each other.</summary>
[Trait("Category", "Integration")]
public sealed class TlsTests
{
    private const Capabilities Wanted =
        Capabilities.Protocol41 | Capabilities.Ssl | Capabilities.SecureConnection | Capabilities.PluginAuth | Capabilities.LongPassword;

    private readonly CancellationToken _limit = new CancellationTokenSource(TimeSpan.FromMinutes(5)).Token;

    [Fact]
    public async Task A_client_hello_that_comes_together_with_the_request_is_not_lost()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(harness.Proxy.EndPoint);
        await using var together = new TogetherStream(new NetworkStream(socket, ownsSocket: false));
        var link = new Link(together);
        var greeting = await PacketIO.ReadFrameAsync(link, 1000, default);
        link.Consume(greeting!.Value.RawLength);
        together.KeepNextWrite();
        using var packet = new PayloadWriter();
        using (var payload = new PayloadWriter())
        {
            new SslRequestPayload(Wanted, 1 << 24, 45).Write(payload);
            PacketIO.Frame(packet, payload.WrittenSpan, 1);
        }

        await together.WriteAsync(packet.WrittenMemory);
        await using var tls = new SslStream(together, leaveInnerStreamOpen: true, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync("localhost");
        Assert.True(tls.IsEncrypted);
    }

    [Fact]
    public async Task Clients_may_ask_for_TLS_or_not()
    {
        var server = await LabServer.SharedAsync("mysql-9.7", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        foreach (var mode in new[] { SslMode.Required, SslMode.Disabled })
        {
            await using var client = await BackendConnection.OpenAsync(harness.Client with { SslMode = mode }, default);
            Assert.Equal("1", (await client.QueryAsync("SELECT 1", default)).GetString(0, 0));
        }
    }

    public static TheoryData<string> Servers => [.. LabServer.All];

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task Statements_of_every_size_pass_with_TLS_on_both_sides(string name)
    {
        const int Long = 17_000_000;
        using var certificates = new TestCertificates();
        await using var server = await LabServer.StartAsync(name, [.. certificates.ServerOptions, "--max-allowed-packet=64M"]);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await using var client = await BackendConnection.OpenAsync(harness.Client with { SslMode = SslMode.Required }, _limit);
        var cipher = (await client.QueryAsync("SHOW SESSION STATUS LIKE 'Ssl_cipher'", _limit)).GetString(0, 1);

        // 5.6 speaks no TLS that is safe enough: its legs are clear, as its own clients of today would be.
        Assert.Equal(name != "mysql-5.6", cipher.Length > 0);
        var text = new string('x', Long - 1) + "y";
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text)));
        Assert.Equal(digest, (await client.QueryAsync($"SELECT SHA2('{text}', 256)", _limit)).GetString(0, 0));
        Assert.Equal(text, (await client.QueryAsync($"SELECT CONCAT(REPEAT('x', {Long - 1}), 'y')", _limit)).GetString(0, 0));
        Assert.Equal("z", (await client.QueryAsync("SELECT 'z'", _limit)).GetString(0, 0));

        // A client that has stopped reading holds up no other one.
        await using var slow = await BackendConnection.OpenAsync(harness.Client with { SslMode = SslMode.Required }, _limit);
        await using (var rows = await slow.StreamAsync($"SELECT REPEAT('a', {Long}) UNION ALL SELECT REPEAT('b', {Long}) UNION ALL SELECT 'c'", _limit))
        {
            Assert.Equal("z", (await client.QueryAsync("SELECT 'z'", _limit)).GetString(0, 0));
            var count = 0;
            while (await rows.ReadAsync(_limit))
            {
                count++;
            }

            Assert.Equal(3, count);
        }
    }

    [Fact]
    public async Task A_backend_is_shown_the_client_certificate_and_judged_by_the_mode()
    {
        using var certificates = new TestCertificates();
        using var strangers = new TestCertificates();
        await using var server = await LabServer.StartAsync("mariadb-10.11", certificates.ServerOptions);
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await harness.DirectAsync(server, "CREATE USER x509@'%' IDENTIFIED BY 'pw' REQUIRE X509");
        using var loop = new EventLoop("test loop");
        var options = ConnectionOptions.Parse(server.Dsn) with { Dialer = loop };

        await using (var shown = await OpenAsync(options with { User = "x509", Password = "pw", SslMode = SslMode.VerifyCa, SslCa = certificates.Authority, SslCert = certificates.Client, SslKey = certificates.ClientKey }))
        {
            Assert.True(shown.IsTls);
        }

        await Assert.ThrowsAsync<ServerErrorException>(() => OpenAsync(options with { User = "x509", Password = "pw", SslMode = SslMode.Required }));
        await using (var byName = await OpenAsync(options with { SslMode = SslMode.VerifyIdentity, Host = "localhost", SslCa = certificates.Authority }))
        {
            Assert.True(byName.IsTls);
        }

        await RefusedAsync(options with { SslMode = SslMode.VerifyIdentity, SslCa = certificates.Authority }, "not for 127.0.0.1");
        await RefusedAsync(options with { SslMode = SslMode.VerifyCa, SslCa = strangers.Authority }, "does not lead to an authority in");
        await RefusedAsync(options with { SslMode = SslMode.VerifyCa }, "ssl-ca");
        Assert.Equal(0, loop.Count);

        Task<BackendConnection> OpenAsync(ConnectionOptions one) => BackendConnection.OpenAsync(one, _limit);

        async Task RefusedAsync(ConnectionOptions one, string why)
        {
            var refused = await Assert.ThrowsAsync<BackendUnavailableException>(() => OpenAsync(one));
            Assert.Equal(UnavailableReason.TlsFailed, refused.Reason);
            Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_client_that_leaves_within_the_handshake_harms_nobody()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        foreach (var reset in new[] { false, true })
        {
            await using var client = await RawClient.ConnectAsync(harness.Proxy.EndPoint);
            await client.ReadGreetingAsync(_limit);
            using var request = new PayloadWriter();
            new SslRequestPayload(Wanted, 1 << 24, 45).Write(request);
            await client.SendPacketAsync(request.WrittenSpan.ToArray(), 1, _limit);

            // A hello that is not whole.
            await client.SendAsync((byte[])[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3], _limit);
            if (reset)
            {
                client.Socket.LingerState = new LingerOption(true, 0);
                client.Socket.Close();
            }
            else
            {
                client.Socket.Shutdown(SocketShutdown.Send);
                Assert.Empty(await client.ReadToEndAsync(_limit));
            }
        }

        await ProxyHarness.UntilAsync(() => harness.Proxy.SessionCount == 0);
        Assert.Empty(harness.Errors);
        await using var other = await BackendConnection.OpenAsync(harness.Client with { SslMode = SslMode.Required }, _limit);
        await other.PingAsync(_limit);
    }

    [Fact]
    public async Task A_client_that_closes_its_session_properly_ends_it_and_its_leg()
    {
        var server = await LabServer.SharedAsync("mariadb-11.8", "source");
        await using var harness = await ProxyHarness.StartAsync(("s", server));
        await (await BackendConnection.OpenAsync(harness.Client with { SslMode = SslMode.Required }, _limit)).DisposeAsync();
        await ProxyHarness.UntilAsync(() => harness.Proxy.SessionCount == 0);
        Assert.Empty(harness.Errors);
    }

    [Theory]
    [MemberData(nameof(Servers))]
    public async Task The_command_line_of_every_server_speaks_TLS_with_the_proxy(string name)
    {
        using var certificates = new TestCertificates();
        await using var server = await LabServer.StartAsync(name, certificates.ServerOptions);
        await using var files = new CertificateFiles(certificates.Server, certificates.ServerKey, TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", Certificate = () => files.Current, LoginTimeout = TimeSpan.FromMinutes(1) }, ("s", server));
        var isMySql = name.StartsWith("mysql", StringComparison.Ordinal);
        string[] arguments =
        [
            "-hlocalhost", "--protocol=tcp", $"-P{harness.Proxy.EndPoint.Port}", $"-u{ProxyHarness.AppUser}", $"-p{ProxyHarness.AppPassword}", $"--ssl-ca={certificates.Authority}",
            .. name == "mysql-9.7" ? ["--ssl-mode=VERIFY_IDENTITY", "--commands=ON"] : (string[])["--ssl-verify-server-cert"],
        ];
        var said = await LabProgram.RunAsync(name, isMySql ? "mysql" : "mariadb", "status\nSELECT REPEAT('abc', 100000);\n", arguments);
        if (name == "mysql-5.6" && said.Contains("SSL connection error", StringComparison.Ordinal))
        {
            // Built with a TLS that ends at 1.1: refused by the proxy, as it was.
            return;
        }

        Assert.True(Regex.IsMatch(said, "Cipher in use is|SSL:\\s+(TLS|Cipher)"), said[..Math.Min(said.Length, 2000)]);
        Assert.Contains("abcabcabcabc", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_too_weak_for_OpenSSL_is_refused_when_it_is_loaded_and_the_one_before_stays()
    {
        var server = await LabServer.SharedAsync("mariadb-10.11", "source");
        using var certificates = new TestCertificates();
        var nobody = Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance;
        await using var files = new CertificateFiles(certificates.Server, certificates.ServerKey, TimeProvider.System, nobody);
        await using var harness = await ProxyHarness.StartAsync(new ProxyOptions { Id = "p1", Certificate = () => files.Current }, ("s", server));
        var trusting = harness.Client with { SslMode = SslMode.VerifyCa, SslCa = certificates.Authority };
        await (await BackendConnection.OpenAsync(trusting, _limit)).DisposeAsync();

        using (var key = RSA.Create(512))
        {
            var now = TimeProvider.System.GetUtcNow();
            using var weak = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
            await File.WriteAllTextAsync(certificates.Server, weak.ExportCertificatePem(), _limit);
            await File.WriteAllTextAsync(certificates.ServerKey, key.ExportPkcs8PrivateKeyPem(), _limit);
        }

        Assert.False(files.Reload());
        await (await BackendConnection.OpenAsync(trusting, _limit)).DisposeAsync();
        Assert.Empty(harness.Errors);
        var refused = Assert.Throws<InvalidOperationException>(() => new CertificateFiles(certificates.Server, certificates.ServerKey, TimeProvider.System, nobody));
        Assert.Contains("too small", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Sends one kept write in one segment with the write that follows it.</summary>
    private sealed class TogetherStream(Stream inner) : Stream
    {
        private byte[] _kept = [];
        private bool _keep;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public void KeepNextWrite() => _keep = true;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_keep)
            {
                (_keep, _kept) = (false, buffer.ToArray());
                return;
            }

            await inner.WriteAsync((byte[])[.. _kept, .. buffer.Span], cancellationToken);
            _kept = [];
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override void Flush() => inner.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
