using System.Buffers.Binary;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;

namespace Switchyard.Proxy.Sessions;

/// <summary>MariaDB's execution of a prepared statement for many rows of parameters at once.</summary>
/// <remarks>Layout: MariaDB knowledge base "COM_STMT_BULK_EXECUTE".</remarks>
internal sealed partial class ProxySession
{
    /// <summary>Behind the command byte: id and flags.</summary>
    private const int BulkFixedBytes = 6;

    /// <summary>Flag: the parameters' types follow, two bytes each, before the first row.</summary>
    private const ushort BulkSendsTypes = 128;

    private async ValueTask BulkExecuteAsync(PacketFrame frame, CancellationToken cancellationToken)
    {
        if (await FindPreparedAsync(frame, "mysqld_stmt_execute", BulkFixedBytes, cancellationToken) is { } prepared)
        {
            var argument = Argument(frame);
            var types = prepared.Parameters * 2;
            if (BulkHasTypes(argument.Span))
            {
                if (argument.Length < BulkFixedBytes + types)
                {
                    throw new MalformedPacketException("An execution for many rows ends before the parameter types it announces.");
                }

                prepared.ParameterTypes = argument.Slice(BulkFixedBytes, types).ToArray();
            }

            await RunAsync(new Statement(prepared.Info, frame, ResponseShape.Results) { Prepared = prepared }, cancellationToken);
        }
    }

    private static bool BulkHasTypes(ReadOnlySpan<byte> argument) =>
        argument.Length >= BulkFixedBytes && (BinaryPrimitives.ReadUInt16LittleEndian(argument[4..]) & BulkSendsTypes) != 0;

    /// <summary>Sends the execution with the types remembered put in, to a leg that has not had them last; false when it can go as it is.</summary>
    private async ValueTask<bool> SendBulkWithTypesAsync(
        BackendLeg leg, PreparedStatement prepared, LegStatement known, PacketFrame frame, CancellationToken cancellationToken)
    {
        var argument = Argument(frame);
        if (BulkHasTypes(argument.Span) || !known.LacksTypes(prepared) || prepared.ParameterTypes is not { } types || argument.Length < BulkFixedBytes)
        {
            known.BoundTypes = prepared.ParameterTypes;
            return false;
        }

        using var payload = new PayloadWriter(frame.PayloadLength + types.Length);
        using var packet = new PayloadWriter(frame.RawLength + types.Length + PacketLimits.HeaderSize);
        payload.WriteByte((byte)CommandKind.StatementBulkExecute);
        payload.WriteUInt32(known.ServerId);
        payload.WriteUInt16((ushort)(BinaryPrimitives.ReadUInt16LittleEndian(argument.Span[4..]) | BulkSendsTypes));
        payload.WriteBytes(types);
        payload.WriteBytes(argument.Span[BulkFixedBytes..]);
        Rewritten(frame, payload.WrittenSpan.Length);
        PacketIO.Frame(packet, payload.WrittenSpan, 0);
        await SendAsync(leg, packet.WrittenMemory, cancellationToken);
        known.BoundTypes = types;
        return true;
    }
}
