using Switchyard.Client;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Sessions;

/// <summary>The OK that lets a client in, with all that its server would say in it.</summary>
internal sealed partial class ProxySession
{
    /// <summary>SHA-256 of the certificate the client was shown; null without TLS.</summary>
    private byte[]? _certificateHash;

    /// <summary>The client speaks TLS to the proxy.</summary>
    private bool IsTls => _certificateHash is not null;

    /// <param name="accounts">The server whose accounts they are.</param>
    private async ValueTask LetInAsync(ServerInfo accounts, LoginChannel channel, CancellationToken cancellationToken)
    {
        using var payload = new PayloadWriter();
        WriteLoginOk(payload, accounts);
        await channel.SendAsync(payload.WrittenMemory, cancellationToken);
    }

    private void WriteLoginOk(PayloadWriter payload, ServerInfo accounts) => new OkPayload
    {
        Status = (ServerStatus)_current!.Scanner.Status,
        Info = ProveCertificate(accounts),
        SessionState = LoginState.ForClient(_current.InitialState.Span),
    }.Write(payload, _capabilities);

    /// <summary>Empty where a server would not prove it either, or nobody could ask for it: there is no TLS, or no password that we know the hash of.</summary>
    private ReadOnlySpan<byte> ProveCertificate(ServerInfo accounts) =>
        _certificateHash is not null && accounts.IsAtLeast(ServerVendor.MariaDb, 11, 4) && _proof!.NativeHash is { } hash
            ? CertificateProof.Create(hash, _nonce, _certificateHash)
            : default;
}
