using System.Text;
using Switchyard.Client;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Legs;

/// <summary>Commands of our own on a leg, hidden from the client: moving session state, preparing anew, asking for status.</summary>
internal static class LegCommands
{
    /// <summary>No hidden answer is larger than a user variable's value.</summary>
    private const int MaxAnswerBytes = PacketLimits.MaxJoinedPayload;

    /// <summary>The most columns a result of any server has.</summary>
    private const int MaxColumns = 4096;

    /// <summary>Runs a statement and returns its first result set; empty when it had none.</summary>
    /// <exception cref="ServerErrorException">The backend refused it.</exception>
    /// <exception cref="LegLostException">The connection broke, or the answer is none.</exception>
    public static Task<LegResult> QueryAsync(BackendLeg leg, string sql, CancellationToken cancellationToken) =>
        QueryAsync(leg, Encoding.UTF8.GetBytes(sql), cancellationToken);

    /// <inheritdoc cref="QueryAsync(BackendLeg, string, CancellationToken)"/>
    public static Task<LegResult> QueryAsync(BackendLeg leg, ReadOnlyMemory<byte> sql, CancellationToken cancellationToken) =>
        GuardAsync(leg, QueryOnceAsync(leg, sql, cancellationToken));

    private static async Task<LegResult> QueryOnceAsync(BackendLeg leg, ReadOnlyMemory<byte> sql, CancellationToken cancellationToken)
    {
        await SendAsync(leg, CommandKind.Query, sql, cancellationToken);
        var result = new LegResult();
        var first = await ReadAsync(leg, cancellationToken);
        var header = first.Span[0];
        if (header is OkPayload.Header or EofPayload.Header)
        {
            SetStatus(leg, first.Span);
            return result;
        }

        var columns = ColumnCount(first);
        for (var i = 0; i < columns; i++)
        {
            var definition = await ReadAsync(leg, cancellationToken);
            result.Columns.Add(Column(definition, leg.Capabilities));
        }

        if (!leg.DeprecateEof)
        {
            await ReadAsync(leg, cancellationToken);
        }

        while (true)
        {
            var row = await ReadAsync(leg, cancellationToken);
            if (row.Span[0] == EofPayload.Header && row.Length < PacketLimits.MaxPayload)
            {
                SetStatus(leg, row.Span);
                return result;
            }

            result.Rows.Add(Row(row, columns));
        }
    }

    /// <summary>Sends a command that is answered by OK, EOF or ERR alone.</summary>
    public static Task SimpleAsync(BackendLeg leg, CommandKind command, ReadOnlyMemory<byte> argument, CancellationToken cancellationToken) =>
        GuardAsync(leg, SimpleOnceAsync(leg, command, argument, cancellationToken));

    private static async Task<bool> SimpleOnceAsync(BackendLeg leg, CommandKind command, ReadOnlyMemory<byte> argument, CancellationToken cancellationToken)
    {
        await SendAsync(leg, command, argument, cancellationToken);
        SetStatus(leg, (await ReadAsync(leg, cancellationToken)).Span);
        return true;
    }

    /// <summary>Pings, and leaves the answer for <see cref="SettleAsync"/>: a backend that stands still holds nobody up.</summary>
    public static async Task PingAheadAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        await SendAsync(leg, CommandKind.Ping, default, cancellationToken);
        leg.AwaitsAnswer = false;
        leg.OwesPing = true;
    }

    /// <summary>Takes the answer to a ping that nobody has waited for, if there is one to come.</summary>
    /// <exception cref="LegLostException">The connection broke, or the answer is none.</exception>
    public static Task SettleAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        if (!leg.OwesPing)
        {
            return Task.CompletedTask;
        }

        leg.OwesPing = false;
        return GuardAsync(leg, SettleOnceAsync(leg, cancellationToken));
    }

    private static async Task<bool> SettleOnceAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        try
        {
            SetStatus(leg, (await ReadAsync(leg, cancellationToken)).Span);
            return true;
        }
        catch (ServerErrorException lastWords)
        {
            throw Lost(leg, lastWords);
        }
    }

    /// <summary>A name beyond ASCII is told in UTF-8, whatever the session speaks.</summary>
    public static async Task ChangeSchemaAsync(BackendLeg leg, string schema, CancellationToken cancellationToken)
    {
        var characterSet = Ascii.IsValid(schema) ? "" : (await QueryAsync(leg, "SELECT @@character_set_client", cancellationToken)).Text(0, 0) ?? "";
        if (characterSet.Length == 0 || characterSet.StartsWith("utf8", StringComparison.Ordinal))
        {
            await SimpleAsync(leg, CommandKind.InitDb, Encoding.UTF8.GetBytes(schema), cancellationToken);
        }
        else
        {
            await QueryAsync(leg, "SET SESSION character_set_client = utf8mb4", cancellationToken);
            try
            {
                await SimpleAsync(leg, CommandKind.InitDb, Encoding.UTF8.GetBytes(schema), cancellationToken);
            }
            finally
            {
                await RestoreAsync(leg, characterSet, cancellationToken);
            }
        }

        leg.Schema = schema;
    }

    private static async Task RestoreAsync(BackendLeg leg, string characterSet, CancellationToken cancellationToken)
    {
        try
        {
            await QueryAsync(leg, $"SET SESSION character_set_client = {characterSet}", cancellationToken);
        }
        catch (ServerErrorException exception)
        {
            // What the session sends there would be read as something else.
            throw Lost(leg, exception);
        }
    }

    /// <summary>Prepares a statement; its definitions are read and dropped.</summary>
    public static Task<PrepareOkPayload> PrepareAsync(BackendLeg leg, ReadOnlyMemory<byte> sql, CancellationToken cancellationToken) =>
        GuardAsync(leg, PrepareOnceAsync(leg, sql, cancellationToken));

    private static async Task<PrepareOkPayload> PrepareOnceAsync(BackendLeg leg, ReadOnlyMemory<byte> sql, CancellationToken cancellationToken)
    {
        await SendAsync(leg, CommandKind.StatementPrepare, sql, cancellationToken);
        var answer = PrepareOkPayload.Parse((await ReadAsync(leg, cancellationToken)).Span);
        var end = leg.DeprecateEof ? 0 : 1;
        var packets = (answer.Parameters > 0 ? answer.Parameters + end : 0) + (answer.Columns > 0 ? answer.Columns + end : 0);
        for (var i = 0; i < packets; i++)
        {
            await ReadAsync(leg, cancellationToken);
        }

        leg.AwaitsAnswer = false;
        return answer;
    }

    /// <summary>Sends a command; nothing is read.</summary>
    public static async Task SendAsync(BackendLeg leg, CommandKind command, ReadOnlyMemory<byte> argument, CancellationToken cancellationToken)
    {
        await SettleAsync(leg, cancellationToken);
        using var payload = new PayloadWriter(argument.Length + 1);
        using var packet = new PayloadWriter(argument.Length + 16);
        payload.WriteByte((byte)command);
        if (command == CommandKind.Query && leg.HasQueryAttributes)
        {
            payload.WriteBytes(QueryAttributes.None);
        }

        payload.WriteBytes(argument.Span);
        PacketIO.Frame(packet, payload.WrittenSpan, 0);
        leg.AwaitsAnswer = true;
        try
        {
            await leg.Link.WriteAsync(packet.WrittenMemory, cancellationToken);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            throw Lost(leg, exception);
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        byte[] payload;
        try
        {
            var frame = await PacketIO.ReadFrameAsync(leg.Link, MaxAnswerBytes, cancellationToken) ?? throw Lost(leg, null);
            payload = PacketIO.Payload(leg.Link, frame).ToArray();
            leg.Link.Consume(frame.RawLength);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException or SessionProtocolException)
        {
            throw Lost(leg, exception);
        }

        if (payload.Length == 0)
        {
            throw Lost(leg, new SessionProtocolException("The backend answered with an empty packet."));
        }

        if (payload[0] == ErrorPayload.Header)
        {
            if (ResponseScanner.IsProgressReport(payload))
            {
                return await ReadAsync(leg, cancellationToken);
            }

            leg.AwaitsAnswer = false;
            throw Error(payload);
        }

        return payload;
    }

    /// <summary>What a backend says wrong is no packet of the client's: it ends the leg.</summary>
    private static async Task<T> GuardAsync<T>(BackendLeg leg, Task<T> command)
    {
        try
        {
            return await command;
        }
        catch (MalformedPacketException exception)
        {
            throw Lost(leg, exception);
        }
    }

    private static LegLostException Lost(BackendLeg leg, Exception? reason)
    {
        leg.IsBroken = true;
        return new LegLostException(leg.Backend, reason);
    }

    private static ServerErrorException Error(byte[] payload)
    {
        var error = ErrorPayload.Parse(payload);
        return new ServerErrorException(error.Code, error.SqlState.Length == 5 ? Encoding.ASCII.GetString(error.SqlState) : "HY000", Encoding.UTF8.GetString(error.Message));
    }

    private static void SetStatus(BackendLeg leg, ReadOnlySpan<byte> payload)
    {
        var status = payload.Length <= 5 ? EofPayload.Parse(payload, leg.Capabilities).Status : OkPayload.Parse(payload, leg.Capabilities).Status;
        leg.Scanner.SetStatus((ushort)status);
        leg.AwaitsAnswer = false;
    }

    private static int ColumnCount(ReadOnlyMemory<byte> payload)
    {
        var count = new PayloadReader(payload.Span).ReadLengthEncodedInteger();
        return count <= MaxColumns ? (int)count : throw new MalformedPacketException($"The backend announced {count} columns.");
    }

    private static LegColumn Column(ReadOnlyMemory<byte> payload, Capabilities capabilities)
    {
        var definition = ColumnDefinitionPayload.Parse(payload.Span, capabilities);
        return new LegColumn(definition.Type, definition.Flags);
    }

    private static byte[]?[] Row(ReadOnlyMemory<byte> payload, int columns)
    {
        var reader = new PayloadReader(payload.Span);
        var row = new byte[]?[columns];
        for (var i = 0; i < columns; i++)
        {
            row[i] = reader.TryReadLengthEncodedBytes(out var bytes) ? bytes.ToArray() : null;
        }

        return row;
    }
}
