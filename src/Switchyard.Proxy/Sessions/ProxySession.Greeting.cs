using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Tls;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Sessions;

/// <summary>What a client is greeted with, and its answer up to the login: a PROXY header, TLS, the handshake response.</summary>
internal sealed partial class ProxySession
{
    /// <summary>How long a client waits for the greeting of a backend it may not need: one that stands still accepts connections and says nothing.</summary>
    private static readonly TimeSpan s_greetingPatience = TimeSpan.FromSeconds(3);

    /// <summary>What the client's accounts' backend is, and what the client can be offered; null when it cannot be asked, which the client has been told then.</summary>
    private async Task<(BackendProfile Profile, Capabilities Offered)?> AskBackendsAsync(string backend, CancellationToken cancellationToken)
    {
        try
        {
            var profile = await _context.Profiles.GetAsync(backend, cancellationToken);
            return (profile, OfferedCapabilities.For(profile.Server, await _context.Profiles.CapabilitiesOfAllAsync(cancellationToken)));
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException)
        {
            await SendUngreetedAsync(AskError(backend, exception), cancellationToken);
            return null;
        }
    }

    /// <summary>
    /// Connects to where this client will most likely live, to greet it with that connection's id; null when there is none to be had now.
    /// </summary>
    private async Task<AwaitedLegs.AwaitedLeg?> AwaitLegAsync(BackendProfile accounts, CancellationToken cancellationToken)
    {
        var likely = _context.Awaited.Predict(accounts.Name);
        if (likely == accounts.Name && _context.View.Current.Routing.Rules.All(rule => rule.Writer == accounts.Name))
        {
            return await _context.Awaited.TryConnectAsync(accounts, _socket.Loop, cancellationToken);
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(s_greetingPatience);
        try
        {
            return await _context.Awaited.TryConnectAsync(await _context.Profiles.GetAsync(likely, patience.Token), _socket.Loop, patience.Token);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // The client may not need that backend at all; if it does, its leg will fail for the same reason.
            return null;
        }
    }

    private async Task GreetAsync(BackendProfile profile, Capabilities offered, CancellationToken cancellationToken)
    {
        _scratch.Reset();
        using (var payload = new PayloadWriter())
        {
            new HandshakePayload
            {
                ServerVersion = profile.Server.VersionString,
                ConnectionId = ConnectionId,
                Nonce = _nonce,
                Capabilities = offered,
                Collation = profile.Server.Collation,
                Status = ServerStatus.AutoCommit,
                AuthPlugin = AccountDirectory.UsualPluginOf(profile.Server),
            }.Write(payload);
            PacketIO.Frame(_scratch, payload.WrittenSpan, 0);
        }

        await _client.WriteAsync(_scratch.WrittenMemory, cancellationToken);
    }

    private async Task<(HandshakeResponsePayload? Response, byte Sequence)> ReadResponseAsync(Capabilities offered, CancellationToken cancellationToken)
    {
        _client.ReadsAhead = false;
        if (!await _client.EnsureAsync(ProxyHeader.PrefixSize, cancellationToken)
            || (ProxyHeader.Begins(_client.Buffered) && !await TakeProxyHeaderAsync(cancellationToken)))
        {
            return (null, 0);
        }

        while (true)
        {
            _client.ReadsAhead = IsTls;
            var read = await PacketIO.ReadFrameAsync(_client, MaxLoginPacketBytes, cancellationToken);
            if (read is not { } frame)
            {
                return (null, 0);
            }

            if (frame.IsTooLong)
            {
                await SendErrorAsync(ClientError.BadHandshake, (byte)(frame.Sequence + 1), cancellationToken);
                throw new SessionProtocolException("The client's login packet is too long.");
            }

            var payload = PacketIO.Payload(_client, frame);
            if (SslRequestPayload.IsSslRequest(payload.Span) && !IsTls)
            {
                _client.Consume(frame.RawLength);
                await StartTlsAsync(cancellationToken);
                continue;
            }

            if (await ParseResponseAsync(payload, offered, (byte)(frame.Sequence + 1), cancellationToken) is not { } response)
            {
                return (null, 0);
            }

            _client.Consume(frame.RawLength);
            _client.ReadsAhead = true;
            return (response, (byte)(frame.Sequence + 1));
        }
    }

    /// <summary>Null where it makes no sense, which the client has been told then.</summary>
    private async Task<HandshakeResponsePayload?> ParseResponseAsync(ReadOnlyMemory<byte> payload, Capabilities offered, byte sequence, CancellationToken cancellationToken)
    {
        try
        {
            return HandshakeResponsePayload.Parse(payload.Span, offered);
        }
        catch (MalformedPacketException exception)
        {
            ProxyLog.SessionEnded(_context.Logger, exception, Id, ClientAddress, exception.Message);
            await SendErrorAsync(ClientError.BadHandshake, sequence, cancellationToken);
            return null;
        }
    }

    /// <summary>Learns from a load balancer who the client is; false when it may not say, which it has been told then.</summary>
    private async Task<bool> TakeProxyHeaderAsync(CancellationToken cancellationToken)
    {
        var peer = ClientAddress.Address.IsIPv4MappedToIPv6 ? ClientAddress.Address.MapToIPv4() : ClientAddress.Address;
        if (!_context.Options.ProxyProtocolNetworks.Any(network => network.Contains(peer)))
        {
            ProxyLog.HeaderRefused(_context.Logger, ClientAddress, "it sent a PROXY header, and its network is not listed in proxy.proxy-protocol-networks.");
            await SendErrorAsync(ClientError.HeaderNotAllowed(peer), 1, cancellationToken);
            return false;
        }

        try
        {
            ClientAddress = await ProxyHeader.ReadAsync(_client, cancellationToken) ?? ClientAddress;
            return true;
        }
        catch (SessionProtocolException exception)
        {
            ProxyLog.HeaderRefused(_context.Logger, ClientAddress, exception.Message);
            return false;
        }
    }

    private async Task StartTlsAsync(CancellationToken cancellationToken)
    {
        var (certificate, own) = _context.Login.Tls;
        _certificateHash = certificate.TargetCertificate.GetCertHash(HashAlgorithmName.SHA256);
        if (own is not null)
        {
            _client.Upgrade(_socket);
            await _socket.StartTlsAsync(own, cancellationToken);
            return;
        }

        var tls = new RuntimeTls(_socket);
        _client.Upgrade(tls);
        await tls.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions
            {
                ServerCertificateContext = certificate,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
            },
            cancellationToken);
    }
}
