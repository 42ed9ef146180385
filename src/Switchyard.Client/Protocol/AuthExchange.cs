using System.Text;
using Switchyard.Wire;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Payloads;

namespace Switchyard.Client.Protocol;

/// <summary>Proves who we are, by whichever plugin the server asks for, until it says OK or refuses.</summary>
/// <param name="text">How the server reads the login's names, and writes its refusal.</param>
internal sealed class AuthExchange(PacketStream packets, ConnectionOptions options, Encoding text, bool isProtected, string plugin, byte[] nonce)
{
    // A server switches once, and a plugin takes three rounds at most; more is a peer that does not mean to end.
    private const int MaxRounds = 10;

    private string _plugin = plugin;
    private byte[] _nonce = nonce;
    private bool _waitsForPublicKey;

    /// <summary>The plugin the login ended with.</summary>
    public string Plugin => _plugin;

    /// <summary>Whether the server took the short proof of caching_sha2_password, having the account's hash in its cache.</summary>
    public bool WasFast { get; private set; }

    /// <summary>The last challenge, which a change of user is answered over.</summary>
    public byte[] Nonce => _nonce;

    /// <summary>The first proof of a plugin, over the challenge.</summary>
    /// <exception cref="BackendUnavailableException">The plugin wants what the options do not hold.</exception>
    public static byte[] FirstProof(string plugin, ConnectionOptions options, bool isProtected, ReadOnlySpan<byte> nonce)
    {
        switch (plugin)
        {
            case AuthPlugins.NativePassword:
                return options.PasswordSha1 is { Length: > 0 } hash ? NativePassword.Scramble(hash, nonce) : NativePassword.Scramble(options.Password ?? "", nonce);
            case AuthPlugins.CachingSha2Password:
                return CachingSha2Password.Scramble(NeedPassword(plugin, options), nonce);
            case AuthPlugins.Sha256Password:
                var password = NeedPassword(plugin, options);
                return password.Length == 0 ? [0] : isProtected ? ClearPassword.Encode(password) : [Sha256Password.PublicKeyRequest];
            case AuthPlugins.MariaDbEd25519:
                return MariaDbEd25519.Sign(NeedPassword(plugin, options), nonce);
            case AuthPlugins.Parsec:
                NeedPassword(plugin, options);
                return Parsec.SaltRequest;
            case AuthPlugins.ClearPassword when isProtected || options.IsMeantToFail:
                return ClearPassword.Encode(NeedPassword(plugin, options));
            case var _ when options.IsMeantToFail:
                return [];
            case AuthPlugins.ClearPassword:
                throw Impossible(options, "the server wants the password in clear and the connection has no TLS; use ssl-mode=required.");
            case AuthPlugins.OldPassword:
                throw Impossible(options, "the account has a password hash from before MySQL 4.1; set its password anew.");
            default:
                throw Impossible(options, $"the account uses the authentication plugin {plugin}, which is not supported; use one with mysql_native_password or caching_sha2_password.");
        }
    }

    /// <summary>Whether a first proof by this plugin can be made at all; otherwise the greeting is answered by another and the server switches.</summary>
    public static bool CanStartWith(string plugin, ConnectionOptions options, bool isProtected) => plugin switch
    {
        AuthPlugins.NativePassword => true,
        AuthPlugins.CachingSha2Password or AuthPlugins.Sha256Password => options.PasswordSha1 is null || options.Password is not null,
        AuthPlugins.ClearPassword => isProtected,
        _ => false,
    };

    /// <summary>Runs the exchange after the first proof has been sent.</summary>
    /// <exception cref="ServerErrorException">The server refused.</exception>
    public async Task<OkResult> CompleteAsync(Capabilities capabilities, CancellationToken cancellationToken)
    {
        _waitsForPublicKey = _plugin == AuthPlugins.Sha256Password && !isProtected && !string.IsNullOrEmpty(options.Password);
        RefuseKeyRequestIfForbidden(_waitsForPublicKey);
        for (var round = 0; round < MaxRounds; round++)
        {
            var payload = await packets.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (payload.IsEmpty)
            {
                throw new MalformedPacketException("The server sent an empty packet during the login.");
            }

            byte[]? answer;
            switch (payload.Span[0])
            {
                case OkPayload.Header:
                    return OkResult.From(OkPayload.Parse(payload.Span, capabilities));
                case ErrorPayload.Header:
                    throw ServerErrorException.From(payload.Span, text: text);
                case AuthSwitchRequestPayload.Header:
                    answer = Switch(AuthSwitchRequestPayload.Parse(payload.Span));
                    break;
                case AuthMoreDataPayload.Header:
                    answer = Continue(AuthMoreDataPayload.Parse(payload.Span).Data);
                    break;
                case Parsec.Pbkdf2 when _plugin == AuthPlugins.Parsec:
                    // MariaDB marks data of a plugin only where its first byte could be taken for another packet's.
                    answer = Continue(payload.Span);
                    break;
                default:
                    throw new MalformedPacketException($"The server sent a packet with header 0x{payload.Span[0]:X2} during the login.");
            }

            if (answer is not null)
            {
                packets.BeginPayload().WriteBytes(answer);
                await packets.SendAsync(cancellationToken).ConfigureAwait(false);
            }
        }

        throw new MalformedPacketException($"The login did not end within {MaxRounds} packets.");
    }

    private byte[] Switch(AuthSwitchRequestPayload request)
    {
        _plugin = request.Plugin;

        // These challenges are of a fixed length and any bytes, a zero at the end included.
        _nonce = _plugin is AuthPlugins.MariaDbEd25519 or AuthPlugins.Parsec
            ? request.Data.AsSpan(0, Math.Min(request.Data.Length, MariaDbEd25519.NonceSize)).ToArray()
            : request.Nonce.ToArray();
        var proof = FirstProof(_plugin, options, isProtected, _nonce);
        _waitsForPublicKey = _plugin == AuthPlugins.Sha256Password && proof is [Sha256Password.PublicKeyRequest];
        RefuseKeyRequestIfForbidden(_waitsForPublicKey);
        return proof;
    }

    private byte[]? Continue(ReadOnlySpan<byte> data)
    {
        if (_waitsForPublicKey)
        {
            _waitsForPublicKey = false;
            return RsaPasswordExchange.Encrypt(NeedPassword(_plugin, options), _nonce, data);
        }

        if (_plugin == AuthPlugins.Parsec)
        {
            return Parsec.Sign(NeedPassword(_plugin, options), _nonce, data);
        }

        if (_plugin != AuthPlugins.CachingSha2Password || data.Length != 1)
        {
            if (options.IsMeantToFail)
            {
                return [];
            }

            throw new MalformedPacketException($"The server sent {data.Length} bytes of authentication data that {_plugin} does not know.");
        }

        switch (data[0])
        {
            case CachingSha2Password.FastAuthenticationSucceeded:
                WasFast = true;
                return null;
            case CachingSha2Password.FullAuthenticationRequired when isProtected:
                return ClearPassword.Encode(NeedPassword(_plugin, options));
            case CachingSha2Password.FullAuthenticationRequired:
                RefuseKeyRequestIfForbidden(true);
                _waitsForPublicKey = true;
                return [CachingSha2Password.PublicKeyRequest];
            default:
                throw new MalformedPacketException($"The server asks for step 0x{data[0]:X2} of {_plugin}, which is not known.");
        }
    }

    private void RefuseKeyRequestIfForbidden(bool isNeeded)
    {
        if (isNeeded && !options.AllowPublicKeyRetrieval && !options.IsMeantToFail)
        {
            throw Impossible(options, "the password would have to travel under an RSA key fetched without TLS, which get-server-public-key=false forbids; use ssl-mode=required.");
        }
    }

    private static string NeedPassword(string plugin, ConnectionOptions options) =>
        options.PasswordSha1 is { Length: > 0 } && options.Password is null
            ? throw Impossible(options, $"the account uses {plugin}, which needs the password itself, and only its SHA-1 hash is known.")
            : options.Password ?? "";

    private static BackendUnavailableException Impossible(ConnectionOptions options, string why) =>
        new(UnavailableReason.LoginImpossible, $"Cannot log in to {options.Host}:{options.Port} as {options.User}: {why}");
}
