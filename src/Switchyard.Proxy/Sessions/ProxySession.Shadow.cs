using Switchyard.Proxy.Shadow;
using Switchyard.Sql;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Sessions;

/// <summary>What of a read that was answered is needed to run it again elsewhere.</summary>
internal sealed partial class ProxySession
{
    /// <summary>Called with the command still in the client's buffer and its answer sent. Waits for nothing.</summary>
    private void OfferShadow(in Statement statement)
    {
        if (statement.Shape != Relay.ResponseShape.Results || statement.IsAboutDefinitions || _context.Shadow.Choose(statement.Info, SchemaOf(statement)) is not { } rule)
        {
            return;
        }

        ReadOnlyMemory<byte>? parameters = null;
        if (statement.Prepared is { } executed && (!TryCopyParameters(executed, statement, out var copied) || (parameters = copied) is null))
        {
            _context.Shadow.Refuse(rule, ShadowReads.SessionState);
            return;
        }

        if (_pins.Any || _proof is not { } proof || _accountsOf is not { } accountsOf || !TryReadSettings(out var settings))
        {
            _context.Shadow.Refuse(rule, ShadowReads.SessionState);
            return;
        }

        var sql = statement.Prepared is { } prepared ? prepared.Sql : QueryText(statement.Frame).ToArray();
        var identity = new ShadowIdentity(proof, accountsOf, _collation, (_capabilities & Capabilities.IgnoreSpace) != 0, settings, Id);
        _context.Shadow.Offer(new ShadowRead(rule.Migration!, rule.Writer, rule.Reader, identity, SchemaOf(statement), sql, statement.Info)
        {
            Parameters = parameters,
            Options = _scanOptions,
            At = _context.Time.GetUtcNow().ToUnixTimeMilliseconds() / 1000m,
        });
    }

    private bool TryReadSettings(out System.Collections.Immutable.ImmutableArray<Setting> settings) =>
        (_state.Settings ??= new SettingsScript()).TryRead(_state, out settings);

    private void NoteSetting(in Statement statement)
    {
        if (statement.Info.Has(SessionEffects.SetsSessionVariables | SessionEffects.SetsNames) && statement.Prepared is null or { Parameters: 0 })
        {
            (_state.Settings ??= new SettingsScript()).Note(statement.Info, TextOf(statement), _scanOptions, _state);
        }
    }

    /// <summary>An execution's parameters with their types and without attributes; false when they are not all there.</summary>
    private bool TryCopyParameters(PreparedStatement prepared, in Statement statement, out ReadOnlyMemory<byte> parameters)
    {
        parameters = default;
        var own = prepared.Parameters;
        if (own == 0)
        {
            return true;
        }

        if (_pins.HasLongData(prepared.Id) || prepared.ParameterTypes is not { } types)
        {
            return false;
        }

        var argument = Argument(statement.Frame).Span;
        var sent = ExecuteParameters.Parse(argument, own, HasAttributes);
        var length = sent.OwnValuesLength(argument, types, prepared.IsSentAhead);
        parameters = (byte[])[.. argument.Slice(sent.Nulls, (own + 7) / 8), 1, .. types, .. argument.Slice(sent.Values, length)];
        return true;
    }
}
