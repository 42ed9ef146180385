using System.Runtime.CompilerServices;
using Switchyard.Client;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Reads;
using Switchyard.Proxy.Relay;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy.Sessions;

/// <summary>Plain reads on the reading side of data-router mode. Whatever goes wrong before the first byte, the writer answers instead.</summary>
internal sealed partial class ProxySession
{
    /// <summary>A reader that could not be opened, or would not take the session's state, is left alone for this long.</summary>
    private static readonly TimeSpan s_readerRetry = TimeSpan.FromSeconds(5);

    private readonly SessionMarks _marks = new();
    private long _readerFailedAt;
    private Task _openingReader = Task.CompletedTask;

    /// <summary>An error of the leg is to be kept from the client: the statement is repeated on the writer.</summary>
    private bool _mayRepeat;

    /// <summary>True when the reader has answered; false when the writer must.</summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private async ValueTask<bool> TryReadOnReaderAsync(Statement statement, TopologyState topology, CancellationToken cancellationToken)
    {
        if (!IsReadForReader(statement) || _pendingBegin is not null || InTransaction || !IsAutocommit || _state.NextTransaction is not null
            || _context.Reads.Plan(statement.Info, SchemaOf(statement), topology, _marks, Id) is not { } plan
            || plan.Backend == _current!.Backend)
        {
            return false;
        }

        var counts = plan.Reads.Counts;
        if (_readerFailedAt != 0 && _context.Time.GetElapsedTime(_readerFailedAt) < s_readerRetry)
        {
            counts.FellBackByConnection();
            return false;
        }

        try
        {
            if (await FindLiveLegAsync(plan.Backend, cancellationToken) is not { } leg)
            {
                OpenReaderBehind(plan.Backend);
                counts.FellBackByConnection();
                return false;
            }

            if (!await plan.Reads.WaitVisibleAsync(plan.Number, _context.Reads.WaitLimit, cancellationToken))
            {
                counts.FellBackByLag();
                return false;
            }

            var failures = await StateCarrier.CarryAsync(_current, leg, _state, CarryScope.Variables, cancellationToken);
            if (failures.Count > 0)
            {
                // It cannot be made to read as this session does.
                _readerFailedAt = _context.Time.GetTimestamp();
                counts.FellBackByConnection();
                return false;
            }

            EndHold();
            if (await ReadOnAsync(leg, statement, cancellationToken))
            {
                counts.OnTarget();
                return true;
            }

            counts.FellBackByError();
            return false;
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or FormatException)
        {
            _readerFailedAt = _context.Time.GetTimestamp();
            counts.FellBackByConnection();
            return false;
        }
        catch (LegLostException lost) when (!_answerBegun && lost.Backend == plan.Backend)
        {
            counts.FellBackByError();
            return false;
        }
    }

    /// <summary>The first reads need not pay for the reader's login: the writer answers until the leg is there.</summary>
    private void OpenReaderBehind(string backend)
    {
        if (_openingReader.IsCompleted)
        {
            _openingReader = OpenReaderAsync(backend);
        }
    }

    private async Task OpenReaderAsync(string backend)
    {
        await Task.Yield();
        try
        {
            await OpenAheadAsync(backend, _stop.Token);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or LegLostException or FormatException
            or OperationCanceledException or ObjectDisposedException)
        {
            _readerFailedAt = _context.Time.GetTimestamp();
        }
    }

    private bool IsAutocommit => ((ServerStatus)_current!.Scanner.Status & ServerStatus.AutoCommit) != 0;

    /// <summary>The flags behind the statement id of COM_STMT_EXECUTE ask for a cursor, which lives on one leg.</summary>
    private bool OpensCursor(Statement statement) =>
        statement.Prepared is not null && (statement.Frame.PayloadLength < 6 || (_client.Buffered[PacketLimits.HeaderSize + 5] & CursorTypes) != 0);

    private async ValueTask<bool> ReadOnAsync(BackendLeg leg, Statement statement, CancellationToken cancellationToken)
    {
        if (statement.Prepared is { } prepared)
        {
            if (!leg.Prepared.ContainsKey(prepared.Id))
            {
                await PrepareOnAsync(leg, prepared, cancellationToken);
            }

            if (!await SendPreparedAsync(leg, prepared, statement, cancellationToken))
            {
                return true;
            }
        }
        else
        {
            await SendCommandAsync(leg, statement.Frame, cancellationToken);
        }

        _mayRepeat = true;
        try
        {
            await RelayAnswerAsync(leg, statement, cancellationToken);
        }
        finally
        {
            _mayRepeat = false;
        }

        if (!_answerBegun)
        {
            return false;
        }

        _last = leg;
        Measure(leg, statement);
        await KeepAliveAsync(cancellationToken);
        return true;
    }

    /// <summary>
    /// A session that only reads is at work for its client, and idle for the server that has its state: which would end it after <c>wait_timeout</c>. Nobody waits for the answer, so that
    /// reads go on while that server stands still; and what the client may ask about its last statement is left alone.
    /// </summary>
    private async ValueTask KeepAliveAsync(CancellationToken cancellationToken)
    {
        if (_current is not { } writer || _context.Time.GetElapsedTime(writer.LastUsed) < s_legTrustLimit)
        {
            return;
        }

        writer.LastUsed = _context.Time.GetTimestamp();
        if (!writer.OwesPing || writer.HasPingAnswer())
        {
            await LegCommands.PingAheadAsync(writer, cancellationToken);
        }
    }
}
