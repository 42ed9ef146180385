using System.Net.Security;
using System.Net.Sockets;
using Switchyard.Client;
using Switchyard.Lab;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Tests.Integration;

/// <summary>TLS to the client.</summary>
[Trait("Category", "Integration")]
public sealed class TlsTests
{
    private const Capabilities Wanted =
        Capabilities.Protocol41 | Capabilities.Ssl | Capabilities.SecureConnection | Capabilities.PluginAuth | Capabilities.LongPassword;

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
