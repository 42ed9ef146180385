using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Frontend;
using Switchyard.Proxy.Gates;
using Switchyard.Proxy.Legs;
using Switchyard.Proxy.Reads;
using Switchyard.Proxy.Routing;
using Switchyard.Proxy.Sessions;
using Switchyard.Proxy.Shadow;
using Switchyard.Proxy.Sockets;
using Switchyard.Sql;
using Switchyard.Topology;
using Switchyard.Wire;

namespace Switchyard.Proxy;

/// <summary>
/// Listens for clients and serves each in a session of its own, by the routing table and the gates of the topology. Started and stopped once;
/// the session methods may be called from any thread.
/// </summary>
public sealed class ProxyServer : IAsyncDisposable
{
    private readonly ProxyOptions _options;
    private readonly SessionContext _context;
    private readonly SessionWarmer _warmer;
    private readonly ProxyMembership _membership;
    private readonly GateKeeper _gates;
    private readonly ReadRouter _reads;
    private readonly ReadValidation _validation;
    private readonly LegReaper _reaper;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stopAccepting = new();
    private readonly CancellationTokenSource _stopSessions = new();
    private readonly ConcurrentDictionary<long, Task> _running = new();
    private readonly SessionRegistry _sessions;
    private Socket? _listener;
    private EventLoops? _loops;
    private Task _accepting = Task.CompletedTask;
    private readonly Dictionary<string, Task> _walks = new(StringComparer.Ordinal);
    private Task _tidying = Task.CompletedTask;
    private int _stopped;
    private volatile bool _isDraining;

    public ProxyServer(
        ProxyOptions options, TopologyView view, TopologyRepository repository, AppliedPositions applied, ReadValidation validation, TimeProvider time, ILogger<ProxyServer> logger)
    {
        _options = options;
        _validation = validation;
        _logger = logger;
        var profiles = new BackendProfiles(view, time);
        _reaper = new LegReaper(profiles, time, logger);
        _sessions = new SessionRegistry(view, _reaper);
        _membership = new ProxyMembership(options, view, repository.Store, time, logger);
        _gates = new GateKeeper(options, view, repository.Store, _membership, time, logger);
        var views = new ViewCatalog(profiles, time, _stopSessions.Token);
        _reads = new ReadRouter(view, applied, profiles, views, options, time, logger);
        var opener = new LegOpener(profiles, repository, options.Id);
        var shadow = new ShadowReads(view, opener, profiles, applied, validation, time, logger);
        _context = new SessionContext(
            options,
            view,
            profiles,
            opener,
            new AwaitedLegs(profiles),
            _reaper,
            new LoginService(options, repository, time),
            new StatementCache(),
            new TransactionShapes(time),
            _gates,
            _reads,
            shadow,
            views,
            new RoutineCatalog(profiles, time, _stopSessions.Token),
            _sessions,
            new ProxyInstruments(_sessions),
            time,
            logger);
        options.Observed.ReadFrom(() => ShapeReport.Of(_context.Statements, _context.Transactions, time.GetUtcNow()));
        _warmer = new SessionWarmer(options, view, repository.Store, _sessions, _membership, time, logger);
    }

    /// <summary>Where clients connect; known once started.</summary>
    public IPEndPoint EndPoint => (IPEndPoint?)_listener?.LocalEndPoint ?? throw new InvalidOperationException("The proxy has not been started.");

    /// <summary>Clients connected now.</summary>
    public int SessionCount => _sessions.Count;

    internal SessionRegistry Sessions => _sessions;

    /// <summary>Listens, joins the topology, takes up the gates that are held, then accepts clients.</summary>
    /// <exception cref="SocketException">The address cannot be listened on.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        var listener = new Socket(_options.Listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Bind(_options.Listen);
        listener.Listen(512);
        _listener = listener;
        _loops = new EventLoops();
        _validation.Join(_options.Id, new ReadObserver(_reads, _context.Shadow));
        _reaper.WhenGone(_gates.AfterStatement);
        await _membership.StartAsync(EndPoint.ToString(), cancellationToken);
        _gates.Start(_sessions);
        _warmer.Start();
        _accepting = AcceptAsync(listener);
        _tidying = TidyAsync();
        ProxyLog.Listening(_logger, EndPoint);
    }

    /// <summary>
    /// Refuses new clients with error 1053, lets running statements and open transactions end within <see cref="ProxyOptions.DrainLimit"/>, and closes all sessions.
    /// </summary>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _stopped, 1) != 0)
        {
            return;
        }

        _isDraining = true;
        await _warmer.DisposeAsync();
        using (var expiry = new CancellationTokenSource(_options.DrainLimit, _context.Time))
        using (var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, expiry.Token))
        {
            await _sessions.DrainAsync(limit.Token);
        }

        await _stopAccepting.CancelAsync();
        _listener?.Dispose();
        await _accepting;
        await _tidying;
        await _stopSessions.CancelAsync();
        await Task.WhenAll(_running.Values);
        _validation.Leave(_options.Id);
        await _context.Shadow.DisposeAsync();
        await _context.Awaited.DisposeAsync();
        await _reaper.DisposeAsync();
        await _gates.DisposeAsync();
        await _membership.LeaveAsync(isGone: !_reaper.HasLeft);
        await _reads.DisposeAsync();
        await _context.Login.DisposeAsync();
        _context.Instruments.Dispose();
        _loops?.Dispose();
    }

    /// <summary>All sessions, oldest first.</summary>
    public ImmutableArray<SessionInfo> ListSessions() => [.. _sessions.All.OrderBy(session => session.Id).Select(session => session.Show())];

    /// <summary>One session; null when there is none of that id.</summary>
    public SessionInfo? FindSession(long id) => _sessions.Find(id)?.Show();

    /// <summary>Closes a session; false when there is none of that id.</summary>
    public bool KillSession(long id, string reason)
    {
        var session = _sessions.Find(id);
        session?.Kill(reason);
        return session is not null;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await StopAsync(now.Token);
    }

    private async Task AcceptAsync(Socket listener)
    {
        while (!_stopAccepting.IsCancellationRequested)
        {
            try
            {
                var socket = await listener.AcceptAsync(_stopAccepting.Token);
                Serve(socket);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (ObjectDisposedException)
            {
                return;
            }
            catch (SocketException exception) when (!_stopAccepting.IsCancellationRequested)
            {
                // Out of descriptors, or a client that left in between: wait for some to be free and go on.
                ProxyLog.AcceptFailed(_logger, exception.Message);
                await Task.Delay(TimeSpan.FromMilliseconds(100), _context.Time, CancellationToken.None);
            }
            catch (SocketException)
            {
                return;
            }
        }
    }

    private void Serve(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        var session = new ProxySession(_context, _sessions.NextId(), new LoopSocket(_loops!.Next(), socket), _stopSessions.Token);
        ClientError? refusal = _isDraining ? ClientError.Shutdown : _sessions.Count >= _options.MaxSessions ? ClientError.TooManyConnections : null;
        if (refusal is null)
        {
            _sessions.Add(session);
        }

        _running[session.Id] = RunAsync(session, refusal);
    }

    private async Task RunAsync(ProxySession session, ClientError? refusal)
    {
        // The accept loop goes on at once; a login takes round trips.
        await Task.Yield();
        try
        {
            await (refusal is { } error ? session.RefuseAsync(error) : session.RunAsync());
        }
        finally
        {
            await session.DisposeAsync();
            _context.Instruments.Remove(session);
            _gates.AfterStatement();
            _running.TryRemove(session.Id, out _);
        }
    }

    private async Task TidyAsync()
    {
        using var timer = new PeriodicTimer(_options.TidyInterval, _context.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopAccepting.Token))
            {
                // One after the other where they may go to the same backend; one that answers slowly holds up nobody else.
                foreach (var sessions in _sessions.All.GroupBy(static session => session.Home ?? ""))
                {
                    if (!_walks.TryGetValue(sessions.Key, out var walk) || walk.IsCompleted)
                    {
                        _walks[sessions.Key] = TidyAsync([.. sessions]);
                    }
                }

                _context.Transactions.Tidy();
                foreach (var use in _context.Statements.Uses)
                {
                    use.Observe(_context.Time.GetUtcNow());
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The proxy stops.
        }

        await Task.WhenAll(_walks.Values).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task TidyAsync(ProxySession[] sessions)
    {
        foreach (var session in sessions)
        {
            await session.TidyAsync(_stopAccepting.Token);
        }
    }
}
