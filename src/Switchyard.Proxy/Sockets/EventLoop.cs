using Switchyard.Client;

namespace Switchyard.Proxy.Sockets;

/// <summary>
/// One thread that waits for events of sockets and does at once what they were waited for: a relayed statement is two such events with a few
/// microseconds of work each, and a hand-over to another thread would cost more than all of the rest. A client and its legs are on one loop.
/// </summary>
/// <remarks>
/// What runs here must not block nor compute for long (<see cref="LoopSocket.RunsInline"/>). Sockets may be used, made and closed from any thread.
/// </remarks>
internal sealed class EventLoop : IDialer, IDisposable
{
    private const int MostEvents = 256;

    /// <summary>Reads that one event may lead to before others have their turn: at most half a megabyte of a large answer.</summary>
    private const int ReadsPerTurn = 4;

    [ThreadStatic]
    private static EventLoop? t_current;

    private readonly Epoll _epoll = new(MostEvents);
    private readonly Thread _thread;
    private readonly Lock _changing = new();
    private readonly Stack<uint> _free = new();
    private readonly Queue<SocketOperation> _later = new();
    private LoopSocket?[] _places = [];
    private uint _joined;
    private int _readsLeft;
    private volatile bool _isStopping;

    public EventLoop(string name)
    {
        _thread = new Thread(Run) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>Sockets on the loop.</summary>
    public int Count
    {
        get
        {
            lock (_changing)
            {
                return _places.Length - _free.Count;
            }
        }
    }

    /// <summary>Starts watching a socket.</summary>
    /// <exception cref="System.ComponentModel.Win32Exception">The kernel has no room for it.</exception>
    public void Join(LoopSocket socket)
    {
        lock (_changing)
        {
            if (!_free.TryPop(out var index))
            {
                index = (uint)_places.Length;
                Grow();
            }

            // An event already taken for the socket that had this place before has another number.
            socket.Token = ((ulong)++_joined << 32) | index;
            _places[index] = socket;
        }

        try
        {
            _epoll.Add(socket.Handle, Readiness.Input | Readiness.Output | Readiness.PeerClosed | Readiness.EdgeTriggered, socket.Token);
        }
        catch
        {
            Free(socket.Token);
            throw;
        }
    }

    /// <summary>Stops watching a socket whose descriptor is still open.</summary>
    public void Leave(LoopSocket socket)
    {
        _epoll.Remove(socket.Handle);
        Free(socket.Token);
    }

    /// <summary>Whether one more read can be made in this turn. Always true on other threads.</summary>
    public bool MayReadOn() => t_current != this || --_readsLeft >= 0;

    /// <summary>Goes on with an operation behind the events that are there now. On the loop's own thread only.</summary>
    public void Later(SocketOperation operation) => _later.Enqueue(operation);

    /// <inheritdoc/>
    public async Task<Stream> ConnectAsync(string host, int port, CancellationToken cancellationToken) =>
        await LoopSocket.ConnectAsync(this, host, port, cancellationToken);

    /// <summary>Ends the thread once its turn is over. All sockets must have been closed.</summary>
    public void Dispose()
    {
        _isStopping = true;
        _epoll.Wake();
        if (t_current != this)
        {
            _thread.Join();
        }

        _epoll.Dispose();
    }

    private void Grow()
    {
        var places = new LoopSocket?[Math.Max(64, _places.Length * 2)];
        _places.CopyTo(places, 0);
        for (var free = (uint)places.Length - 1; free > _places.Length; free--)
        {
            _free.Push(free);
        }

        Volatile.Write(ref _places, places);
    }

    private void Free(ulong token)
    {
        lock (_changing)
        {
            _places[(uint)token] = null;
            _free.Push((uint)token);
        }
    }

    private void Run()
    {
        t_current = this;
        while (!_isStopping)
        {
            var count = _epoll.Wait(onlyLook: _later.Count > 0);
            for (var i = 0; i < count; i++)
            {
                var (readiness, token) = _epoll[i];
                if (token != Epoll.WakeToken && Find(token) is { } socket)
                {
                    _readsLeft = ReadsPerTurn;
                    socket.OnReady(readiness);
                }
            }

            for (var left = _later.Count; left > 0; left--)
            {
                _readsLeft = ReadsPerTurn;
                _later.Dequeue().GoOn();
            }
        }
    }

    private LoopSocket? Find(ulong token) => Volatile.Read(ref _places)[(uint)token] is { } socket && socket.Token == token ? socket : null;
}
