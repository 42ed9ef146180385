using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Relay;
using Switchyard.Sql;
using Switchyard.Wire;
using Switchyard.Wire.Auth;
using Switchyard.Wire.Compression;

namespace Switchyard.Proxy.Sessions;

/// <summary>Login, and the first leg, whose login at the backend is what lets the client in.</summary>
internal sealed partial class ProxySession
{
    /// <summary>Longest login packet: a user name, a proof and 64 KiB of connection attributes.</summary>
    private const int MaxLoginPacketBytes = 128 * 1024;

    /// <summary>The highest level zstd knows.</summary>
    private const int MaxZstdLevel = 22;

    private async Task<bool> LogInAsync(CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_context.Options.LoginTimeout);
        var routing = _context.View.Current.Routing;
        if (routing.DefaultBackend is not { } backend)
        {
            await SendUngreetedAsync(ClientError.Refused("Switchyard has no default backend; add one with `switchyard backend add` and name it as --default-backend."), limit.Token);
            return false;
        }

        if (await AskBackendsAsync(backend, limit.Token) is not { } known)
        {
            return false;
        }

        try
        {
            _awaited = await AwaitLegAsync(known.Profile, limit.Token);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException)
        {
            // What a client without the proxy would have been told in place of a greeting.
            await SendUngreetedAsync(LegError(backend, exception), limit.Token);
            return false;
        }

        using var awaited = _awaited;
        if (awaited is not null && !_context.Profiles.Recognises(awaited.Profile, awaited.Server))
        {
            // Another server answers there by now: this client is offered what that one has.
            if (await AskBackendsAsync(backend, limit.Token) is not { } anew)
            {
                return false;
            }

            known = anew;
        }

        var (profile, offered) = known;
        ConnectionId = awaited?.ConnectionId ?? (uint)Id;
        _nonce = AuthNonce.Create();
        await GreetAsync(profile, offered, limit.Token);
        var (response, sequence) = await ReadResponseAsync(offered, limit.Token);
        if (response is null)
        {
            return false;
        }

        if (_context.Options.RequireTls && !IsTls)
        {
            await SendErrorAsync(ClientError.TlsRequired, sequence, limit.Token);
            return false;
        }

        _capabilities = response.Capabilities & offered;
        var compression = CompressionOf(_capabilities);
        if (compression == CompressionKind.Zstd && response.ZstdLevel is 0 or > MaxZstdLevel)
        {
            await SendErrorAsync(ClientError.WrongZstdLevel, sequence, limit.Token);
            return false;
        }

        _collation = response.Collation;
        _attributes = response.Attributes;
        var text = ReadLoginText(profile.Server);
        _state.Schema = response.Schema is { Length: > 0 } schema ? text.GetString(schema) : null;
        var request = new LoginRequest(
            text.GetString(response.User), ClientAddress.Address, PluginOf(response.AuthPlugin), response.AuthResponse, _nonce, _capabilities);
        if (!await AdmitAsync(request, sequence, profile, kept: null, limit.Token))
        {
            return false;
        }

        if (compression != CompressionKind.None)
        {
            // From the first byte behind the OK.
            _client.Upgrade(new CompressedStream(_client.Stream, compression, response.ZstdLevel));
            _isCompressed = true;
            await BetweenCommandsAsync(
                () =>
                {
                    _legs.ForEach(static leg => leg.Socket.RunsInline = false);
                    return Task.FromResult(true);
                },
                limit.Token);
        }

        return true;
    }

    /// <summary>What a client hears where a backend could not be asked about its login: a server that is full tells everybody so, what else it tells us is not meant for clients.</summary>
    private static ClientError AskError(string backend, Exception exception) =>
        exception is ServerErrorException { Code: ClientError.TooManyConnectionsCode } full ? ClientError.From(full) : ClientError.BackendDown(backend, exception.Message);

    /// <summary>Asked for both, servers as they come take zlib.</summary>
    private static CompressionKind CompressionOf(Capabilities agreed) =>
        (agreed & Capabilities.Compress) != 0 ? CompressionKind.Zlib
        : (agreed & Capabilities.ZstdCompression) != 0 ? CompressionKind.Zstd
        : CompressionKind.None;

    /// <summary>Runs the exchange, opens the home leg as the client, and answers OK or the error; false when the client is refused.</summary>
    /// <param name="kept">A leg of the user before, to log in on if it is to the backend where the session lives; closed otherwise once the client has proven itself. Null for none.</param>
    private async Task<bool> AdmitAsync(LoginRequest request, byte sequence, BackendProfile profile, BackendLeg? kept, CancellationToken cancellationToken)
    {
        var channel = new LoginChannel(_client, sequence, IsTls);
        LoginOutcome outcome;
        try
        {
            outcome = await _context.Login.For(profile).RunAsync(channel, request, cancellationToken);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException)
        {
            await SendErrorAsync(AskError(profile.Name, exception), channel.Sequence, cancellationToken);
            return false;
        }

        if (outcome.Proof is not { } proof)
        {
            var refusal = outcome.Failed is { } failed ? await FailAtBackendAsync(profile, failed, cancellationToken) : null;
            await SendErrorAsync(ClientError.From(refusal ?? outcome.Refusal!), channel.Sequence, cancellationToken);
            return false;
        }

        var home = HomeOf(_state.Schema, _context.View.Current) ?? profile.Name;
        if (kept?.Backend != home)
        {
            // Those of a user before, if there are any.
            await CloseAllLegsAsync();
            kept = null;
        }

        _proof = proof;
        _accountsOf = profile.Name;
        if (home != profile.Name && (!proof.IsVerified || _context.Login.HasFailed(profile.Name, proof.Account.User))
            && !await ProveAsync(proof, profile.Name, channel, cancellationToken))
        {
            return false;
        }

        try
        {
            // Every client login is a real login at the backend: locked, expired and refused accounts answer as they would there.
            SetCurrent(await OpenFirstLegAsync(home, profile, kept, channel, cancellationToken));
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException)
        {
            await SendErrorAsync(LegError(home, exception), channel.Sequence, cancellationToken);
            return false;
        }

        _context.Login.Succeeded(profile.Name, _proof.Account.User);

        // A change of user has the turn.
        return _hasTurn ? await LetInUnlessRefusedAsync(home, profile, channel, cancellationToken) : await BetweenCommandsAsync(() => LetInUnlessRefusedAsync(home, profile, channel, cancellationToken), cancellationToken);
    }

    /// <summary>Lets the client in, unless a switch is under way to where it could not go; with the turn.</summary>
    private async Task<bool> LetInUnlessRefusedAsync(string home, BackendProfile profile, LoginChannel channel, CancellationToken cancellationToken)
    {
        // The warmer finds the session from here on: a switch that begins later asks for it, and one that began earlier is seen here.
        IsEstablished = true;
        Interlocked.MemoryBarrier();
        if (await RefusedBySwitchAsync(cancellationToken) is { } error)
        {
            await SendErrorAsync(error, channel.Sequence, cancellationToken);
            return false;
        }

        _context.Awaited.Landed(home);
        ResetScanOptions(_current!);
        DoubtSchema();
        await LetInAsync(profile.Server, channel, cancellationToken);
        return true;
    }

    /// <summary>Once more when access was denied by what was kept of the accounts, and they are others by now.</summary>
    private async Task<BackendLeg> OpenFirstLegAsync(string home, BackendProfile accounts, BackendLeg? kept, LoginChannel channel, CancellationToken cancellationToken)
    {
        try
        {
            return kept is null ? await OpenLegAsync(home, cancellationToken) : await ChangeUserAsync(kept, cancellationToken);
        }
        catch (ServerErrorException error) when (error.Code == 1045)
        {
            if (await _context.Login.For(accounts).ReconsiderAsync(_proof!, channel, cancellationToken) is not { } proof)
            {
                throw;
            }

            await CloseAllLegsAsync();
            _proof = proof;
            return await OpenLegAsync(home, cancellationToken);
        }
    }

    /// <summary>
    /// The backend whose accounts they are counts wrong passwords, and may have more to say of this one: that the account is locked by now. Null when it
    /// says nothing, which lets nobody in either.
    /// </summary>
    private async Task<LoginRefusal?> FailAtBackendAsync(BackendProfile profile, FailedLogin failed, CancellationToken cancellationToken)
    {
        if (failed.AccountUser is { } account)
        {
            _context.Login.Failed(profile.Name, account);
        }

        try
        {
            var terms = Terms(failed.Client) with { Schema = _state.Schema };
            return await _context.Opener.FailAsync(profile.Name, failed, _context.Login.For(profile), terms, TakeAwaited(profile.Name), cancellationToken);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException or MalformedPacketException)
        {
            ProxyLog.FailedLoginNotCounted(_context.Logger, ClientAddress, profile.Name, exception.Message);
            return null;
        }
    }

    /// <summary>
    /// While a switch is under way, whoever logs in must be let in where the switch goes as well: those who were there before it have been tried by
    /// the warmer, and the switch is given up when one of them is not.
    /// </summary>
    private async Task<ClientError?> RefusedBySwitchAsync(CancellationToken cancellationToken)
    {
        foreach (var request in _context.View.Current.WarmRequests.Values)
        {
            if (FindLeg(request.Backend) is not null)
            {
                continue;
            }

            try
            {
                await OpenLegAsync(request.Backend, cancellationToken);
            }
            catch (Exception exception) when (LegRefusal.IsFinal(exception))
            {
                ProxyLog.LoginRefusedBySwitch(_context.Logger, ClientAddress, _proof!.Account.CurrentUser, request.Migration, request.Backend);
                return ClientError.Refused(
                    $"Migration '{request.Migration}' is just being switched to backend '{request.Backend}', which does not let '{_proof.Account.CurrentUser}' in: "
                    + $"{(exception as ServerErrorException)?.ServerMessage ?? exception.Message} Connect again when the switch has ended.");
            }
            catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException)
            {
                // It is away or busy, which the switch finds out by itself.
            }
        }

        return null;
    }

    /// <summary>False when the backend whose accounts they are refuses the client, which has been told then.</summary>
    private async Task<bool> ProveAsync(ClientProof proof, string backend, LoginChannel channel, CancellationToken cancellationToken)
    {
        try
        {
            await _context.Opener.ProveAsync(backend, proof, Terms(proof.Client), cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException)
        {
            await SendErrorAsync(LegError(backend, exception), channel.Sequence, cancellationToken);
            return false;
        }
    }

    /// <summary>How the names in a login are read, and an answer to it is written, before a server says how it does so.</summary>
    private Encoding ReadLoginText(ServerInfo server)
    {
        var text = CharacterSets.OfLogin(_collation, server.Collation);
        _scanOptions = _scanOptions with { Encoding = text.CodePage == Encoding.UTF8.CodePage ? null : text };
        return text;
    }

    /// <summary>As the leg's server reads what comes on a fresh connection.</summary>
    private void ResetScanOptions(BackendLeg leg)
    {
        _scanOptionsUncertain = _schemaUncertain;
        _scanOptions = (default(ScanOptions) with { MultiStatements = (_capabilities & Capabilities.MultiStatements) != 0 })
            .OnServer(leg.Server).WithClientCharacterSet(leg.Settings?.ClientCharacterSet ?? "");
        ReadModes(leg.Settings?.SqlMode ?? _context.Profiles.Known(leg.Backend)?.SqlMode ?? "");
    }

    private void ReadModes(string modes) => _scanOptions = (_scanOptions with { IgnoreSpace = (_capabilities & Capabilities.IgnoreSpace) != 0 }).WithSqlMode(modes);

    /// <summary>A client that names no plugin speaks the one from before there were names.</summary>
    private static string PluginOf(string named) => named.Length == 0 ? AuthPlugins.NativePassword : named;
}
