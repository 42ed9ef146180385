using System.Net;
using System.Text;
using Switchyard.Wire;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Login;

/// <summary>The client's side of the connection during a login: whole payloads, numbered and framed by whoever implements this.</summary>
public interface ILoginChannel
{
    /// <summary>Whether the client speaks TLS to the proxy, so that passwords may travel as they are.</summary>
    bool IsTls { get; }

    /// <summary>Sends one payload as the next packet.</summary>
    ValueTask SendAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken);

    /// <summary>Receives one payload; valid until the next call.</summary>
    ValueTask<ReadOnlyMemory<byte>> ReceiveAsync(CancellationToken cancellationToken);
}

/// <summary>What the client said of itself, in its handshake response or in COM_CHANGE_USER.</summary>
/// <param name="User">As the client gave it.</param>
/// <param name="Address">Where it connects from, or what a PROXY header of a trusted peer says.</param>
/// <param name="Plugin">The plugin it answered by; empty when it did not say, which means the greeting's.</param>
/// <param name="Response">Its answer to <paramref name="Nonce"/>.</param>
/// <param name="Nonce">The challenge of the greeting, which holds for the whole connection.</param>
/// <param name="Capabilities">As agreed with the client.</param>
public sealed record LoginRequest(string User, IPAddress Address, string Plugin, byte[] Response, byte[] Nonce, Capabilities Capabilities)
{
    /// <summary>The request of a handshake response.</summary>
    public static LoginRequest From(HandshakeResponsePayload response, IPAddress address, HandshakePayload greeting) => new(
        Encoding.UTF8.GetString(response.User),
        address,
        response.AuthPlugin.Length == 0 ? AuthPlugins.NativePassword : response.AuthPlugin,
        response.AuthResponse,
        greeting.Nonce,
        response.Capabilities & greeting.Capabilities);
}

/// <summary>
/// Ends a client's login at the proxy: finds the account the server would have chosen, lets the client prove itself by that account's own
/// plugin, and yields what opens backend connections in its name. The login is complete only when a backend has accepted that proof and
/// named the same account (<see cref="LegIdentity"/>).
/// </summary>
/// <param name="accounts">The accounts of the backend whose accounts let clients in.</param>
/// <param name="rsa">What passwords are sent under without TLS.</param>
/// <param name="configured">Accounts whose passwords are known: these are not asked of their clients.</param>
/// <param name="remembered">Accounts that were moved here with a password of our making; null where there are none.</param>
public sealed partial class FrontendLogin(AccountDirectory accounts, RsaLoginKey rsa, IReadOnlyList<ConfiguredAccount> configured, RememberedAccounts? remembered = null)
{
    /// <summary>Longest password in clear that is accepted, and more than an RSA block needs.</summary>
    private const int MaxAnswer = 4096;

    /// <exception cref="MalformedPacketException">The client does not speak the protocol; close the connection.</exception>
    /// <exception cref="Client.BackendUnavailableException">The backend's accounts cannot be read.</exception>
    /// <exception cref="Client.ServerErrorException">The backend's accounts may not be read.</exception>
    public async Task<LoginOutcome> RunAsync(ILoginChannel channel, LoginRequest request, CancellationToken cancellationToken)
    {
        var match = await accounts.FindAsync(request.User, request.Address, refresh: false, cancellationToken).ConfigureAwait(false);
        if (match.Candidates.Count == 0 || IsBarred(match.Candidates[0], channel))
        {
            // What is kept may be of the past: the account may have been made or changed since.
            match = await accounts.FindAsync(request.User, request.Address, refresh: true, cancellationToken).ConfigureAwait(false);
        }

        var account = match.Candidates.Count == 0 ? null : match.Candidates[0];
        if (account is null)
        {
            return await RunUnknownAsync(channel, request, match, cancellationToken).ConfigureAwait(false);
        }

        if (account.Tls == AccountTls.Any && !channel.IsTls)
        {
            // Whether the password is right is not looked at, so there is nothing the backend could count.
            return LoginOutcome.Refuse(LoginRefusal.AccessDenied(request.User, match.Client, IsPassword(request.Response)));
        }

        if (account.Tls == AccountTls.Certificate)
        {
            // As to a client without the certificate: libraries know what the error means, and people read on.
            var denied = LoginRefusal.AccessDenied(request.User, match.Client, IsPassword(request.Response));
            return LoginOutcome.Refuse(denied with
            {
                Message = $"{denied.Message}: the account '{account.User}'@'{account.Host}' requires a client certificate, which the proxy cannot present; connect to the server directly or drop the requirement.",
            });
        }

        if (configured.FirstOrDefault(known => known.Is(account)) is { } entry)
        {
            return await RunConfiguredAsync(entry, channel, request, match, cancellationToken).ConfigureAwait(false);
        }

        if (remembered is not null && await remembered.FindAsync(account, cancellationToken).ConfigureAwait(false) is { } former)
        {
            return await RunRememberedAsync(former, channel, request, match with { Candidates = [account with { Authentications = [former] }] }, cancellationToken).ConfigureAwait(false);
        }

        foreach (var authentication in account.Authentications)
        {
            switch (authentication.Plugin)
            {
                case AuthPlugins.NativePassword:
                    return await RunNativeAsync(channel, request, match, cancellationToken).ConfigureAwait(false);
                case AuthPlugins.CachingSha2Password or AuthPlugins.Sha256Password:
                    return await RunSha2Async(authentication.Plugin, channel, request, match, cancellationToken).ConfigureAwait(false);
                case "authentication_pam" or "authentication_ldap_simple" or "pam":
                    return await RunClearAsync(channel, request, match, cancellationToken).ConfigureAwait(false);
            }
        }

        return LoginOutcome.Refuse(LoginRefusal.CannotProve(
            $"The account '{account.User}'@'{account.Host}' uses the authentication plugin {account.Authentications[0].Plugin}, which cannot pass a proxy: name the account and its password under 'accounts' in the configuration, or give it mysql_native_password or caching_sha2_password."));
    }

    /// <summary>
    /// A user the server does not know, or not from there: asked for a password all the same, by the plugin most of the server's accounts have, as servers do. Who guesses
    /// names learns nothing.
    /// </summary>
    private async Task<LoginOutcome> RunUnknownAsync(ILoginChannel channel, LoginRequest request, AccountMatch match, CancellationToken cancellationToken)
    {
        if (match.UsualPlugin == AuthPlugins.CachingSha2Password)
        {
            var (password, answer) = await AskSha2Async(match.UsualPlugin, channel, request, cancellationToken).ConfigureAwait(false);
            return password is null ? Unread(request, match, answer) : Denied(request, match, answer);
        }

        var response = request.Plugin == AuthPlugins.NativePassword || !CanSwitch(request)
            ? request.Response
            : await SwitchAsync(channel, request, AuthPlugins.NativePassword, cancellationToken).ConfigureAwait(false);
        return Denied(request, match, response);
    }

    /// <summary>
    /// The configuration knows the password, so any challenge and response shows that the client does too: the one its library begins with, whatever
    /// plugin the backend has for the account.
    /// </summary>
    private static async Task<LoginOutcome> RunConfiguredAsync(
        ConfiguredAccount known, ILoginChannel channel, LoginRequest request, AccountMatch match, CancellationToken cancellationToken)
    {
        var (plugin, response) = (request.Plugin, request.Response);
        if (plugin is not (AuthPlugins.NativePassword or AuthPlugins.CachingSha2Password))
        {
            if (!CanSwitch(request))
            {
                return Unread(request, match, response);
            }

            plugin = AuthPlugins.NativePassword;
            response = await SwitchAsync(channel, request, plugin, cancellationToken).ConfigureAwait(false);
        }

        var isRight = plugin == AuthPlugins.NativePassword
            ? System.Security.Cryptography.CryptographicOperations.FixedTimeEquals(response, NativePassword.Scramble(known.Password, request.Nonce))
            : CachingSha2Password.Verify(response, request.Nonce, known.Password);
        if (!isRight)
        {
            return Denied(request, match, response);
        }

        if (plugin == AuthPlugins.CachingSha2Password && known.Password.Length > 0)
        {
            await SendMoreDataAsync(channel, new byte[] { CachingSha2Password.FastAuthenticationSucceeded }, cancellationToken).ConfigureAwait(false);
        }

        var outcome = Accept(request, match, match.Candidates[0], plugin, known.Password, null);
        return LoginOutcome.Accept(outcome.Proof! with { IsConfigured = true });
    }

    /// <summary>
    /// Looks a proof's account up anew, for a backend that has accepted the proof as another account than the kept one: accounts may have been made and dropped
    /// since. Null when the proof fits no account that the server would choose now, or the very ones it fitted before.
    /// </summary>
    /// <exception cref="Client.BackendUnavailableException">The backend's accounts cannot be read.</exception>
    /// <exception cref="Client.ServerErrorException">The backend's accounts may not be read.</exception>
    public async Task<ClientProof?> ReconsiderAsync(ClientProof proof, ILoginChannel channel, CancellationToken cancellationToken)
    {
        var match = await accounts.FindAsync(proof.User, proof.Client.Address, refresh: true, cancellationToken).ConfigureAwait(false);
        var account = match.Candidates.FirstOrDefault(candidate =>
            !IsBarred(candidate, channel) && candidate.Authentications.Any(authentication => Fits(proof, authentication)));
        return account is null || match.Candidates.SequenceEqual(proof.Candidates, s_sameName)
            ? null
            : proof with { Account = account, Candidates = match.Candidates, Client = match.Client };
    }

    /// <summary>
    /// Whether the server takes whoever logs in by this name from an address of the proxy's for the client's own account. For connections that cannot be asked who
    /// they are.
    /// </summary>
    /// <param name="proxy">The proxy's end of the connection, which is what the server sees where nothing in between changes it.</param>
    /// <exception cref="Client.BackendUnavailableException">The backend's accounts cannot be read.</exception>
    /// <exception cref="Client.ServerErrorException">The backend's accounts may not be read.</exception>
    public async Task<bool> IsTakenForClientAsync(ClientProof proof, IPAddress proxy, CancellationToken cancellationToken)
    {
        var match = await accounts.FindAsync(proof.User, proxy, refresh: true, cancellationToken).ConfigureAwait(false);
        return match.Candidates.Count > 0 && match.Candidates.All(account => proof.Candidates.Contains(account, s_sameName));
    }

    /// <summary>
    /// Whether the server would count a failed login that the proxy makes in the client's name against nobody but the client's own account. Elsewhere an account that
    /// the client is none of would be locked by it, and the answer would tell the client that there is one.
    /// </summary>
    /// <param name="proxy">The proxy's end of the connection, which is what the server sees where nothing in between changes it.</param>
    /// <exception cref="Client.BackendUnavailableException">The backend's accounts cannot be read.</exception>
    /// <exception cref="Client.ServerErrorException">The backend's accounts may not be read.</exception>
    public async Task<bool> IsCountedForClientAsync(FailedLogin failed, IPAddress proxy, CancellationToken cancellationToken)
    {
        // What is kept was read when the login failed.
        var match = await accounts.FindAsync(failed.User, proxy, refresh: false, cancellationToken).ConfigureAwait(false);
        return match.Candidates.All(account => failed.Candidates.Contains(account, s_sameName));
    }

    private static readonly EqualityComparer<Account> s_sameName = EqualityComparer<Account>.Create((a, b) => a?.CurrentUser == b?.CurrentUser);

    private static bool Fits(ClientProof proof, AccountAuthentication authentication) =>
        authentication.Plugin == proof.Plugin
        && (proof.Plugin != AuthPlugins.NativePassword
            || (NativePassword.TryParseStoredHash(authentication.AuthenticationString, out var stored)
                && stored.AsSpan().SequenceEqual(proof.PasswordSha1 is { } sha1 ? NativePassword.StoredHash(sha1) : [])));

    /// <summary>Whether the account could not be logged in to whatever the client knows.</summary>
    private static bool IsBarred(Account account, ILoginChannel channel) =>
        account.Tls == AccountTls.Certificate || (account.Tls == AccountTls.Any && !channel.IsTls);

    private async Task<LoginOutcome> RunNativeAsync(
        ILoginChannel channel, LoginRequest request, AccountMatch match, CancellationToken cancellationToken)
    {
        var response = request.Response;
        if (request.Plugin != AuthPlugins.NativePassword)
        {
            if (!CanSwitch(request))
            {
                return Unread(request, match, response);
            }

            response = await SwitchAsync(channel, request, AuthPlugins.NativePassword, cancellationToken).ConfigureAwait(false);
        }

        if (Verify(request, match, response) is { } accepted)
        {
            return accepted;
        }

        // The password may have been changed, or the account created, since it was read.
        match = await accounts.FindAsync(request.User, request.Address, refresh: true, cancellationToken).ConfigureAwait(false);
        return Verify(request, match, response) ?? Denied(request, match, response);
    }

    /// <summary>Null when no candidate's stored hash fits the proof.</summary>
    private static LoginOutcome? Verify(LoginRequest request, AccountMatch match, byte[] response)
    {
        foreach (var account in match.Candidates)
        {
            foreach (var authentication in account.Authentications)
            {
                if (authentication.Plugin == AuthPlugins.NativePassword &&
                    NativePassword.TryParseStoredHash(authentication.AuthenticationString, out var stored) &&
                    NativePassword.Verify(response, request.Nonce, stored, out var sha1))
                {
                    return Accept(request, match, account, AuthPlugins.NativePassword, response.Length == 0 ? "" : null, sha1);
                }
            }
        }

        return null;
    }

    /// <summary>
    /// Both SHA-2 plugins by full authentication, which alone reveals the password: through TLS as it is, else under our RSA key. It is
    /// right if the backend accepts it.
    /// </summary>
    private async Task<LoginOutcome> RunSha2Async(
        string plugin, ILoginChannel channel, LoginRequest request, AccountMatch match, CancellationToken cancellationToken)
    {
        var (password, answer) = await AskSha2Async(plugin, channel, request, cancellationToken).ConfigureAwait(false);
        return password is null ? Unread(request, match, answer) : Accept(request, match, match.Candidates[0], plugin, password, null);
    }

    /// <summary>The password the client gives, null when it cannot be read, and the client's last answer.</summary>
    private async Task<(string? Password, byte[] Answer)> AskSha2Async(
        string plugin, ILoginChannel channel, LoginRequest request, CancellationToken cancellationToken)
    {
        var isCaching = plugin == AuthPlugins.CachingSha2Password;
        var answer = request.Response;
        if (request.Plugin != plugin)
        {
            if (!CanSwitch(request))
            {
                return (null, answer);
            }

            answer = await SwitchAsync(channel, request, plugin, cancellationToken).ConfigureAwait(false);
        }

        if (!IsPassword(answer))
        {
            return ("", answer);
        }

        if (isCaching)
        {
            await SendMoreDataAsync(channel, new byte[] { CachingSha2Password.FullAuthenticationRequired }, cancellationToken).ConfigureAwait(false);
            answer = await ReceiveAsync(channel, cancellationToken).ConfigureAwait(false);
        }

        if (channel.IsTls)
        {
            return (ClearPassword.TryDecode(answer, out var clear) ? clear : null, answer);
        }

        if (answer.Length == 1 && answer[0] == (isCaching ? CachingSha2Password.PublicKeyRequest : Sha256Password.PublicKeyRequest))
        {
            await SendMoreDataAsync(channel, rsa.PublicKeyPem, cancellationToken).ConfigureAwait(false);
            answer = await ReceiveAsync(channel, cancellationToken).ConfigureAwait(false);
        }

        return (rsa.TryDecrypt(answer, request.Nonce, out var decrypted) ? decrypted : null, answer);
    }

    private async Task<LoginOutcome> RunClearAsync(
        ILoginChannel channel, LoginRequest request, AccountMatch match, CancellationToken cancellationToken)
    {
        if (!channel.IsTls || !CanSwitch(request))
        {
            return LoginOutcome.Refuse(LoginRefusal.CannotProve(
                $"The account '{match.Candidates[0].User}'@'{match.Candidates[0].Host}' takes its password in clear, which is accepted over TLS only; connect with TLS."));
        }

        var answer = request.Response;
        if (request.Plugin != AuthPlugins.ClearPassword)
        {
            answer = await SwitchAsync(channel, request, AuthPlugins.ClearPassword, cancellationToken).ConfigureAwait(false);
        }

        return ClearPassword.TryDecode(answer, out var password)
            ? Accept(request, match, match.Candidates[0], AuthPlugins.ClearPassword, password, null)
            : Unread(request, match, answer);
    }

    private static bool CanSwitch(LoginRequest request) => (request.Capabilities & Capabilities.PluginAuth) != 0;

    /// <summary>The client's answer by another plugin, over the same challenge as before, as servers have it: clients use the greeting's later on.</summary>
    private static async Task<byte[]> SwitchAsync(ILoginChannel channel, LoginRequest request, string plugin, CancellationToken cancellationToken)
    {
        using var writer = new PayloadWriter();
        AuthSwitchRequestPayload.ForNonce(plugin, request.Nonce).Write(writer);
        await channel.SendAsync(writer.WrittenMemory, cancellationToken).ConfigureAwait(false);
        return await ReceiveAsync(channel, cancellationToken).ConfigureAwait(false);
    }

    private static async Task SendMoreDataAsync(ILoginChannel channel, ReadOnlyMemory<byte> data, CancellationToken cancellationToken)
    {
        using var writer = new PayloadWriter();
        new AuthMoreDataPayload { Data = data.Span }.Write(writer);
        await channel.SendAsync(writer.WrittenMemory, cancellationToken).ConfigureAwait(false);
    }

    private static async Task<byte[]> ReceiveAsync(ILoginChannel channel, CancellationToken cancellationToken)
    {
        var payload = await channel.ReceiveAsync(cancellationToken).ConfigureAwait(false);
        return payload.Length <= MaxAnswer
            ? payload.ToArray()
            : throw new MalformedPacketException($"The client sent {payload.Length} bytes where a login answer of {MaxAnswer} at most is expected.");
    }

    private static LoginOutcome Accept(LoginRequest request, AccountMatch match, Account account, string plugin, string? password, byte[]? sha1) =>
        LoginOutcome.Accept(new ClientProof
        {
            User = request.User,
            Account = account,
            Candidates = match.Candidates,
            Client = match.Client,
            Plugin = plugin,
            Password = password,
            PasswordSha1 = sha1 is { Length: > 0 } ? sha1 : null,
        });

    private static LoginOutcome Denied(LoginRequest request, AccountMatch match, byte[] answer) =>
        LoginOutcome.Deny(new FailedLogin(request.User, match.Client, IsPassword(answer), match.Candidates));

    /// <summary>
    /// An answer with no password in it that could be read, made under another RSA key for one. Nothing was compared, so nothing is counted: a client that is merely set up
    /// wrong would lock its account by trying again.
    /// </summary>
    private static LoginOutcome Unread(LoginRequest request, AccountMatch match, byte[] answer) =>
        LoginOutcome.Refuse(LoginRefusal.AccessDenied(request.User, match.Client, IsPassword(answer)));

    /// <summary>An answer without a password is empty, or the zero that ends an empty one.</summary>
    private static bool IsPassword(byte[] answer) => answer is not ([] or [0]);
}
