using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Switchyard.Client;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Relay;
using Switchyard.Sql;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Sessions;

/// <summary>
/// Prepared statements. The client's ids are ours; each leg prepares a statement when it first needs it, from the text and in the schema it
/// was prepared in.
/// </summary>
internal sealed partial class ProxySession
{
    /// <summary>MariaDB clients may say "the last one prepared" by this id.</summary>
    private const uint LastPreparedId = 0xFFFFFFFF;

    /// <summary>Of COM_STMT_FETCH behind its first byte: the id, and how many rows.</summary>
    private const int FetchBytes = 8;

    /// <summary>CURSOR_TYPE_READ_ONLY, _FOR_UPDATE and _SCROLLABLE.</summary>
    private const byte CursorTypes = 0x07;

    private readonly Dictionary<uint, PreparedStatement> _prepared = [];
    private uint _lastId;

    /// <summary>The statement prepared last; 0 when its preparation failed.</summary>
    private uint _lastPreparedId;

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask PrepareAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        var sql = Argument(frame).ToArray();
        var info = _context.Statements.GetOrScan(sql, _scanOptions);
        if (_scanOptionsUncertain && !info.Has(SessionEffects.ReadsDiagnostics))
        {
            await RefreshScanOptionsAsync(_current!, cancellationToken);
            info = _context.Statements.GetOrScan(sql, _scanOptions);
        }

        var prepared = new PreparedStatement(++_lastId, sql, info, _state.Schema);
        _lastPreparedId = 0;
        await RunAsync(new Statement(info, frame, ResponseShape.Prepared) { Prepared = prepared, IsAboutDefinitions = true }, cancellationToken);
    }

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask ExecuteAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        if (await FindPreparedAsync(frame, "mysqld_stmt_execute", ExecuteParameters.FixedBytes, cancellationToken) is { } prepared)
        {
            if (prepared.Refusal is { } refusal)
            {
                await SendErrorAsync(refusal, _answerNumber, cancellationToken);
                return;
            }

            var info = prepared.Info.Routines.IsEmpty
                ? prepared.Info
                : await _context.Routines.ExpandAsync(prepared.Info, prepared.Schema, _context.View.Current, cancellationToken);
            RememberTypes(prepared, frame);
            var statement = new Statement(info, frame, ShapeOf(frame)) { Prepared = prepared };
            if (IsOrderToKill(info) && await TryKillAsync(statement, cancellationToken))
            {
                NothingSentAhead(prepared);
                return;
            }

            if (await RunAsync(statement, cancellationToken))
            {
                if (_context.Shadow.IsOn)
                {
                    OfferShadow(statement);
                }

                NothingSentAhead(prepared);
            }
        }
    }

    /// <summary>Part of a parameter's value; never answered. It is held like an execution, since it must be where that will be.</summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask SendLongDataAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        if (frame.PayloadLength >= 7 && _prepared.TryGetValue(StatementIdOf(frame), out var prepared))
        {
            var parameter = BinaryPrimitives.ReadUInt16LittleEndian(_client.Buffered[(PacketLimits.HeaderSize + 5)..]);
            if (await RunAsync(new Statement(prepared.Info, frame, ResponseShape.None) { Prepared = prepared }, cancellationToken))
            {
                _pins.LongData(prepared.Id, pending: true);
                prepared.SentAhead(parameter);
            }
        }
    }

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask FetchAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        if (await FindPreparedAsync(frame, "mysqld_stmt_fetch", _current!.Server.IsMariaDb ? 0 : FetchBytes, cancellationToken) is { } prepared)
        {
            // The cursor pins the session, so the leg is the one that has it; nothing new is begun that a gate would have to hold.
            await RunAsync(new Statement(prepared.Info, frame, ResponseShape.UntilEnd) { Prepared = prepared, IsAboutDefinitions = true }, cancellationToken);
        }
    }

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask ResetStatementAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        if (await FindPreparedAsync(frame, "mysqld_stmt_reset", _current!.Server.IsMariaDb ? 0 : sizeof(uint), cancellationToken) is not { } prepared)
        {
            return;
        }

        prepared.Reset();
        if (!_current!.Prepared.ContainsKey(prepared.Id))
        {
            // Long data and cursors pin, so a leg that has not prepared the statement has nothing of it to reset.
            await SendOkAsync(StatusOf(_current), _answerNumber, cancellationToken);
            return;
        }

        await ForwardAsync(_current, new Statement(s_nothing, frame, ResponseShape.Results) { Prepared = prepared }, cancellationToken);
        NothingSentAhead(prepared);
        _pins.Cursor(prepared.Id, open: false);
    }

    private void NothingSentAhead(PreparedStatement prepared)
    {
        _pins.LongData(prepared.Id, pending: false);
        prepared.NothingSentAhead();
    }

    /// <summary>Never answered, but by MySQL where it is cut short; each leg that knows the statement forgets it.</summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask CloseStatementAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        if (frame.PayloadLength < 5)
        {
            if (!_current!.Server.IsMariaDb)
            {
                throw new MalformedPacketException("The client closes a prepared statement without its number.");
            }

            return;
        }

        var id = StatementIdOf(frame);
        _prepared.Remove(id);
        _pins.LongData(id, pending: false);
        _pins.Cursor(id, open: false);
        foreach (var leg in _legs)
        {
            if (!leg.IsBroken && leg.Prepared.Remove(id, out var known))
            {
                PatchStatementId(frame, known.ServerId);
                try
                {
                    await SendFrameAsync(leg, frame, cancellationToken);
                }
                catch (LegLostException) when (leg != _current)
                {
                    // It has died unseen, and nothing of the session was there.
                }

                leg.AwaitsAnswer = false;
            }
        }
    }

    /// <summary>The execution's flags, behind the statement's id, say whether it asks for a cursor of some kind.</summary>
    private ResponseShape ShapeOf(PacketFrame frame)
    {
        const int FlagsOffset = PacketLimits.HeaderSize + 5;
        return frame.PayloadLength > 5 && (_client.Buffered[FlagsOffset] & CursorTypes) != 0 ? ResponseShape.Cursor : ResponseShape.Results;
    }

    private uint StatementIdOf(PacketFrame frame)
    {
        var id = GivenIdOf(frame);
        return id == LastPreparedId && _lastPreparedId != 0 && _current!.Server.IsMariaDb ? _lastPreparedId : id;
    }

    /// <summary>Zeros stand for what is missing of it; MariaDB reads on in its buffer.</summary>
    private uint GivenIdOf(PacketFrame frame)
    {
        Span<byte> id = stackalloc byte[sizeof(uint)];
        id.Clear();
        _client.Buffered.Slice(PacketLimits.HeaderSize + 1, Math.Min(frame.PayloadLength - 1, sizeof(uint))).CopyTo(id);
        return BinaryPrimitives.ReadUInt32LittleEndian(id);
    }

    private void PatchStatementId(PacketFrame frame, uint id) =>
        BinaryPrimitives.WriteUInt32LittleEndian(_client.BufferedMemory.Span.Slice(PacketLimits.HeaderSize + 1, sizeof(uint)), id);

    /// <summary>The statement that a command is about; null where there is none, which the client has been told.</summary>
    /// <param name="frame">The command.</param>
    /// <param name="command">What servers call it in the error for a statement that they do not know.</param>
    /// <param name="size">Bytes behind its first one, without which the server does not look for the statement.</param>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private async ValueTask<PreparedStatement?> FindPreparedAsync(PacketFrame frame, string command, int size, CancellationToken cancellationToken)
    {
        if (frame.PayloadLength <= size)
        {
            throw new MalformedPacketException("A command about a prepared statement is shorter than its fixed part.");
        }

        if (frame.PayloadLength > sizeof(uint) && _prepared.TryGetValue(StatementIdOf(frame), out var prepared))
        {
            return prepared;
        }

        await SendErrorAsync(ClientError.UnknownStatement(GivenIdOf(frame), _current!.Server.IsAtLeast(ServerVendor.MySql, 8, 0) ? "mysql_stmt_precheck" : command), _answerNumber, cancellationToken);
        return null;
    }

    /// <summary>Sends a command about a prepared statement, prepared on the leg first where it must be; false when that was refused.</summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private async ValueTask<bool> SendPreparedAsync(BackendLeg leg, PreparedStatement prepared, Statement statement, CancellationToken cancellationToken)
    {
        if (!leg.Prepared.TryGetValue(prepared.Id, out var known))
        {
            try
            {
                known = await PrepareOnAsync(leg, prepared, cancellationToken);
            }
            catch (ServerErrorException exception)
            {
                await RefuseAsync(statement, ClientError.From(exception), cancellationToken);
                return false;
            }
        }

        var frame = statement.Frame;
        var command = (CommandKind)_client.Buffered[PacketLimits.HeaderSize];
        PatchStatementId(frame, known.ServerId);
        if (command == CommandKind.StatementExecute)
        {
            var sent = ExecuteParameters.Parse(Argument(frame).Span, prepared.Parameters, HasAttributes);
            var lacksTypes = prepared.Parameters > 0 && !sent.IsBound && known.LacksTypes(prepared);
            if (lacksTypes || HasAttributes != leg.HasQueryAttributes)
            {
                await SendExecutionAsync(leg, prepared, known, sent, frame, cancellationToken);
                PatchStatementId(frame, prepared.Id);
                return true;
            }

            known.BoundTypes = prepared.ParameterTypes;
        }
        else if (command == CommandKind.StatementBulkExecute && await SendBulkWithTypesAsync(leg, prepared, known, frame, cancellationToken))
        {
            PatchStatementId(frame, prepared.Id);
            return true;
        }

        await SendFrameAsync(leg, frame, cancellationToken);

        // The buffer may be looked at again, should the statement be repeated elsewhere.
        PatchStatementId(frame, prepared.Id);
        return true;
    }

    /// <summary>Prepares a statement on a leg that does not know it, in the schema its names were resolved in.</summary>
    private static async Task<LegStatement> PrepareOnAsync(BackendLeg leg, PreparedStatement prepared, CancellationToken cancellationToken)
    {
        var schema = leg.Schema;
        var elsewhere = prepared.Schema is not null && prepared.Schema != schema;
        if (elsewhere)
        {
            await LegCommands.ChangeSchemaAsync(leg, prepared.Schema!, cancellationToken);
        }

        try
        {
            var answer = await LegCommands.PrepareAsync(leg, prepared.Sql, cancellationToken);
            var known = new LegStatement(answer.StatementId);
            leg.Prepared[prepared.Id] = known;
            return known;
        }
        finally
        {
            if (elsewhere && schema is not null && !leg.IsBroken)
            {
                await LegCommands.ChangeSchemaAsync(leg, schema, cancellationToken);
            }
        }
    }

    private void RememberTypes(PreparedStatement prepared, PacketFrame frame)
    {
        var argument = Argument(frame).Span;
        var sent = ExecuteParameters.Parse(argument, prepared.Parameters, HasAttributes);
        if (!sent.IsBound || prepared.Parameters == 0)
        {
            return;
        }

        if (prepared.ParameterTypes is not { } known || !sent.HasTypes(argument, known, HasAttributes))
        {
            var types = new byte[prepared.Parameters * 2];
            sent.CopyTypes(argument, types, HasAttributes);
            prepared.ParameterTypes = types;
        }
    }
}
