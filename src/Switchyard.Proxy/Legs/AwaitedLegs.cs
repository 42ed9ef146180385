using System.Collections.Concurrent;
using Switchyard.Client;
using Switchyard.Proxy.Backends;
using Switchyard.Proxy.Sockets;

namespace Switchyard.Proxy.Legs;

/// <summary>
/// Connections to a backend made before their client is greeted, so that the greeting carries the id the backend itself gave: then
/// the client library, <c>CONNECTION_ID()</c>, the process list and <c>KILL</c> mean the same number. Safe from any thread.
/// </summary>
internal sealed class AwaitedLegs(BackendProfiles profiles) : IAsyncDisposable
{
    /// <summary>
    /// Connections that wait for their client's login at once. Above it clients are greeted with an id of ours, so that clients which connect and
    /// say nothing cannot use up a backend's connections.
    /// </summary>
    private const int MaxAwaited = 64;

    /// <summary>Time to give a connection back in good order.</summary>
    private static readonly TimeSpan s_releaseLimit = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<AwaitedLeg, Task> _releasing = new();
    private readonly CancellationTokenSource _stop = new();
    private volatile string? _lastHome;
    private int _count;

    /// <summary>The backend the next client will most likely live on.</summary>
    public string Predict(string defaultBackend) => _lastHome ?? defaultBackend;

    /// <summary>Tells where a client's session began, which is where the next one's most likely will.</summary>
    public void Landed(string backend) => _lastHome = backend;

    /// <summary>Connects, on the client's loop; null when too many wait already.</summary>
    /// <exception cref="ServerErrorException">The backend does not greet: too many connections, for one.</exception>
    /// <exception cref="BackendUnavailableException">It cannot be reached.</exception>
    public async Task<AwaitedLeg?> TryConnectAsync(BackendProfile profile, EventLoop loop, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _count) > MaxAwaited)
        {
            Interlocked.Decrement(ref _count);
            return null;
        }

        try
        {
            return new AwaitedLeg(this, profile, await GreetedConnection.ConnectAsync(profile.Options with { Dialer = loop }, cancellationToken));
        }
        catch (Exception exception)
        {
            Interlocked.Decrement(ref _count);
            if (exception is Wire.MalformedPacketException malformed)
            {
                throw BackendProfiles.Broke(malformed);
            }

            throw;
        }
    }

    /// <summary>Waits for what is being given back.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_releasing.Values);
        _stop.Dispose();
    }

    /// <summary>The connection is used, or closed.</summary>
    private void Done() => Interlocked.Decrement(ref _count);

    private void Release(AwaitedLeg leg)
    {
        _releasing[leg] = Task.CompletedTask;
        var task = ReleaseAsync(leg);
        _releasing.TryUpdate(leg, task, Task.CompletedTask);
    }

    /// <summary>
    /// A server counts each connection that ends before its login, and after <c>max_connect_errors</c> of them in a row shuts the host out: the
    /// proxy, with every client of it. So what no client took is logged in to with the administrative account, and left properly.
    /// </summary>
    private async Task ReleaseAsync(AwaitedLeg leg)
    {
        await Task.Yield();
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            limit.CancelAfter(s_releaseLimit);
            var known = profiles.Known(leg.Backend);
            await using var connection = await leg.Connection.LogInAsync((known ?? leg.Profile).Options with { Schema = null }, limit.Token);
        }
        catch (Exception exception) when (exception is BackendUnavailableException or ServerErrorException or OperationCanceledException or Wire.MalformedPacketException)
        {
            // It is closed in any case.
        }
        finally
        {
            await leg.Connection.DisposeAsync();
            Done();
            _releasing.TryRemove(leg, out _);
        }
    }

    /// <summary>A connection a backend has greeted on, for one client. Disposed once, by its session.</summary>
    internal sealed class AwaitedLeg(AwaitedLegs owner, BackendProfile profile, GreetedConnection connection) : IDisposable
    {
        private int _isSpent;

        public string Backend => profile.Name;

        /// <summary>What was known of the backend when it was connected to.</summary>
        public BackendProfile Profile => profile;

        /// <summary>What it has greeted with.</summary>
        public ServerInfo Server => connection.Server;

        /// <summary>The backend's id of the connection.</summary>
        public uint ConnectionId => Server.ConnectionId;

        internal GreetedConnection Connection => connection;

        /// <summary>Takes the connection for a login to this backend; null when it was taken before.</summary>
        public GreetedConnection? Take()
        {
            if (Interlocked.Exchange(ref _isSpent, 1) != 0)
            {
                return null;
            }

            owner.Done();
            return connection;
        }

        /// <summary>Gives the connection back if it was not taken. Does not wait.</summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isSpent, 1) == 0)
            {
                owner.Release(this);
            }
        }
    }
}
