using Switchyard.Lab;

namespace Switchyard.Proxy.Tests.Harness;

/// <summary>A wire to a server on which one connection can be kept at a certain point of what the server sends.</summary>
internal sealed class StallingWire(int serverPort) : TcpRelay(serverPort)
{
    private volatile Stall? _armed;
    private int _open;

    /// <summary>Connections that the near end has not closed.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>The next connection gets so many receipts of the server's bytes, and the one after them only when told to go on.</summary>
    public Stall Arm(int letThrough) => _armed = new Stall(letThrough);

    protected override Route Begin()
    {
        Interlocked.Increment(ref _open);
        return new StallingRoute(this, Interlocked.Exchange(ref _armed, null));
    }

    private sealed class StallingRoute(StallingWire wire, Stall? stall) : Route
    {
        public override async ValueTask<ReadOnlyMemory<byte>?> ToClientAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
        {
            await (stall?.PassAsync(cancellationToken) ?? Task.CompletedTask);
            return bytes;
        }

        public override void Close()
        {
            Interlocked.Decrement(ref wire._open);
            stall?.GoOn();
        }
    }

    /// <summary>Where one connection is kept.</summary>
    internal sealed class Stall(int letThrough)
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _left = letThrough;

        /// <summary>Ends when the connection is kept.</summary>
        public Task Reached => _reached.Task;

        public void GoOn() => _goOn.TrySetResult();

        public async Task PassAsync(CancellationToken cancellationToken)
        {
            if (_left-- <= 0)
            {
                _reached.TrySetResult();
                await _goOn.Task.WaitAsync(cancellationToken);
            }
        }
    }
}
