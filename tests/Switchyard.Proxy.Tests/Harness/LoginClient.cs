using System.Net;
using System.Net.Sockets;
using System.Text;
using Switchyard.Wire;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>
/// A client without TLS that logs in and changes its user beginning with whatever plugin it is told, and like client libraries keeps the last challenge for that.
/// </summary>
internal sealed class LoginClient : IAsyncDisposable
{
    private const Capabilities Spoken =
        Capabilities.LongPassword | Capabilities.Protocol41 | Capabilities.SecureConnection | Capabilities.PluginAuth | Capabilities.Transactions;

    private readonly RawClient _raw;
    private readonly Encoding _text;
    private byte[] _nonce = [];

    private LoginClient(RawClient raw, Encoding text) => (_raw, _text) = (raw, text);

    public Socket Socket => _raw.Socket;

    /// <summary>The id it was greeted with.</summary>
    public uint ConnectionId { get; private set; }

    /// <summary>Connects and logs in; what came of it is said as by <see cref="ChangeUserAsync"/>.</summary>
    /// <param name="text">How names are written and errors read, from now on; null is UTF-8.</param>
    public static async Task<(LoginClient Client, string Outcome)> LogInAsync(
        int port, string plugin, string user, string password, IPAddress? from = null, Capabilities extra = Capabilities.None, byte collation = 0,
        string? schema = null, Encoding? text = null, string? attribute = null)
    {
        var client = new LoginClient(await RawClient.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), from), text ?? Encoding.UTF8);
        var greeting = await client._raw.ReadGreetingAsync();
        (client._nonce, client.ConnectionId) = (greeting.Nonce, greeting.ConnectionId);
        using var writer = new PayloadWriter();
        new HandshakeResponsePayload
        {
            Capabilities = Spoken | extra | (attribute is null ? Capabilities.None : Capabilities.ConnectAttributes) | (schema is null ? Capabilities.None : Capabilities.ConnectWithDatabase),
            Collation = collation,
            User = client._text.GetBytes(user),
            Schema = schema is null ? null : client._text.GetBytes(schema),
            AuthResponse = client.Proof(plugin, password),
            AuthPlugin = plugin,
            Attributes = attribute is null ? [] : [new("a", attribute)],
        }.Write(writer);
        await client._raw.SendPacketAsync(writer.WrittenSpan.ToArray(), 1);
        return (client, await client.FollowAsync(plugin, password, 3));
    }

    /// <summary>Changes the user.</summary>
    /// <returns><c>in</c>, <c>closed</c>, or the server's error without its remark on the password.</returns>
    public async Task<string> ChangeUserAsync(string plugin, string user, string password, string schema = "", ushort collation = 45)
    {
        using var writer = new PayloadWriter();
        new ChangeUserPayload
        {
            User = _text.GetBytes(user),
            AuthResponse = Proof(plugin, password),
            Schema = _text.GetBytes(schema),
            Collation = collation,
            AuthPlugin = plugin,
        }.Write(writer, Spoken);
        await _raw.SendPacketAsync(writer.WrittenSpan.ToArray(), 0);
        return await FollowAsync(plugin, password, 2);
    }

    /// <summary>A command whose answer is one packet: <c>ok</c>, or the error.</summary>
    public async Task<string> CommandAsync(CommandKind command, params byte[] argument)
    {
        await _raw.SendPacketAsync([(byte)command, .. argument], 0);
        var answer = await _raw.ReadPacketAsync();
        return answer is null ? "closed" : answer[0] == ErrorPayload.Header ? Words(answer) : "ok";
    }

    /// <summary>Begins to change the user, and answers the switch to another plugin by something that is no proof.</summary>
    /// <returns>Whether that closes the connection.</returns>
    public async Task<bool> BreakChangeOfUserAsync(string plugin, string user, string schema, byte[] answer)
    {
        await BeginChangeOfUserAsync(plugin, user, schema);
        await _raw.SendPacketAsync(answer, 2);
        return await _raw.ReadPacketAsync() is null;
    }

    /// <summary>Begins to change the user, and leaves the switch to another plugin unanswered.</summary>
    public async Task BeginChangeOfUserAsync(string plugin, string user, string schema)
    {
        using var writer = new PayloadWriter();
        new ChangeUserPayload { User = Encoding.UTF8.GetBytes(user), Schema = Encoding.UTF8.GetBytes(schema), Collation = 45, AuthPlugin = plugin }.Write(writer, Spoken);
        await _raw.SendPacketAsync(writer.WrittenSpan.ToArray(), 0);
        Assert.Equal(AuthSwitchRequestPayload.Header, (await _raw.ReadPacketAsync())![0]);
    }

    /// <summary>The account the session is now, or <c>closed</c>.</summary>
    public Task<string> WhoAsync() => AskAsync("SELECT CURRENT_USER()");

    /// <summary>The one value a query gives, or <c>closed</c>.</summary>
    public async Task<string> AskAsync(string sql)
    {
        try
        {
            await _raw.SendPacketAsync([(byte)CommandKind.Query, .. _text.GetBytes(sql)], 0);
            var first = await _raw.ReadPacketAsync();
            if (first is null || first[0] == ErrorPayload.Header)
            {
                return first is null ? "closed" : Words(first);
            }

            await _raw.ReadPacketAsync();
            await _raw.ReadPacketAsync();
            var row = (await _raw.ReadPacketAsync())!;
            await _raw.ReadPacketAsync();
            return Encoding.UTF8.GetString(row.AsSpan(1));
        }
        catch (SocketException)
        {
            return "closed";
        }
    }

    /// <summary>How many columns COM_FIELD_LIST tells of, or the error.</summary>
    public async Task<string> CountFieldsAsync(string table)
    {
        await _raw.SendPacketAsync([(byte)CommandKind.FieldList, .. _text.GetBytes(table), 0], 0);
        for (var columns = 0; ; columns++)
        {
            var packet = await _raw.ReadPacketAsync();
            if (packet is null || packet[0] is EofPayload.Header or ErrorPayload.Header)
            {
                return packet is null ? "closed" : packet[0] == ErrorPayload.Header ? Words(packet) : $"{columns}";
            }
        }
    }

    public ValueTask DisposeAsync() => _raw.DisposeAsync();

    private async Task<string> FollowAsync(string plugin, string password, byte sequence)
    {
        while (true)
        {
            var packet = await _raw.ReadPacketAsync();
            if (packet is null or [])
            {
                return "closed";
            }

            byte[]? answer = null;
            switch (packet[0])
            {
                case OkPayload.Header:
                    return "in";
                case ErrorPayload.Header:
                    return Words(packet);
                case AuthSwitchRequestPayload.Header:
                    var request = AuthSwitchRequestPayload.Parse(packet);
                    plugin = request.Plugin;
                    _nonce = plugin == AuthPlugins.MariaDbEd25519 ? request.Data[..MariaDbEd25519.NonceSize] : request.Nonce.ToArray();
                    answer = Proof(plugin, password);
                    break;
                default:
                    var data = AuthMoreDataPayload.Parse(packet).Data;
                    answer = data is [CachingSha2Password.FastAuthenticationSucceeded] ? null
                        : data is [CachingSha2Password.FullAuthenticationRequired] ? [CachingSha2Password.PublicKeyRequest]
                        : RsaPasswordExchange.Encrypt(password, _nonce, data);
                    break;
            }

            if (answer is not null)
            {
                await _raw.SendPacketAsync(answer, sequence);
                sequence += 2;
            }
            else
            {
                sequence++;
            }
        }
    }

    private byte[] Proof(string plugin, string password) => plugin switch
    {
        AuthPlugins.NativePassword or "" => NativePassword.Scramble(password, _nonce),
        AuthPlugins.CachingSha2Password => CachingSha2Password.Scramble(password, _nonce),
        AuthPlugins.Sha256Password => [Sha256Password.PublicKeyRequest],
        AuthPlugins.MariaDbEd25519 => MariaDbEd25519.Sign(password, _nonce),
        _ => [],
    };

    private string Words(byte[] packet)
    {
        var error = ErrorPayload.Parse(packet);
        return $"{error.Code} {_text.GetString(error.Message).Split(" (using")[0]}";
    }
}
