using System.Collections.Immutable;
using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Sessions;

/// <summary>
/// COM_CHANGE_USER: a login of its own over the last challenge. The connection to the backend is the same afterwards, and so is its id, unless the new user's session lives elsewhere.
/// </summary>
internal sealed partial class ProxySession
{
    /// <summary>MariaDB answers every further change with "unknown command", so that nobody guesses passwords this way.</summary>
    private const int MaxRefusedChanges = 3;

    /// <summary>What MariaDB lets pass before it reads on after a refused change.</summary>
    private static readonly TimeSpan s_refusedChangeDelay = TimeSpan.FromSeconds(1);

    private int _refusedChanges;

    /// <summary>
    /// A refused change ends the connection to a MySQL; on a MariaDB it goes on as the old user, in the old schema and with everything else reset: on the same connection, since a
    /// login of the old user's would end the count of its wrong passwords. A client has as much time for it as for its login: other sessions' switches wait for it.
    /// </summary>
    private async ValueTask<bool> ChangeUserAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        // Of no table: what a gate waits for is what the old user has left open.
        _running = s_nothing;

        // Passwords are dear to verify.
        _socket.RunsInline = false;
        await LeaveLoopAsync();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(_context.Options.LoginTimeout);
        try
        {
            return await LogInAnewAsync(frame, limit.Token);
        }
        finally
        {
            _socket.RunsInline = !_isCompressed;
        }
    }

    private async ValueTask<bool> LogInAnewAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        var payload = ChangeUserPayload.Parse(PacketIO.Payload(_client, frame).Span, _capabilities);
        _client.Consume(frame.RawLength);
        _commandLength = 0;
        if (RefusedAsExpired is { } mustChange)
        {
            await SendErrorAsync(mustChange, _answerNumber, cancellationToken);
            return true;
        }

        if (_context.View.Current.Routing.DefaultBackend is not { } backend)
        {
            await SendErrorAsync(ClientError.Refused("Switchyard has no default backend any more."), _answerNumber, cancellationToken);
            return false;
        }

        BackendProfile profile;
        try
        {
            profile = await _context.Profiles.GetAsync(backend, cancellationToken);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException)
        {
            await SendErrorAsync(AskError(backend, exception), _answerNumber, cancellationToken);
            return false;
        }

        var (proof, accountsOf, schema, oldCollation) = (_proof!, _accountsOf, _state.Schema, _collation);
        var expired = _pins.Reasons & PinReasons.ExpiredPassword;
        var kept = await ForgetSessionAsync(cancellationToken);
        ForgetLoginOptions(profile.Server);
        if (profile.Server.IsMariaDb && _refusedChanges >= MaxRefusedChanges)
        {
            await SendErrorAsync(ClientError.UnknownCommand, _answerNumber, cancellationToken);
        }
        else
        {
            _collation = payload.Collation ?? _collation;
            var text = ReadLoginText(profile.Server);
            _state.Schema = payload.Schema.Length > 0 ? text.GetString(payload.Schema) : null;
            _attributes = payload.Attributes.Count > 0 ? payload.Attributes : _attributes;
            var request = new LoginRequest(
                text.GetString(payload.User), ClientAddress.Address, PluginOf(payload.AuthPlugin), payload.AuthResponse, _nonce, _capabilities);
            try
            {
                if (await AdmitAsync(request, 1, profile, kept, cancellationToken))
                {
                    return true;
                }
            }
            catch (MalformedPacketException exception)
            {
                // Between two users the session is neither's.
                ProxyLog.SessionEnded(_context.Logger, exception, Id, ClientAddress, exception.Message);
                return false;
            }
        }

        if (!profile.Server.IsMariaDb)
        {
            return false;
        }

        _refusedChanges++;
        var stays = kept is { IsBroken: false } && HasReset(kept.Server) && _current == kept;
        if (!stays)
        {
            await CloseAllLegsAsync();
        }

        (_proof, _accountsOf, _state.Schema, _collation) = (proof, accountsOf, schema, oldCollation);
        await Task.Delay(s_refusedChangeDelay, _context.Time, cancellationToken);
        if (!stays)
        {
            return await TryReturnAsync(cancellationToken);
        }

        _pins.Add(expired);
        ResetScanOptions(kept!);
        await ForgetCharacterSetsAsync(kept!, cancellationToken);
        return true;
    }

    /// <summary>What MariaDB leaves behind a refused change are its own character sets: neither those of the login before, nor those of the change.</summary>
    private async ValueTask ForgetCharacterSetsAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        try
        {
            await LegCommands.QueryAsync(
                leg,
                "SET @@session.character_set_client = @@global.character_set_client, @@session.character_set_results = @@global.character_set_results, @@session.collation_connection = @@global.collation_connection",
                cancellationToken);
        }
        catch (ServerErrorException)
        {
            // Where the password has expired, nothing is sent before there is another one.
            return;
        }

        foreach (var name in SessionState.NamesVariables)
        {
            _state.VariableChanged(name);
        }

        _scanOptionsUncertain = true;
    }

    /// <returns>The leg that had the session's state, reset; null if that could not be done, and all are closed.</returns>
    private async Task<BackendLeg?> ForgetSessionAsync(CancellationToken cancellationToken)
    {
        _prepared.Clear();
        _pins.Clear();
        _state.Reset();
        _stray = null;
        var kept = _current is { IsBroken: false } current && await TryResetAsync(current, cancellationToken) ? current : null;
        if (kept is null)
        {
            await CloseAllLegsAsync();
        }
        else
        {
            await CloseLegsExceptAsync(kept);
        }

        _pendingBegin = null;
        _pendingReadsOnly = false;
        _readTransaction = null;
        _touchedSchemas = ImmutableHashSet<string>.Empty;
        ImmutableInterlocked.InterlockedExchange(ref _refusals, []);
        return kept;
    }

    /// <summary>The new user on the leg of the old one.</summary>
    private async Task<BackendLeg> ChangeUserAsync(BackendLeg old, CancellationToken cancellationToken)
    {
        // What the exchange has to compute is nothing for the loop either.
        old.Socket.RunsInline = false;
        await LegCommands.SettleAsync(old, cancellationToken);
        _legs.Remove(old);
        old.Link.ReleaseBlock();
        var leg = await _context.Opener.ChangeUserAsync(old, _proof!, Terms(_proof!.Client) with { Schema = _state.Schema }, old.Backend == _accountsOf, cancellationToken);
        leg.Schema = _state.Schema;
        await AdmitExpiredAsync(leg, cancellationToken);
        Adopt(leg);
        _last = leg;
        return leg;
    }

    /// <summary>Others undo what a session has done with a change of its user alone.</summary>
    private static bool HasReset(ServerInfo server) => server.IsMariaDb || server.IsAtLeast(ServerVendor.MySql, 5, 7, 3);

    /// <summary>What a server undoes of a session before it looks at who is to be its next user.</summary>
    private async Task<bool> TryResetAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        if (!HasReset(leg.Server))
        {
            return true;
        }

        try
        {
            await LegCommands.SimpleAsync(leg, CommandKind.ResetConnection, default, cancellationToken);
            if (leg.Schema is { } schema)
            {
                await LegCommands.ChangeSchemaAsync(leg, schema, cancellationToken);
            }
        }
        catch (Exception exception) when (exception is ServerErrorException or LegLostException)
        {
            return false;
        }

        leg.Prepared.Clear();
        leg.SyncedVersion = _state.Version;
        leg.SyncedUserVersion = _state.Version;
        return true;
    }

    /// <summary>The session as its old user again; false where that user is not let in any more, which ends it.</summary>
    private async Task<bool> TryReturnAsync(CancellationToken cancellationToken)
    {
        var home = HomeOf(_state.Schema, _context.View.Current) ?? _accountsOf!;
        try
        {
            SetCurrent(await OpenLegAsync(home, cancellationToken));
            ResetScanOptions(_current);
            await ForgetCharacterSetsAsync(_current, cancellationToken);
            return true;
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException)
        {
            ProxyLog.SessionEnded(_context.Logger, exception, Id, ClientAddress, exception.Message);
            return false;
        }
    }
}
