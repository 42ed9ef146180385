using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Switchyard.Binlog;
using Switchyard.Client;
using Switchyard.Replication.Apply;
using Switchyard.Replication.Ddl;
using Switchyard.Replication.Source;
using Switchyard.Replication.Tables;
using Switchyard.Replication.Target;

namespace Switchyard.Replication.Watch;

/// <summary>
/// Reads a server's binary log and reports every write to the watched tables that none of our streams made: on the target before the switch, on the
/// source after it. It only reads. Broken connections are made again from where it stood. Members may be called from any thread.
/// </summary>
public sealed class ForeignWriteWatch : IAsyncDisposable
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(15);

    private readonly ForeignWriteWatchDefinition _definition;
    private readonly ForeignWriteScanner _scanner;
    private readonly PositionBoard _board;
    private readonly TimeProvider _clock;
    private readonly ILogger _logger;
    private readonly string _identity;
    private readonly uint _serverId = 0x8000_0000u | (uint)Random.Shared.Next();
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private readonly Queue<ForeignWrite> _recent = new();
    private Task _running = Task.CompletedTask;
    private bool _started;
    private StreamState _state;
    private string? _error;
    private long _transactions;
    private int _disposed;

    private ForeignWriteWatch(ForeignWriteWatchDefinition definition, StreamTables tables, string identity, BinlogPosition after, TimeProvider clock, ILogger logger)
    {
        _definition = definition;
        _scanner = new ForeignWriteScanner(tables, new ChangeReach(definition.Server, tables, new TemporaryTables()), definition.OwnStreamIds);
        _board = new PositionBoard(after);
        _identity = identity;
        _clock = clock;
        _logger = logger;
    }

    /// <summary>A write was found. Called by the watch in the log's order: do not block.</summary>
    public event Action<ForeignWrite>? Found;

    /// <summary>Where the watch stands and what it found.</summary>
    public ForeignWriteProgress Progress
    {
        get
        {
            lock (_lock)
            {
                return new ForeignWriteProgress(_state, _board.Current, _transactions, [.. _recent], _error);
            }
        }
    }

    /// <summary>Ends when the watch was disposed or has failed; never with an exception.</summary>
    public Task Completion => _running;

    /// <summary>Prepares a watch. It does nothing until <see cref="Start"/>.</summary>
    /// <exception cref="ReplicationException">The server's log does not reach back to where the watch should begin.</exception>
    /// <exception cref="BackendUnavailableException">The server cannot be reached.</exception>
    /// <exception cref="ServerErrorException">The server refused.</exception>
    public static async Task<ForeignWriteWatch> OpenAsync(
        ForeignWriteWatchDefinition definition, CancellationToken cancellationToken, TimeProvider? clock = null, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(definition);
        var server = await BackendConnection.OpenAsync(definition.Server with { Schema = null }, cancellationToken).ConfigureAwait(false);
        await using var lease = server.ConfigureAwait(false);
        var names = await server.QueryAsync("SELECT @@lower_case_table_names", cancellationToken).ConfigureAwait(false);
        var identity = await SourceLog.ReadIdentityAsync(server, cancellationToken).ConfigureAwait(false);
        var after = definition.After ?? await SourceLog.ReadEndAsync(server, cancellationToken).ConfigureAwait(false);
        await SourceLog.VerifyContainsAsync(server, after, cancellationToken).ConfigureAwait(false);
        var tables = new StreamTables(definition.Tables, ignoreCase: names.GetString(0, 0) != "0");
        return new ForeignWriteWatch(definition, tables, identity, after, clock ?? TimeProvider.System, logger ?? NullLogger.Instance);
    }

    /// <summary>Begins to read.</summary>
    /// <exception cref="InvalidOperationException">It was started before.</exception>
    public void Start()
    {
        if (_started)
        {
            throw new InvalidOperationException("A watch is started once; open a new one to go on.");
        }

        _started = true;
        _running = RunAsync(_stop.Token);
    }

    /// <summary>
    /// Completes when everything in the server's log up to the position has been examined: with the log's end read just before, what was not found is not there.
    /// </summary>
    /// <exception cref="ReplicationException">The watch has failed.</exception>
    public Task WaitForExaminedAsync(BinlogPosition position, CancellationToken cancellationToken) => _board.WaitAsync(position, cancellationToken);

    /// <summary>Stops watching.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            await _stop.CancelAsync().ConfigureAwait(false);
        }

        await _running.ConfigureAwait(false);
    }

    private async Task RunAsync(CancellationToken stop)
    {
        var pause = s_firstPause;
        var last = _board.Current;
        Enter(StreamState.Connecting, null);
        while (true)
        {
            string reason;
            try
            {
                await ReadAsync(stop).ConfigureAwait(false);
                reason = "the server ended the binary log stream";
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                Enter(StreamState.Stopped, null);
                _board.Fail(new ReplicationException("The watch was stopped."));
                return;
            }
            catch (BackendUnavailableException e)
            {
                reason = e.Message;
            }
            catch (ServerErrorException e) when (ServerErrors.IsTransient(e))
            {
                reason = $"error {e.Code}";
            }
            catch (Exception e)
            {
                var message = e is ServerErrorException server ? $"The server answered with error {server.Code}: {server.ServerMessage}." : e.Message;
                _logger.WatchFailed(_definition.Server.Redacted, message);
                Enter(StreamState.Failed, message);
                _board.Fail(e as ReplicationException ?? new ReplicationException(message, e));
                return;
            }

            pause = _board.Current > last ? s_firstPause : pause * 2 < s_longestPause ? pause * 2 : s_longestPause;
            last = _board.Current;
            Enter(StreamState.Reconnecting, reason);
            _logger.WatchReconnecting(_definition.Server.Redacted, pause.TotalMilliseconds, reason);
            await Task.Delay(pause, _clock, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReadAsync(CancellationToken stop)
    {
        _scanner.Reset();
        var start = _board.Current;
        var server = await BackendConnection.OpenAsync(_definition.Server with { Schema = null, CommandTimeout = _definition.Server.CommandTimeout ?? _definition.OpeningLimit }, stop).ConfigureAwait(false);
        BinlogReader reader;
        try
        {
            await Faults.FaultPoints.HitAsync("watch.connect", stop).ConfigureAwait(false);
            if (await SourceLog.ReadIdentityAsync(server, stop).ConfigureAwait(false) is var identity && identity != _identity)
            {
                throw new ReplicationException($"{_definition.Server.Host}:{_definition.Server.Port} is now another server ({identity}) than the one that was watched ({_identity}); begin a new watch.");
            }

            await SourceLog.VerifyContainsAsync(server, start, stop).ConfigureAwait(false);
            reader = await TornLog.OpenReaderAsync(
                server, new BinlogDumpRequest { ServerId = _serverId, File = start.File, Position = start.Offset, HeartbeatPeriod = _definition.HeartbeatPeriod }, stop).ConfigureAwait(false);
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        await using var lease = reader.ConfigureAwait(false);
        Enter(StreamState.Running, null);
        while (await reader.ReadAsync(stop).ConfigureAwait(false) is { } next)
        {
            var found = await _scanner.TakeAsync(next, stop).ConfigureAwait(false);
            if (found.Count > 0)
            {
                await ReportAsync(found, stop).ConfigureAwait(false);
            }

            if (_scanner.IsBetweenTransactions)
            {
                _board.Publish(next.Position);
            }
        }
    }

    private async Task ReportAsync(IReadOnlyList<ForeignWrite> found, CancellationToken stop)
    {
        var account = found[0].ThreadId is { } thread ? await FindAccountAsync(thread, stop).ConfigureAwait(false) : null;
        lock (_lock)
        {
            _transactions++;
        }

        foreach (var write in found)
        {
            var known = write with { Account = account };
            lock (_lock)
            {
                _recent.Enqueue(known);
                while (_recent.Count > _definition.KeepRecent)
                {
                    _recent.Dequeue();
                }
            }

            _logger.ForeignWriteFound(known.Table, known.Position, _definition.Server.Redacted, account ?? "an account not known");
            Found?.Invoke(known);
        }
    }

    // Only to help in finding the culprit: a connection that is gone, or a refusal, leaves the account unknown.
    private async Task<string?> FindAccountAsync(uint thread, CancellationToken stop)
    {
        try
        {
            var server = await BackendConnection.OpenAsync(_definition.Server with { Schema = null }, stop).ConfigureAwait(false);
            await using var lease = server.ConfigureAwait(false);
            var sessions = await ServerProcess.ListAsync(server, stop).ConfigureAwait(false);
            return sessions.FirstOrDefault(session => session.Id == thread) is { } writer ? $"{writer.User}@{writer.Host}" : null;
        }
        catch (Exception e) when (e is ServerErrorException or BackendUnavailableException)
        {
            return null;
        }
    }

    private void Enter(StreamState state, string? error)
    {
        lock (_lock)
        {
            _state = state;
            _error = error;
        }
    }
}
