using System.Net;
using System.Net.Sockets;
using Switchyard.Wire;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>A client that speaks to the proxy byte by byte, and may break every rule.</summary>
internal sealed class RawClient : IAsyncDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    private RawClient()
    {
    }

    public Socket Socket => _socket;

    public static async Task<RawClient> ConnectAsync(IPEndPoint proxy, IPAddress? from = null)
    {
        var client = new RawClient();
        client._socket.Bind(new IPEndPoint(from ?? IPAddress.Loopback, 0));
        await client._socket.ConnectAsync(proxy);
        return client;
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default) => await _socket.SendAsync(bytes, cancellationToken);

    /// <summary>Sends a payload as one packet.</summary>
    public Task SendPacketAsync(byte[] payload, byte sequence, CancellationToken cancellationToken = default) => SendAsync(Packet(payload, sequence), cancellationToken);

    public static byte[] Packet(byte[] payload, byte sequence) =>
        [(byte)payload.Length, (byte)(payload.Length >> 8), (byte)(payload.Length >> 16), sequence, .. payload];

    /// <summary>The next packet's payload; null when the proxy has closed.</summary>
    public async Task<byte[]?> ReadPacketAsync(CancellationToken cancellationToken = default)
    {
        var header = await ReadExactAsync(PacketLimits.HeaderSize, cancellationToken);
        return header is null ? null : await ReadExactAsync(header[0] | (header[1] << 8) | (header[2] << 16), cancellationToken);
    }

    /// <summary>Reads all that comes until the proxy closes.</summary>
    public async Task<byte[]> ReadToEndAsync(CancellationToken cancellationToken)
    {
        using var all = new MemoryStream();
        var buffer = new byte[4096];
        try
        {
            for (int read; (read = await _socket.ReceiveAsync(buffer, cancellationToken)) > 0;)
            {
                all.Write(buffer, 0, read);
            }
        }
        catch (SocketException)
        {
            // Closed without more ado.
        }

        return all.ToArray();
    }

    public async Task<HandshakePayload> ReadGreetingAsync(CancellationToken cancellationToken = default) =>
        HandshakePayload.Parse(await ReadPacketAsync(cancellationToken) ?? throw new InvalidOperationException("The proxy closed before its greeting."));

    /// <summary>A handshake response for the application's account by its native password.</summary>
    public static byte[] Login(HandshakePayload greeting, string user = ProxyHarness.AppUser, string password = ProxyHarness.AppPassword, string? schema = null)
    {
        using var writer = new PayloadWriter();
        new HandshakeResponsePayload
        {
            Capabilities = greeting.Capabilities & ~(Capabilities.Ssl | Capabilities.Compress | Capabilities.ZstdCompression | (schema is null ? Capabilities.ConnectWithDatabase : Capabilities.None)),
            User = System.Text.Encoding.UTF8.GetBytes(user),
            AuthResponse = NativePassword.Scramble(password, greeting.Nonce),
            AuthPlugin = AuthPlugins.NativePassword,
            Schema = schema is null ? null : System.Text.Encoding.UTF8.GetBytes(schema),
        }.Write(writer);
        return writer.WrittenSpan.ToArray();
    }

    /// <summary>Logs in where the account has a native password.</summary>
    public async Task LogInAsync(CancellationToken cancellationToken, string? schema = null)
    {
        var greeting = await ReadGreetingAsync(cancellationToken);
        await SendPacketAsync(Login(greeting, schema: schema), 1, cancellationToken);
        Assert.Equal(OkPayload.Header, (await ReadPacketAsync(cancellationToken))![0]);
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<byte[]?> ReadExactAsync(int count, CancellationToken cancellationToken)
    {
        var bytes = new byte[count];
        for (var at = 0; at < count;)
        {
            var read = await _socket.ReceiveAsync(bytes.AsMemory(at), cancellationToken);
            if (read == 0)
            {
                return null;
            }

            at += read;
        }

        return bytes;
    }
}
