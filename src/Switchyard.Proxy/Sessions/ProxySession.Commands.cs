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

/// <summary>Commands that are about the session itself.</summary>
internal sealed partial class ProxySession
{
    private async ValueTask InitDbAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        if (_scanOptionsUncertain && !Ascii.IsValid(Argument(frame).Span))
        {
            await RefreshScanOptionsAsync(_current!, cancellationToken);
        }

        var schema = (_scanOptions.Encoding ?? Encoding.UTF8).GetString(Argument(frame).Span);
        var statement = new Statement(s_nothing, frame, ResponseShape.Results) { NewSchema = schema };
        if (await RunAsync(statement, cancellationToken) && _current!.Scanner.ErrorCode == 0)
        {
            SchemaChanged(schema);
            DoubtSchema();
        }
    }

    /// <summary>COM_RESET_CONNECTION goes to the leg that has the state; the others are closed, which resets them as thoroughly.</summary>
    private async ValueTask ResetConnectionAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        _pendingBegin = null;
        _pendingReadsOnly = false;
        await LeaveReadTransactionAsync(cancellationToken);
        if (!await RunAsync(new Statement(s_nothing, frame, ResponseShape.Results), cancellationToken) || _current!.Scanner.ErrorCode != 0)
        {
            return;
        }

        var current = _current;
        _prepared.Clear();
        current.Prepared.Clear();
        _pins.Reset();
        _state.Reset();
        _stray = null;
        current.SyncedVersion = _state.Version;
        current.SyncedUserVersion = _state.Version;
        _touchedSchemas = ImmutableHashSet<string>.Empty;
        await CloseLegsExceptAsync(current);
        ForgetLoginOptions(current.Server);
        ResetScanOptions(current);
    }

    /// <summary>MariaDB's variables have these from the login, and are without them once reset; MySQL puts them back. Legs opened later are to be alike.</summary>
    private void ForgetLoginOptions(ServerInfo server)
    {
        if (server.IsMariaDb)
        {
            _capabilities &= ~(Capabilities.IgnoreSpace | Capabilities.Interactive);
        }
    }

    private async Task CloseLegsExceptAsync(BackendLeg kept)
    {
        foreach (var leg in _legs.Where(leg => leg != kept).ToArray())
        {
            _legs.Remove(leg);
            await leg.DisposeAsync();
        }

        _last = kept;
    }

    /// <summary>The session as a list shows it, from any thread.</summary>
    public SessionInfo Show() => new(
        Id,
        ConnectionId,
        ClientAddress.ToString(),
        User,
        _state.Schema,
        _current?.Backend,
        LegNames(),
        _phase,
        InTransaction || _pendingBegin is not null || _readTransaction is not null,
        _running is { } info ? StatementText.Of(info) : null,
        (long)_context.Time.GetElapsedTime(_phaseSince).TotalMilliseconds,
        _pins.Describe())
    {
        Refusals = [.. _refusals.Where(refusal => _context.View.Current.Backends.ContainsKey(refusal.Backend))],
    };
}
