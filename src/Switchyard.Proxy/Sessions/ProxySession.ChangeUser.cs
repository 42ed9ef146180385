using System.Collections.Immutable;
using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Sessions;

/// <summary>COM_CHANGE_USER: a login of its own over the last challenge.</summary>
internal sealed partial class ProxySession
{
    /// <summary>MariaDB answers every further change with "unknown command", so that nobody guesses passwords this way.</summary>
    private const int MaxRefusedChanges = 3;

    /// <summary>What MariaDB lets pass before it reads on after a refused change.</summary>
    private static readonly TimeSpan s_refusedChangeDelay = TimeSpan.FromSeconds(1);

    private int _refusedChanges;

    /// <summary>
    /// The legs are the old user's, and are closed before there is one of the new. A refused change ends the connection to a MySQL; on a MariaDB it goes on as the
    /// old user, in the old schema and with everything else reset: on the same connection, since a login of the old user's would end the count of its wrong passwords.
    /// </summary>
    private async ValueTask<bool> ChangeUserAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        // Passwords are dear to verify.
        _socket.RunsInline = false;
        await LeaveLoopAsync();
        try
        {
            return await LogInAnewAsync(frame, cancellationToken);
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

        var profile = await _context.Profiles.GetAsync(backend, cancellationToken);
        var (proof, accountsOf, schema, oldCollation) = (_proof!, _accountsOf, _state.Schema, _collation);
        var expired = _pins.Reasons & PinReasons.ExpiredPassword;
        var kept = profile.Server.IsMariaDb && _current is { IsBroken: false, Server.IsMariaDb: true } ? _current : null;
        await ForgetSessionAsync(kept, cancellationToken);
        if (profile.Server.IsMariaDb && _refusedChanges >= MaxRefusedChanges)
        {
            await SendErrorAsync(ClientError.UnknownCommand, _answerNumber, cancellationToken);
        }
        else
        {
            _state.Schema = payload.Schema.Length > 0 ? Encoding.UTF8.GetString(payload.Schema) : null;
            _collation = payload.Collation is { } collation ? (byte)collation : _collation;
            _attributes = payload.Attributes.Count > 0 ? payload.Attributes : _attributes;
            var request = new LoginRequest(
                Encoding.UTF8.GetString(payload.User), ClientAddress.Address, PluginOf(payload.AuthPlugin), payload.AuthResponse, _nonce, _capabilities);
            try
            {
                if (await AdmitAsync(request, 1, profile, cancellationToken))
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
        var stays = kept is { IsBroken: false } && _current == kept;
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
        ResetScanOptions(await _context.Profiles.GetAsync(kept!.Backend, cancellationToken));
        return true;
    }

    /// <param name="kept">A leg that is reset and not closed; null for none.</param>
    private async Task ForgetSessionAsync(BackendLeg? kept, CancellationToken cancellationToken)
    {
        _prepared.Clear();
        _pins.Clear();
        _state.Reset();
        _stray = null;
        if (kept is null || !await TryResetAsync(kept, cancellationToken))
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
    }

    /// <summary>What a server undoes of a session before it looks at who is to be its next user.</summary>
    private async Task<bool> TryResetAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
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
            ResetScanOptions(await _context.Profiles.GetAsync(home, cancellationToken));
            return true;
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException)
        {
            ProxyLog.SessionEnded(_context.Logger, exception, Id, ClientAddress, exception.Message);
            return false;
        }
    }
}
