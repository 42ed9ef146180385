using System.Threading.Tasks.Sources;

namespace Switchyard.Proxy.Relay;

/// <summary>What a value task of <see cref="PooledValueTaskBuilder"/> stands for: an asynchronous method that has suspended. Used again once its result is taken.</summary>
internal abstract class PooledTask<TResult> : IValueTaskSource<TResult>, IValueTaskSource
{
    // Continuations run where the method ends, as those of any asynchronous method.
    private ManualResetValueTaskSourceCore<TResult> _core;

    protected PooledTask() => Continue = MoveNext;

    /// <summary>Goes on with the method.</summary>
    public Action Continue { get; }

    /// <summary>The execution context the method goes on in.</summary>
    public ExecutionContext? Context { get; set; }

    public short Version => _core.Version;

    public void SetResult(TResult result) => _core.SetResult(result);

    public void SetException(Exception exception) => _core.SetException(exception);

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    public TResult GetResult(short token)
    {
        if (token != _core.Version)
        {
            throw new InvalidOperationException("A value task was awaited twice.");
        }

        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            _core.Reset();
            Context = null;
            Release();
        }
    }

    void IValueTaskSource.GetResult(short token) => GetResult(token);

    protected abstract void MoveNextCore();

    /// <summary>Gives the method's state back; the object may be another method's at once.</summary>
    protected abstract void Release();

    private void MoveNext()
    {
        // Nothing of this object may be touched after it: its end may have let it go.
        if (Context is { } context)
        {
            ExecutionContext.Run(context, static task => ((PooledTask<TResult>)task!).MoveNextCore(), this);
        }
        else
        {
            MoveNextCore();
        }
    }
}

/// <summary>The state machine of one method. Spare ones wait on the thread that left them, and behind that in a stack for all threads.</summary>
internal sealed class PooledMachine<TResult, TMachine> : PooledTask<TResult>
    where TMachine : System.Runtime.CompilerServices.IAsyncStateMachine
{
    /// <summary>More sessions than this in the same method at once allocate.</summary>
    private const int MostShared = 256;

    private static readonly Stack<PooledMachine<TResult, TMachine>> s_shared = new();

    [ThreadStatic]
    private static PooledMachine<TResult, TMachine>? t_spare;

    private TMachine _machine = default!;

    /// <summary>Notes that the method suspends; returns what goes on with it.</summary>
    /// <param name="task">The builder's field, within the machine.</param>
    /// <param name="machine">The method's state: on the stack when it suspends for the first time, from then on here.</param>
    public static Action Suspend(ref PooledTask<TResult>? task, ref TMachine machine)
    {
        if (task is null)
        {
            var rented = Rent();

            // Before the copy, which has to know it too.
            task = rented;
            rented._machine = machine;
        }

        task.Context = ExecutionContext.Capture();
        return task.Continue;
    }

    protected override void MoveNextCore() => _machine.MoveNext();

    protected override void Release()
    {
        _machine = default!;
        if (t_spare is null)
        {
            t_spare = this;
            return;
        }

        lock (s_shared)
        {
            if (s_shared.Count < MostShared)
            {
                s_shared.Push(this);
            }
        }
    }

    private static PooledMachine<TResult, TMachine> Rent()
    {
        if (t_spare is { } spare)
        {
            t_spare = null;
            return spare;
        }

        lock (s_shared)
        {
            if (s_shared.TryPop(out var shared))
            {
                return shared;
            }
        }

        return new PooledMachine<TResult, TMachine>();
    }
}
