using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Switchyard.Client;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Login;
using Switchyard.Proxy.Relay;
using Switchyard.Proxy.Sockets;
using Switchyard.Sql;
using Switchyard.Wire;
using Switchyard.Wire.Payloads;

namespace Switchyard.Proxy.Sessions;

/// <summary>
/// One client's connection: a loop that reads a command, decides where it goes, relays the answer and keeps account of what the session has
/// become. Everything is done by whoever has the session's turn: the loop while a command runs, maintenance between commands.
/// </summary>
internal sealed partial class ProxySession : IAsyncDisposable
{
    /// <summary>Commands above this many bytes are worked on in the thread pool.</summary>
    private const int LongCommand = 64 * 1024;

    private readonly SessionContext _context;
    private readonly LoopSocket _socket;
    private readonly Link _client;
    private readonly CancellationTokenSource _stop;
    private readonly CancellationToken _stopping;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly SessionState _state = new();
    private readonly SessionPins _pins = new();
    private readonly PayloadWriter _scratch = new();
    private ClientProof? _proof;
    private string? _accountsOf;
    private byte[] _nonce = [];
    private ushort _collation;
    private bool _isCompressed;
    private Capabilities _capabilities;
    private IReadOnlyList<KeyValuePair<string, string>> _attributes = [];
    private AwaitedLegs.AwaitedLeg? _awaited;
    private ScanOptions _scanOptions;
    private bool _hasTurn;
    private bool _isClosed;
    private int _busy;
    private volatile StatementInfo? _running;
    private volatile string? _runningSchema;
    private volatile string _phase = "login";
    private long _phaseSince;
    private volatile string? _killReason;
    private volatile bool _isEnding;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ProxySession(SessionContext context, long id, LoopSocket socket, CancellationToken stopping)
    {
        _context = context;
        Id = id;
        _socket = socket;
        _client = new Link(socket);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        _stopping = _stop.Token;
        ClientAddress = socket.RemoteEndPoint;
        _phaseSince = context.Time.GetTimestamp();
    }

    /// <summary>Unique in the proxy.</summary>
    public long Id { get; }

    /// <summary>
    /// The connection id its client was greeted with: a backend's id of the connection that became the session's first leg, where
    /// there was one to be had, else <see cref="Id"/>. Never changes, while legs may.
    /// </summary>
    public uint ConnectionId { get; private set; }

    /// <summary>Bytes its client has sent, before TLS and compression.</summary>
    public long ReceivedBytes => _client.ReceivedBytes;

    /// <summary>Bytes its client was sent.</summary>
    public long SentBytes => _client.SentBytes;

    /// <summary>Where the client comes from: the connection's other end, or whom a trusted PROXY header names.</summary>
    public IPEndPoint ClientAddress { get; private set; }

    public string User => _proof?.User ?? "";

    /// <summary>The client has proven itself: commands are served, as soon as it has been told.</summary>
    public bool IsEstablished { get; private set; }

    /// <summary>Serves the client until it leaves, breaks the protocol or is killed. Does not throw.</summary>
    public async Task RunAsync()
    {
        var cancellationToken = _stop.Token;
        try
        {
            if (!await LogInAsync(cancellationToken))
            {
                return;
            }

            SetPhase("idle");
            _socket.RunsInline = !_isCompressed;
            _socket.Ending = OnClientEnding;
            do
            {
                _client.Received(await _client.WaitForCommandAsync(cancellationToken));
            }
            while (await ServeOneAsync(cancellationToken) && !(_isEnding && IsBetweenTransactions));
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException or ObjectDisposedException
            or SessionProtocolException or MalformedPacketException or LegLostException or System.Security.Authentication.AuthenticationException
            or System.Security.Cryptography.CryptographicException)
        {
            ProxyLog.SessionEnded(_context.Logger, exception, Id, ClientAddress, exception.Message);
        }
        catch (Exception exception)
        {
            ProxyLog.SessionFailed(_context.Logger, exception, Id, ClientAddress);
        }
    }

    /// <summary>Ends the session as KILL does: its client sees the connection close.</summary>
    public void Kill(string reason)
    {
        _killReason = reason;
        try
        {
            _stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It has ended by itself.
        }
    }

    /// <summary>Tells the client why it is not let in.</summary>
    public async Task RefuseAsync(ClientError error)
    {
        try
        {
            await SendUngreetedAsync(error, _stop.Token);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // It has left already.
        }
    }

    /// <summary>
    /// Closes the session between two commands, once the running one is answered, also if a gate holds it, and no transaction is open on any leg, and waits
    /// until it is closed.
    /// </summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        // Set first: whoever has the turn now sees it when the turn ends, and this one has the turn after that.
        _isEnding = true;
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (!_isClosed && !_isHeld && IsBetweenTransactions)
            {
                await _stop.CancelAsync();
            }
        }
        finally
        {
            _turn.Release();
        }

        await _ended.Task.WaitAsync(cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _client.DisposeAsync();
        await _openingReader.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        // Not while maintenance is at work on the legs; it is bounded.
        await _turn.WaitAsync(CancellationToken.None);
        _isClosed = true;
        await CloseAllLegsAsync();
        _stop.Dispose();
        _turn.Release();
        _client.ReleaseBlock();
        _scratch.Dispose();
        _ended.TrySetResult();
    }

    /// <summary>Reads and serves one command; false when the session is over.</summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    private async ValueTask<bool> ServeOneAsync(CancellationToken cancellationToken)
    {
        var frame = await PacketIO.ReadFrameAsync(_client, _context.Options.MaxCommandBytes, cancellationToken);
        if (frame is not { } command)
        {
            return false;
        }

        if (command.IsTooLong)
        {
            await SendErrorAsync(ClientError.PacketTooLarge, (byte)(command.Sequence + 1), cancellationToken);
            return false;
        }

        if (command.PayloadLength == 0)
        {
            // To servers it is a command like any other that they do not know.
            await SendErrorAsync(ClientError.UnknownCommand, (byte)(command.Sequence + 1), cancellationToken);
            _client.Consume(command.RawLength);
            return true;
        }

        if (_isCompressed)
        {
            PacketIO.Renumber(_client);
        }

        _answerNumber = (byte)command.Packets;

        if (command.RawLength > LongCommand)
        {
            // Scanning it takes a while, and the thread is one that sees everybody's events.
            await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }

        await EnterAsync(cancellationToken);
        _answerBegun = false;
        _commandLength = command.RawLength;
        var goesOn = true;
        try
        {
            if (IsPlain(command, out var plain))
            {
                // Nearly all statements: no more methods wait for their answer than must.
                var leg = _current!;
                if (await SendStatementAsync(leg, plain, cancellationToken))
                {
                    await RelayAnswerAsync(leg, plain, cancellationToken);
                    await CompleteAsync(leg, plain, cancellationToken);
                }
            }
            else
            {
                goesOn = await DispatchAsync(command, cancellationToken);
            }
        }
        catch (LegLostException lost)
        {
            if (lost.IsMalformed)
            {
                ProxyLog.BackendMalformed(_context.Logger, lost, Id, lost.Backend);
            }
            else
            {
                ProxyLog.BackendLost(_context.Logger, lost, Id, lost.Backend);
            }

            // A server that dies, or kills a connection, says nothing any more; its clients know what that means. What makes no sense they are told of.
            if (lost.IsMalformed && !_answerBegun)
            {
                await SendErrorAsync(ClientError.Refused(lost.Message), _answerNumber, cancellationToken);
            }

            goesOn = false;
        }
        catch (MalformedPacketException malformed) when (!_answerBegun)
        {
            // The packet is whole and what is in it makes no sense; the next one may.
            await SendErrorAsync(ErrorOf(malformed, command), _answerNumber, cancellationToken);
            goesOn = true;
        }
        finally
        {
            LeaveTurn("idle");
        }

        _client.Consume(_commandLength);
        return goesOn;
    }

    /// <summary>An execution that lacks parameters has an error of its own, up to MySQL 5.7 also one that lacks a part of them.</summary>
    private ClientError ErrorOf(MalformedPacketException malformed, PacketFrame command)
    {
        if (_current?.Server is not { } server)
        {
            return ClientError.Malformed(isMariaDb: false);
        }

        var isPartOfExecution = !server.IsMariaDb && _commandLength > 0 && command.PayloadLength > ExecuteParameters.FixedBytes
            && (CommandKind)_client.Buffered[PacketLimits.HeaderSize] == CommandKind.StatementExecute;
        return !server.IsAtLeast(ServerVendor.MySql, 8, 0) && (malformed is MissingParametersException || isPartOfExecution)
            ? ClientError.WrongArguments("mysqld_stmt_execute")
            : ClientError.Malformed(server.IsMariaDb);
    }

    /// <summary>
    /// Takes the session's turn and enters the gates' count. The count is entered before the topology is read: a gate that is published after
    /// that finds this statement counted, one published before is seen by it.
    /// </summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask EnterAsync(CancellationToken cancellationToken)
    {
        if (!_turn.Wait(0, CancellationToken.None))
        {
            await _turn.WaitAsync(cancellationToken);
        }

        _hasTurn = true;
        Interlocked.Exchange(ref _busy, 1);
        SetPhase("running");
    }

    private void LeaveTurn(string phase)
    {
        if (!_hasTurn)
        {
            return;
        }

        _hasTurn = false;
        _running = null;
        SetPhase(phase);
        Interlocked.Exchange(ref _busy, 0);
        _turn.Release();
        _context.Gates.AfterStatement();
        if (_current is { Socket.IsEnding: true })
        {
            OnLegEnding();
        }
    }

    private void SetPhase(string phase)
    {
        _phase = phase;
        _phaseSince = _context.Time.GetTimestamp();
    }

    /// <summary>
    /// An error in place of the greeting. Nothing has been agreed on, so it has no SQLSTATE: libraries that do not expect one take it for the beginning of the sentence.
    /// </summary>
    private async ValueTask SendUngreetedAsync(ClientError error, CancellationToken cancellationToken)
    {
        _scratch.Reset();
        error.WriteTo(_scratch, 0, Capabilities.None);
        await _client.WriteAsync(_scratch.WrittenMemory, cancellationToken);
    }

    private async ValueTask SendErrorAsync(ClientError error, byte sequence, CancellationToken cancellationToken)
    {
        _scratch.Reset();
        error.WriteTo(_scratch, sequence, _capabilities | Capabilities.Protocol41, _scanOptions.Encoding);
        await _client.WriteAsync(_scratch.WrittenMemory, cancellationToken);
    }

    /// <summary>An OK of our own, for what was not asked of any backend.</summary>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder))]
    private async ValueTask SendOkAsync(ServerStatus status, byte sequence, CancellationToken cancellationToken)
    {
        _scratch.Reset();
        using (var payload = new PayloadWriter())
        {
            new OkPayload { Status = status }.Write(payload, _capabilities);
            PacketIO.Frame(_scratch, payload.WrittenSpan, sequence);
        }

        await _client.WriteAsync(_scratch.WrittenMemory, cancellationToken);
    }
}
