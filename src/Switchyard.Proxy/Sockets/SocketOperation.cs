using System.Threading.Tasks.Sources;

namespace Switchyard.Proxy.Sockets;

/// <summary>
/// The reading, or the writing, of one socket: tried again when the loop has word that it may succeed. Used for one operation after the other.
/// Whoever takes an operation that waits (the loop, a cancellation, the socket's closing) ends it, and nobody else.
/// </summary>
internal abstract class SocketOperation(LoopSocket socket) : IValueTaskSource<int>, IValueTaskSource, IThreadPoolWorkItem
{
    private const int AtRest = 0;
    private const int Waiting = 1;
    private const int Taken = 2;
    private const string Closed = "The connection was closed.";

    // Continuations run where the operation ends: that is the point of it.
    private ManualResetValueTaskSourceCore<int> _core;
    private int _state;
    private int _isReady;

    /// <summary>Why the operation ends without another try. Set by who has taken it.</summary>
    private Exception? _failure;
    private CancellationToken _watched;
    private CancellationTokenRegistration _watch;

    protected LoopSocket Socket => socket;

    /// <summary>
    /// There has been word since the last try that one may succeed. Taken back in front of each try, never behind it: word that comes during the
    /// try is about what the try has not seen.
    /// </summary>
    protected bool IsReady => Volatile.Read(ref _isReady) != 0;

    protected void SetReady(bool ready) => Interlocked.Exchange(ref _isReady, ready ? 1 : 0);

    /// <summary>Tries without waiting; false when it would have to wait.</summary>
    /// <exception cref="IOException">The connection has failed.</exception>
    protected abstract bool TryOnce(out int result);

    /// <summary>Lets go of the caller's memory.</summary>
    protected abstract void Forget();

    /// <summary>The loop has word. On its thread only.</summary>
    public void Signal()
    {
        SetReady(true);
        GoOn();
    }

    /// <summary>Goes on if the operation still waits.</summary>
    public void GoOn()
    {
        if (!TryTake())
        {
            return;
        }

        if (socket.RunsInline)
        {
            Execute();
        }
        else
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>The socket is closed.</summary>
    public void Close()
    {
        _watch.Unregister();
        Fail(new IOException(Closed));
    }

    /// <summary>Tries again, for whoever has taken the operation.</summary>
    public void Execute()
    {
        do
        {
            int result;
            try
            {
                if (_failure is { } failure)
                {
                    _failure = null;
                    throw failure;
                }

                if (!TryOnce(out result))
                {
                    continue;
                }
            }
            catch (Exception exception)
            {
                Forget();
                Volatile.Write(ref _state, AtRest);
                _core.SetException(exception);
                return;
            }

            Forget();
            Volatile.Write(ref _state, AtRest);
            _core.SetResult(result);
            return;
        }
        while (!Rest());
    }

    public int GetResult(short token) => _core.GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    /// <summary>Lets the operation wait. Its result is that of the task with the token returned.</summary>
    protected short Wait(CancellationToken cancellationToken)
    {
        Prepare(cancellationToken);
        if (!Rest())
        {
            // Not here: whoever has begun the operation has no task yet to be told by.
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        return _core.Version;
    }

    /// <summary>The same for an operation that could go on at once and has used up its turn. On the loop's thread only.</summary>
    protected short WaitForTurn(CancellationToken cancellationToken)
    {
        Prepare(cancellationToken);
        Interlocked.Exchange(ref _state, Waiting);
        socket.Loop.Later(this);
        return _core.Version;
    }

    private void Prepare(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _state) != AtRest)
        {
            throw new InvalidOperationException("A connection has one reader and one writer at a time.");
        }

        _core.Reset();
        if (cancellationToken != _watched)
        {
            // A session waits with the same token again and again: it is registered with once.
            _watch.Dispose();
            _watched = cancellationToken;
            _watch = cancellationToken.UnsafeRegister(
                static (operation, token) => ((SocketOperation)operation!).Cancel(token), this);
        }
    }

    private void Cancel(CancellationToken token)
    {
        if (token == _watched)
        {
            Fail(new OperationCanceledException(token));
        }
    }

    private void Fail(Exception exception)
    {
        if (TryTake())
        {
            _failure = exception;
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    /// <summary>Waits from now on; false when there is reason to try once more, and the operation was taken again for that.</summary>
    private bool Rest()
    {
        // A full fence: who has word from here on finds the operation waiting, and word from before is seen below.
        Interlocked.Exchange(ref _state, Waiting);
        var isOver = socket.IsClosed || _watched.IsCancellationRequested;
        if ((!isOver && !IsReady) || !TryTake())
        {
            return true;
        }

        if (isOver)
        {
            _failure = socket.IsClosed ? new IOException(Closed) : new OperationCanceledException(_watched);
        }

        return false;
    }

    private bool TryTake() => Interlocked.CompareExchange(ref _state, Taken, Waiting) == Waiting;
}
