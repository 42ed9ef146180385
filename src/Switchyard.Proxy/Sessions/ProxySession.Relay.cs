using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Relay;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Sessions;

/// <summary>Bytes from leg to client as they come; only packet headers and the answer's end are looked at.</summary>
internal sealed partial class ProxySession
{
    /// <summary>An answer's byte has reached the client: nothing may be repeated or replaced by an error of ours any more.</summary>
    private bool _answerBegun;

    /// <summary>What is to be done with an answer whole in hand, before its end goes to the client; usually nothing.</summary>
    private Action? _whenAnswered;

    /// <summary>Number of the first packet of an answer of ours: it goes on from the command's, of which there are several where that is long.</summary>
    private byte _answerNumber = 1;

    /// <summary>The answer's packets are numbered otherwise than the client's command was; null almost always.</summary>
    private PacketNumbers? _numbers;

    /// <summary>Bytes of the command at the start of the client's buffer, consumed when it is done with.</summary>
    private int _commandLength;

    /// <summary>The client's file is under way, and its next packet is waited for.</summary>
    private volatile bool _takesFile;

    /// <summary>The leg whose answer to the client's command is waited for.</summary>
    private volatile BackendLeg? _answering;

    /// <summary>
    /// A client that ends its side while its statement runs ends it for the server too, which then does what it does without a proxy: most
    /// statements go on, and a wait for <c>GET_LOCK</c> or <c>SLEEP</c> is given up. Not when more commands have come: a server does not look past those either.
    /// </summary>
    private void OnClientEnding()
    {
        if (_answering is { } leg && _socket.IsAtEnd && _client.BufferedLength <= _commandLength)
        {
            leg.Socket.EndSending();
        }
    }

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask SendAsync(BackendLeg leg, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (leg.OwesPing)
        {
            await LegCommands.SettleAsync(leg, cancellationToken);
        }

        leg.AwaitsAnswer = true;
        try
        {
            await leg.Link.WriteAsync(bytes, cancellationToken);
        }
        catch (IOException)
        {
            // Servers refuse what is too long for them (1153), or say why they end (1927), and close without reading the rest. The answer tells: it is that, or an end.
        }
        catch (Exception exception) when (exception is ObjectDisposedException or OperationCanceledException)
        {
            throw Lost(leg, exception);
        }
    }

    /// <summary>Sends the client's command as it stands in its buffer.</summary>
    private ValueTask SendFrameAsync(BackendLeg leg, PacketFrame frame, CancellationToken cancellationToken) =>
        frame.Packets == 1 ? SendAsync(leg, _client.BufferedMemory[..frame.RawLength], cancellationToken) : SendPacketsAsync(leg, frame, cancellationToken);

    private async ValueTask SendPacketsAsync(BackendLeg leg, PacketFrame frame, CancellationToken cancellationToken)
    {
        for (var packet = 0; packet < frame.Packets; packet++)
        {
            var raw = PacketIO.BeginPacket(_client, frame, packet, out var covered);
            try
            {
                await SendAsync(leg, raw, cancellationToken);
            }
            finally
            {
                PacketIO.EndPacket(_client, packet, covered);
            }
        }
    }

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask RelayAnswerAsync(BackendLeg leg, Statement statement, CancellationToken cancellationToken)
    {
        var scanner = leg.Scanner;
        var wasInTransaction = scanner.InTransaction;
        var isLarge = false;
        scanner.StopsAtStatus = _pendingBegin is not null;
        scanner.Begin(statement.Shape, leg.DeprecateEof);
        _answering = leg;
        Interlocked.MemoryBarrier();
        if (_socket.IsEnding)
        {
            OnClientEnding();
        }

        if (statement.Shape == ResponseShape.Prepared)
        {
            // The first packet whole: the id in it is replaced before any of it goes on.
            await ReadAsync(leg, PacketLimits.HeaderSize, cancellationToken);
            await ReadAsync(leg, PacketLimits.HeaderSize + Math.Min(PacketHeader.Read(leg.Link.Buffered).Length, PrepareOkPayload.Size), cancellationToken);
        }

        while (true)
        {
            while (leg.Link.BufferedLength < scanner.Wanted)
            {
                int received;
                try
                {
                    if (!leg.Link.HoldsBlock)
                    {
                        await leg.Link.WaitReadableAsync(cancellationToken);
                    }

                    received = await leg.Link.ReceiveAsync(scanner.Wanted, cancellationToken);
                }
                catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException)
                {
                    throw Lost(leg, exception);
                }

                leg.Link.Received(received);
                if (received == 0)
                {
                    throw Lost(leg, null);
                }
            }

            var taken = Scan(leg);
            if (taken == 0)
            {
                if (scanner.StatePacketLength == 0)
                {
                    continue;
                }

                OnStatePacket(leg);
                taken = Scan(leg);
                if (scanner.StopsAtStatus)
                {
                    // Behind the scanner's look: the leg itself has no transaction.
                    StatusFlags.Add(leg.Link.BufferedMemory.Span, PendingStatus);
                }
            }

            _numbers?.Shift(leg.Link.BufferedMemory.Span[..taken]);
            var held = leg.Link.BufferedLength;
            if (statement.Shape == ResponseShape.Prepared && scanner.StatementId != 0 && !_answerBegun)
            {
                AdoptPrepared(leg, statement.Prepared!, leg.Link.BufferedMemory.Span);
            }

            if (scanner.IsComplete)
            {
                leg.AwaitsAnswer = false;
                _answering = null;
                _numbers = null;
                if (taken < held)
                {
                    throw Lost(leg, new IOException("The backend sent more than its answer."));
                }

                // A read that somebody ended stays ended.
                if (_mayRepeat && !_answerBegun && scanner.ErrorCode is not (0 or InterruptedCode))
                {
                    leg.Link.Consume(taken);
                    leg.Link.ReleaseBlock();
                    return;
                }

                if (!_mayRepeat)
                {
                    // Whoever is told of this write must find it marked.
                    _context.Reads.Acknowledging(
                        _marks, statement.Info, SchemaOf(statement), wasInTransaction, scanner.InTransaction, scanner.ErrorCode != 0);
                }

                _whenAnswered?.Invoke();
            }

            await _client.WriteAsync(leg.Link.BufferedMemory[..taken], cancellationToken);
            _answerBegun = true;
            leg.Link.Consume(taken);
            if (scanner.IsComplete)
            {
                leg.Link.ReleaseBlock();
                return;
            }

            if (scanner.WantsLocalFile)
            {
                await PumpLocalFileAsync(leg, cancellationToken);
            }
            else if (held >= Link.SmallBlock && !isLarge)
            {
                isLarge = true;
                leg.Link.UseLargeBlock();
            }
        }
    }

    private int Scan(BackendLeg leg)
    {
        try
        {
            return leg.Scanner.Consume(leg.Link.Buffered);
        }
        catch (SessionProtocolException exception)
        {
            throw Lost(leg, exception);
        }
    }

    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private static async ValueTask ReadAsync(BackendLeg leg, int atLeast, CancellationToken cancellationToken)
    {
        try
        {
            if (!await leg.Link.EnsureAsync(atLeast, cancellationToken))
            {
                throw Lost(leg, null);
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException)
        {
            throw Lost(leg, exception);
        }
    }

    private void Measure(BackendLeg leg, Statement statement)
    {
        leg.LastUsed = _context.Time.GetTimestamp();
        if (statement.Shape != ResponseShape.None)
        {
            _context.Instruments.Answered(
                leg.Backend, statement.Info, leg.Scanner.ErrorCode != 0, _context.Time.GetElapsedTime(_phaseSince, leg.LastUsed));
        }
    }

    /// <summary>The client's file, packet by packet, up to the empty packet that ends it.</summary>
    private async ValueTask PumpLocalFileAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        _client.Consume(_commandLength);
        _commandLength = 0;
        try
        {
            _takesFile = true;
            Interlocked.MemoryBarrier();
            if (leg.Socket.IsEnding)
            {
                throw Lost(leg, new EndOfStreamException("The backend left within LOAD DATA LOCAL."));
            }

            await PumpPacketsAsync(leg, cancellationToken);
        }
        finally
        {
            _takesFile = false;
        }

        leg.Scanner.ResumeAfterLocalFile();
    }

    private async ValueTask PumpPacketsAsync(BackendLeg leg, CancellationToken cancellationToken)
    {
        var number = leg.Scanner.Sequence;
        var isContinued = false;
        while (true)
        {
            if (!await _client.EnsureAsync(PacketLimits.HeaderSize, cancellationToken))
            {
                throw Lost(leg, new EndOfStreamException("The client left within LOAD DATA LOCAL."));
            }

            var header = PacketHeader.Read(_client.Buffered);
            if (_isCompressed)
            {
                (header with { Sequence = ++number }).Write(_client.BufferedMemory.Span);
            }

            var left = PacketLimits.HeaderSize + header.Length;

            // Behind a packet of full length an empty one ends that, and not the file.
            var isLast = header.Length == 0 && !isContinued;
            isContinued = header.IsContinued;
            while (left > 0)
            {
                if (_client.BufferedLength == 0 && !await _client.FillAsync(cancellationToken))
                {
                    throw Lost(leg, new EndOfStreamException("The client left within LOAD DATA LOCAL."));
                }

                var part = Math.Min(left, _client.BufferedLength);
                await SendAsync(leg, _client.BufferedMemory[..part], cancellationToken);
                _client.Consume(part);
                left -= part;
            }

            if (isLast)
            {
                return;
            }
        }
    }

    /// <summary>Gives a newly prepared statement the client's id, in place of the backend's.</summary>
    private void AdoptPrepared(BackendLeg leg, PreparedStatement prepared, Span<byte> answer)
    {
        prepared.Parameters = leg.Scanner.ParameterCount;
        leg.Prepared[prepared.Id] = new LegStatement(leg.Scanner.StatementId);
        _prepared[prepared.Id] = prepared;
        _lastPreparedId = prepared.Id;
        BinaryPrimitives.WriteUInt32LittleEndian(answer.Slice(PacketLimits.HeaderSize + 1, sizeof(uint)), prepared.Id);
    }

    private static LegLostException Lost(BackendLeg leg, Exception? reason)
    {
        leg.IsBroken = true;
        return new LegLostException(leg.Backend, reason);
    }
}
