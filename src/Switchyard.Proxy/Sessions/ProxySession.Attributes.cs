using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Sessions;

/// <summary>Query attributes: they go with their statement as they came, except to a backend that does not know them.</summary>
internal sealed partial class ProxySession
{
    private bool HasAttributes => (_capabilities & Capabilities.QueryAttributes) != 0;

    /// <summary>The statement of a COM_QUERY, behind its attributes.</summary>
    private ReadOnlyMemory<byte> QueryText(PacketFrame frame)
    {
        var argument = Argument(frame);
        return HasAttributes ? argument[QueryAttributes.LengthIn(argument.Span)..] : argument;
    }

    /// <summary>Sends a command that is about no prepared statement; true.</summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private async ValueTask<bool> SendCommandAsync(BackendLeg leg, PacketFrame frame, CancellationToken cancellationToken)
    {
        if (HasAttributes && !leg.HasQueryAttributes && (CommandKind)_client.Buffered[PacketLimits.HeaderSize] == CommandKind.Query)
        {
            var text = QueryText(frame);
            Rewritten(frame, sizeof(CommandKind) + text.Length);
            await LegCommands.SendAsync(leg, CommandKind.Query, text, cancellationToken);
        }
        else
        {
            await SendFrameAsync(leg, frame, cancellationToken);
        }

        return true;
    }

    /// <summary>
    /// Sends an execution in other words than the client's: with the types the backend has not had yet, or without the attributes it does
    /// not know.
    /// </summary>
    private async ValueTask SendExecutionAsync(
        BackendLeg leg, PreparedStatement prepared, LegStatement known, ExecuteParameters sent, PacketFrame frame, CancellationToken cancellationToken)
    {
        using var payload = new PayloadWriter(frame.PayloadLength + 16);
        using var packet = new PayloadWriter(frame.RawLength + 32);
        WriteExecution(payload, leg, prepared, known, sent, Argument(frame).Span);
        Rewritten(frame, payload.WrittenSpan.Length);
        PacketIO.Frame(packet, payload.WrittenSpan, 0);
        await SendAsync(leg, packet.WrittenMemory, cancellationToken);
    }

    /// <summary>The client's command goes on in as many packets as a payload of this length takes.</summary>
    private void Rewritten(PacketFrame frame, int length)
    {
        var packets = (length / PacketLimits.MaxPayload) + 1;
        _numbers = packets == frame.Packets ? null : new PacketNumbers((byte)(frame.Packets - packets));
    }

    private void WriteExecution(
        PayloadWriter payload, BackendLeg leg, PreparedStatement prepared, LegStatement known, ExecuteParameters sent, ReadOnlySpan<byte> argument)
    {
        var own = prepared.Parameters;
        var bindsTypes = own > 0 && (sent.IsBound || known.LacksTypes(prepared));
        payload.WriteByte((byte)CommandKind.StatementExecute);
        payload.WriteUInt32(known.ServerId);
        payload.WriteByte(leg.HasQueryAttributes ? argument[ExecuteParameters.FlagsOffset] : (byte)(argument[ExecuteParameters.FlagsOffset] & ~ExecuteParameters.CountAvailable));
        payload.WriteBytes(argument[(ExecuteParameters.FlagsOffset + 1)..ExecuteParameters.FixedBytes]);
        if (own == 0)
        {
            return;
        }

        if (leg.HasQueryAttributes)
        {
            payload.WriteLengthEncodedInteger(own);
        }

        // What lies behind the statement's own bits is of no meaning.
        payload.WriteBytes(argument.Slice(sent.Nulls, (own + 7) / 8));
        payload.WriteByte(bindsTypes ? (byte)1 : (byte)0);
        var types = prepared.ParameterTypes;
        for (var i = 0; bindsTypes && i < own; i++)
        {
            payload.WriteUInt16(BinaryPrimitives.ReadUInt16LittleEndian(types.AsSpan(i * 2)));
            if (leg.HasQueryAttributes)
            {
                payload.WriteLengthEncodedInteger(0);
            }
        }

        var length = types is null ? argument.Length - sent.Values : sent.OwnValuesLength(argument, types, prepared.IsSentAhead);
        payload.WriteBytes(argument.Slice(sent.Values, length));
        known.BoundTypes = types;
    }
}
