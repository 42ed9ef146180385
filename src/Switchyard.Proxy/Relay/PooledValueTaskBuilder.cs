using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Switchyard.Proxy.Relay;

/// <summary>
/// Builds the value tasks of the methods a statement passes through, from state machines that are used again. A statement begins on the thread
/// that sees its client's event and ends on the one that sees its backend's; the runtime's own pooling builder keeps one machine a thread and one a
/// core, and misses whenever the two run on different cores.
/// </summary>
/// <remarks>Shape: https://learn.microsoft.com/dotnet/csharp/language-reference/proposals/csharp-7.0/task-types.</remarks>
[StructLayout(LayoutKind.Auto)]
internal struct PooledValueTaskBuilder<TResult>
{
    private PooledTask<TResult>? _task;
    private Exception? _exception;
    private TResult _result;

    public readonly ValueTask<TResult> Task =>
        _task is { } task ? new ValueTask<TResult>(task, task.Version)
        : _exception is { } exception ? ValueTask.FromException<TResult>(exception)
        : new ValueTask<TResult>(_result);

    public static PooledValueTaskBuilder<TResult> Create() => default;

    // The runtime's builder keeps the method's changes of the execution context from its caller.
    public readonly void Start<TMachine>(ref TMachine machine)
        where TMachine : IAsyncStateMachine => default(AsyncValueTaskMethodBuilder).Start(ref machine);

    public readonly void SetStateMachine(IAsyncStateMachine machine)
    {
    }

    public void SetResult(TResult result)
    {
        if (_task is { } task)
        {
            task.SetResult(result);
        }
        else
        {
            _result = result;
        }
    }

    public void SetException(Exception exception)
    {
        if (_task is { } task)
        {
            task.SetException(exception);
        }
        else
        {
            _exception = exception;
        }
    }

    public void AwaitOnCompleted<TAwaiter, TMachine>(ref TAwaiter awaiter, ref TMachine machine)
        where TAwaiter : INotifyCompletion
        where TMachine : IAsyncStateMachine => awaiter.OnCompleted(PooledMachine<TResult, TMachine>.Suspend(ref _task, ref machine));

    public void AwaitUnsafeOnCompleted<TAwaiter, TMachine>(ref TAwaiter awaiter, ref TMachine machine)
        where TAwaiter : ICriticalNotifyCompletion
        where TMachine : IAsyncStateMachine => awaiter.UnsafeOnCompleted(PooledMachine<TResult, TMachine>.Suspend(ref _task, ref machine));
}

/// <summary>The same for methods without a result.</summary>
[StructLayout(LayoutKind.Auto)]
internal struct PooledValueTaskBuilder
{
    private PooledTask<ValueTuple>? _task;
    private Exception? _exception;

    public readonly ValueTask Task =>
        _task is { } task ? new ValueTask(task, task.Version)
        : _exception is { } exception ? ValueTask.FromException(exception)
        : default;

    public static PooledValueTaskBuilder Create() => default;

    public readonly void Start<TMachine>(ref TMachine machine)
        where TMachine : IAsyncStateMachine => default(AsyncValueTaskMethodBuilder).Start(ref machine);

    public readonly void SetStateMachine(IAsyncStateMachine machine)
    {
    }

    public readonly void SetResult() => _task?.SetResult(default);

    public void SetException(Exception exception)
    {
        if (_task is { } task)
        {
            task.SetException(exception);
        }
        else
        {
            _exception = exception;
        }
    }

    public void AwaitOnCompleted<TAwaiter, TMachine>(ref TAwaiter awaiter, ref TMachine machine)
        where TAwaiter : INotifyCompletion
        where TMachine : IAsyncStateMachine => awaiter.OnCompleted(PooledMachine<ValueTuple, TMachine>.Suspend(ref _task, ref machine));

    public void AwaitUnsafeOnCompleted<TAwaiter, TMachine>(ref TAwaiter awaiter, ref TMachine machine)
        where TAwaiter : ICriticalNotifyCompletion
        where TMachine : IAsyncStateMachine => awaiter.UnsafeOnCompleted(PooledMachine<ValueTuple, TMachine>.Suspend(ref _task, ref machine));
}
