using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using Switchyard.Proxy.Tests.Harness;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Tests.Hostile;

/// <summary>One client that breaks the rules, the same way for the same seed.</summary>
internal sealed class FrontendFuzz(int seed, IPEndPoint proxy, string user, string password, string schema)
{
    private const int MaxGarbage = 40_000;

    private readonly Random _random = new(seed);

    private static readonly byte[][] s_commands =
    [
        [(byte)CommandKind.Query, .. "SELECT 1, 'text', NULL"u8],
        [(byte)CommandKind.Query, .. "SELECT 1; SELECT 2"u8],
        [(byte)CommandKind.Query, .. "SET @a = 1, NAMES utf8mb4"u8],
        [(byte)CommandKind.Query, .. "BEGIN"u8],
        [(byte)CommandKind.Query, .. "KILL QUERY 1"u8],
        [(byte)CommandKind.Query, .. "LOAD DATA LOCAL INFILE 'x' INTO TABLE t"u8],
        [(byte)CommandKind.StatementPrepare, .. "SELECT ?, CONCAT(?, 'x')"u8],
        [(byte)CommandKind.StatementExecute, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 0, 254, 0, 7, 0, 0, 0, 2, 65, 66],
        [(byte)CommandKind.StatementSendLongData, 1, 0, 0, 0, 0, 0, 65, 66],
        [(byte)CommandKind.StatementFetch, 1, 0, 0, 0, 5, 0, 0, 0],
        [(byte)CommandKind.StatementReset, 1, 0, 0, 0],
        [(byte)CommandKind.StatementClose, 1, 0, 0, 0],
        [(byte)CommandKind.InitDb, .. "information_schema"u8],
        [(byte)CommandKind.FieldList, .. "t\0%"u8],
        [(byte)CommandKind.SetOption, 0, 0],
        [(byte)CommandKind.ProcessKill, 1, 0, 0, 0],
        [(byte)CommandKind.Statistics],
        [(byte)CommandKind.Ping],
        [(byte)CommandKind.ResetConnection],
        [(byte)CommandKind.ChangeUser, .. "app\0"u8, 0, .. "\0"u8, 45, 0, .. "mysql_native_password\0"u8],
        [(byte)CommandKind.BinlogDump, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0],
        [(byte)CommandKind.Quit],
    ];

    /// <summary>Connects, misbehaves, hangs up, and reads what the proxy says until it hangs up as well.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var client = await RawClient.ConnectAsync(proxy);
        try
        {
            await MisbehaveAsync(client, cancellationToken);
            if (_random.Next(4) != 0)
            {
                client.Socket.Shutdown(SocketShutdown.Send);
                await client.ReadToEndAsync(cancellationToken);
            }
        }
        catch (Exception exception) when (exception is SocketException or IOException or AuthenticationException or MalformedPacketException or InvalidOperationException)
        {
            // The proxy has hung up in the middle, as it may.
        }
    }

    private async Task MisbehaveAsync(RawClient client, CancellationToken cancellationToken)
    {
        var stage = _random.Next(9);
        if (stage == 0)
        {
            await client.SendAsync(Garbage(), cancellationToken);
            return;
        }

        var greeting = await client.ReadGreetingAsync(cancellationToken);
        switch (stage)
        {
            case 1:
                await client.SendAsync(Mutate(RawClient.Packet(RawClient.Login(greeting, user, password, schema), 1)), cancellationToken);
                break;
            case 2:
                await TlsAsync(client, greeting, cancellationToken);
                break;
            case 3:
                await client.SendAsync(Mutate("PROXY TCP4 10.1.2.3 10.9.9.9 4321 3306\r\n"u8.ToArray()), cancellationToken);
                await client.SendAsync(RawClient.Packet(RawClient.Login(greeting, user, password, schema), 1), cancellationToken);
                break;
            case 4:
                await CompressedAsync(client, greeting, cancellationToken);
                break;
            case 5:
                await WithinTlsAsync(client, greeting, cancellationToken);
                break;
            default:
                await client.SendAsync(RawClient.Packet(RawClient.Login(greeting, user, password, schema), 1), cancellationToken);
                await CommandsAsync(client, cancellationToken);
                break;
        }
    }

    private async Task TlsAsync(RawClient client, HandshakePayload greeting, CancellationToken cancellationToken)
    {
        using var request = new PayloadWriter();
        new SslRequestPayload(greeting.Capabilities | Capabilities.Ssl, 1 << 24, 45).Write(request);
        await client.SendAsync(MaybeMutate(RawClient.Packet(request.WrittenSpan.ToArray(), 1)), cancellationToken);
        byte[] hello = [0x16, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3, .. Bytes(32), 0, 0, 2, 0x13, 1, 1, 0, 0, 13, 0, 43, 0, 3, 2, 3, 4, 0, 0, 0, 2, 0, 0];
        await client.SendAsync(_random.Next(2) == 0 ? Garbage() : Mutate(hello), cancellationToken);
    }

    /// <summary>A session in TLS, with commands as anywhere, and now and then something that no record is.</summary>
    private async Task WithinTlsAsync(RawClient client, HandshakePayload greeting, CancellationToken cancellationToken)
    {
        using var request = new PayloadWriter();
        new SslRequestPayload(greeting.Capabilities | Capabilities.Ssl, 1 << 24, 45).Write(request);
        await client.SendAsync(RawClient.Packet(request.WrittenSpan.ToArray(), 1), cancellationToken);
        await using var tls = new SslStream(new NetworkStream(client.Socket, ownsSocket: false), leaveInnerStreamOpen: true, (_, _, _, _) => true);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "localhost", EnabledSslProtocols = _random.Next(2) == 0 ? SslProtocols.Tls12 : SslProtocols.Tls13 }, cancellationToken);
        await tls.WriteAsync(MaybeMutate(RawClient.Packet(RawClient.Login(greeting, user, password, schema), 2)), cancellationToken);
        for (var i = _random.Next(1, 5); i > 0; i--)
        {
            var command = RawClient.Packet(s_commands[_random.Next(s_commands.Length)], 0);
            await tls.WriteAsync(MaybeMutate(command), cancellationToken);
        }

        switch (_random.Next(3))
        {
            case 0:
                await client.SendAsync(Garbage(), cancellationToken);
                break;
            case 1:
                await tls.ShutdownAsync();
                break;
        }
    }

    private async Task CompressedAsync(RawClient client, HandshakePayload greeting, CancellationToken cancellationToken)
    {
        using var login = new PayloadWriter();
        var parsed = HandshakeResponsePayload.Parse(RawClient.Login(greeting, user, password, schema), greeting.Capabilities);
        var kind = _random.Next(2) == 0 ? Capabilities.Compress : Capabilities.ZstdCompression;
        (parsed with { Capabilities = (parsed.Capabilities & ~(Capabilities.Compress | Capabilities.ZstdCompression)) | (greeting.Capabilities & kind), ZstdLevel = (byte)_random.Next(25) }).Write(login);
        await client.SendAsync(RawClient.Packet(login.WrittenSpan.ToArray(), 1), cancellationToken);
        await client.ReadPacketAsync(cancellationToken);
        for (var i = _random.Next(1, 4); i > 0; i--)
        {
            var content = RawClient.Packet(s_commands[_random.Next(s_commands.Length)], 0);
            byte[] packet = [(byte)content.Length, 0, 0, (byte)_random.Next(3), (byte)_random.Next(256), (byte)_random.Next(256), (byte)(_random.Next(3) * 100), .. content];
            await client.SendAsync(MaybeMutate(packet), cancellationToken);
        }
    }

    private async Task CommandsAsync(RawClient client, CancellationToken cancellationToken)
    {
        var sent = new MemoryStream();
        for (var i = _random.Next(1, 8); i > 0; i--)
        {
            var command = s_commands[_random.Next(s_commands.Length)];
            command = _random.Next(3) == 0 ? Mutate(command) : command;
            sent.Write(MaybeMutate(RawClient.Packet(command, (byte)(_random.Next(5) == 0 ? _random.Next(256) : 0))));
        }

        // All at once, before anything is answered: clients may send ahead.
        await client.SendAsync(sent.ToArray(), cancellationToken);
    }

    private byte[] MaybeMutate(byte[] bytes) => _random.Next(2) == 0 ? bytes : Mutate(bytes);

    private byte[] Mutate(byte[] original)
    {
        var bytes = original.ToList();
        for (var i = _random.Next(1, 4); i > 0; i--)
        {
            var at = _random.Next(bytes.Count + 1);
            switch (_random.Next(6))
            {
                case 0 when at < bytes.Count:
                    bytes[at] = (byte)_random.Next(256);
                    break;
                case 1 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << _random.Next(8));
                    break;
                case 2 when at < bytes.Count:
                    bytes.RemoveRange(at, _random.Next(1, bytes.Count - at + 1));
                    break;
                case 3:
                    bytes.InsertRange(at, Bytes(_random.Next(1, 300)));
                    break;
                case 4 when at < bytes.Count:
                    bytes[at] = (byte)(_random.Next(2) * 255);
                    break;
                default:
                    bytes.InsertRange(at, bytes.GetRange(0, at));
                    break;
            }
        }

        return [.. bytes];
    }

    private byte[] Garbage() => Bytes(_random.Next(_random.Next(2) == 0 ? 64 : MaxGarbage));

    private byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        _random.NextBytes(bytes);
        return bytes;
    }
}
