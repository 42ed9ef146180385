using System.Net.Sockets;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Client.Protocol;

/// <summary>
/// One command at a time over a connection, and the knowledge whether the connection can take another: after anything but a complete
/// answer it cannot.
/// </summary>
internal sealed class CommandChannel(OpenedConnection opened, string address, TimeSpan? commandTimeout)
{
    private enum State
    {
        Ready,
        Busy,
        Broken,
        Detached,
        Closed,
    }

    private readonly PacketStream _packets = opened.Packets;
    private State _state;
    private string _brokenBecause = "";

    public ServerStatus Status { get; set; }

    /// <summary>Time the server may stay silent during a command; null is no limit.</summary>
    public TimeSpan? CommandTimeout { get; set; } = commandTimeout;

    public Capabilities Capabilities { get; } = opened.Capabilities;

    public string Address { get; } = address;

    public bool IsUsable => _state is State.Ready or State.Busy;

    /// <summary>Whether a command can be begun now.</summary>
    public bool IsReady => _state == State.Ready;

    /// <summary>Whether the agreed capabilities have this one.</summary>
    public bool Has(Capabilities capability) => (Capabilities & capability) != 0;

    /// <summary>Starts a command; its payload goes into the writer returned.</summary>
    /// <exception cref="BackendUnavailableException">The connection was lost or given up earlier.</exception>
    /// <exception cref="InvalidOperationException">A command is under way, or the connection was closed or handed over.</exception>
    public PayloadWriter Begin()
    {
        switch (_state)
        {
            case State.Ready:
                _state = State.Busy;
                return _packets.BeginCommand();
            case State.Broken:
                throw new BackendUnavailableException(UnavailableReason.Abandoned, $"The connection to {Address} was given up earlier: {_brokenBecause}");
            case State.Busy:
                throw new InvalidOperationException($"A command is under way on the connection to {Address}; finish reading its result first.");
            default:
                throw new InvalidOperationException($"The connection to {Address} was {(_state == State.Closed ? "closed" : "handed over")}.");
        }
    }

    public ValueTask SendQueryAsync(ReadOnlyMemory<byte> sql, CancellationToken cancellationToken)
    {
        BeginQuery();
        return SendAsync(sql, cancellationToken);
    }

    private void BeginQuery()
    {
        var writer = Begin();
        writer.WriteByte((byte)CommandKind.Query);
        if (Has(Capabilities.QueryAttributes))
        {
            writer.WriteLengthEncodedInteger(0); // no attributes
            writer.WriteLengthEncodedInteger(1); // one set of them, always
        }
    }

    /// <summary>Sends the command begun, followed by <paramref name="body"/>.</summary>
    public async ValueTask SendAsync(ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        try
        {
            await _packets.SendAsync(body, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw Break(e, cancellationToken);
        }
    }

    /// <summary>Sends a statement's text piece by piece.</summary>
    public async ValueTask SendQueryAsync(IReadOnlyList<QueryPiece> pieces, CancellationToken cancellationToken)
    {
        BeginQuery();
        try
        {
            await _packets.SendAsync(pieces, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw Break(e, cancellationToken);
        }
    }

    /// <inheritdoc cref="PacketStream.DropsLong"/>
    public void DropLong() => _packets.DropsLong = true;

    /// <inheritdoc cref="PacketStream.GiveAway"/>
    public IDisposable? GiveAway() => _packets.GiveAway();

    /// <summary>Sends a further payload within the exchange under way.</summary>
    public ValueTask SendNextAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
    {
        _packets.BeginPayload();
        return SendAsync(payload, cancellationToken);
    }

    /// <summary>The next payload if it is here already.</summary>
    public bool TryRead(out ReadOnlyMemory<byte> payload)
    {
        try
        {
            return _packets.TryRead(out payload);
        }
        catch (MalformedPacketException e)
        {
            throw Break(e, default);
        }
    }

    /// <summary>The next payload; valid until the next read.</summary>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellationToken) =>
        TryRead(out var payload) ? new ValueTask<ReadOnlyMemory<byte>>(payload) : ReadSlowAsync(CommandTimeout, cancellationToken);

    /// <summary>The next payload, waiting for it no longer than this.</summary>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(TimeSpan? timeout, CancellationToken cancellationToken) =>
        TryRead(out var payload) ? new ValueTask<ReadOnlyMemory<byte>>(payload) : ReadSlowAsync(timeout, cancellationToken);

    /// <summary>Runs an exchange that uses the packets directly. A refusal by the server ends the connection too.</summary>
    public async Task<T> GuardAsync<T>(Func<CancellationToken, Task<T>> exchange, CancellationToken cancellationToken)
    {
        try
        {
            return await exchange(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw Break(e, cancellationToken);
        }
    }

    /// <summary>The answer is complete; the next command may come.</summary>
    public void Complete(ServerStatus status)
    {
        Status = status;
        Complete();
    }

    /// <summary>The answer is complete and carried no status.</summary>
    public void Complete() => _state = _state == State.Busy ? State.Ready : _state;

    /// <summary>Ends a command answered by OK or ERR alone.</summary>
    public void CompleteWithOk(ReadOnlySpan<byte> payload)
    {
        if (payload.Length > 0 && payload[0] == ErrorPayload.Header)
        {
            Complete();
            throw ServerErrorException.From(payload);
        }

        try
        {
            Complete(OkPayload.Parse(payload, Capabilities).Status);
        }
        catch (MalformedPacketException e)
        {
            throw Break(e, default);
        }
    }

    /// <summary>The connection belongs to someone else from now on.</summary>
    public void MarkDetached()
    {
        Begin();
        if (_packets.Buffered != 0)
        {
            _state = State.Broken;
            _brokenBecause = "the server sent something unasked.";
            throw new InvalidOperationException($"The server at {Address} has sent something unasked; the connection cannot be handed over.");
        }

        _state = State.Detached;
        _packets.Dispose();
    }

    /// <summary>Marks the connection unusable and closes it.</summary>
    /// <returns>What to throw: the network's failures as <see cref="BackendUnavailableException"/>, others as they are.</returns>
    public Exception Break(Exception cause, CancellationToken cancellationToken)
    {
        var (because, result) = cause switch
        {
            OperationCanceledException when cancellationToken.IsCancellationRequested => ("its last command was cancelled.", cause),
            OperationCanceledException => (
                "the server did not answer in time.",
                new BackendUnavailableException(UnavailableReason.TimedOut, $"{Address} did not answer in time; the command may have been executed or not.", cause)),
            IOException or SocketException or ObjectDisposedException => (
                $"it broke: {cause.Message}",
                new BackendUnavailableException(
                    UnavailableReason.ConnectionLost,
                    $"The connection to {Address} broke: {cause.Message} A command under way may have been executed or not.",
                    cause)),
            _ => (cause.Message, cause),
        };
        if (IsUsable)
        {
            _state = State.Broken;
            _brokenBecause = because;

            // The buffers are left to the collector: an operation that was given up may still write into them.
            opened.Connection.Dispose();
        }

        return result;
    }

    public async ValueTask CloseAsync()
    {
        if (_state is State.Detached or State.Closed)
        {
            return;
        }

        var wasReady = _state == State.Ready;
        _state = State.Closed;
        try
        {
            if (wasReady)
            {
                // A goodbye the peer does not take at once is not worth waiting for.
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(1));
                _packets.BeginCommand().WriteByte((byte)CommandKind.Quit);
                await _packets.SendAsync(limit.Token).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // It is being closed anyway.
        }

        opened.Connection.Dispose();
        if (wasReady)
        {
            _packets.Dispose();
        }
    }

    private async ValueTask<ReadOnlyMemory<byte>> ReadSlowAsync(TimeSpan? timeout, CancellationToken cancellationToken)
    {
        try
        {
            if (timeout is null)
            {
                return await _packets.ReadAsync(cancellationToken).ConfigureAwait(false);
            }

            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            limit.CancelAfter(timeout.Value);
            return await _packets.ReadAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw Break(e, cancellationToken);
        }
    }
}
