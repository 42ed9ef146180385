namespace Switchyard.Proxy.Sockets;

/// <summary>The reading of one socket.</summary>
internal sealed class ReadOperation(LoopSocket socket) : SocketOperation(socket)
{
    private Memory<byte> _buffer;

    /// <summary>Reads what there is, at least one byte; 0 at the end. Into nothing: waits until there is something.</summary>
    public ValueTask<int> StartAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled<int>(cancellationToken);
        }

        if (!IsReady)
        {
            _buffer = buffer;
            return new ValueTask<int>(this, Wait(cancellationToken));
        }

        if (!Socket.Loop.MayReadOn())
        {
            _buffer = buffer;
            return new ValueTask<int>(this, WaitForTurn(cancellationToken));
        }

        try
        {
            if (TryRead(buffer, out var count))
            {
                return new ValueTask<int>(count);
            }
        }
        catch (Exception exception)
        {
            return ValueTask.FromException<int>(exception);
        }

        _buffer = buffer;
        return new ValueTask<int>(this, Wait(cancellationToken));
    }

    /// <summary>Reads what the kernel has, 0 at the end; -1 when there is nothing yet. Notes whether there may be more.</summary>
    /// <exception cref="IOException">The connection has failed.</exception>
    public int Receive(Span<byte> buffer)
    {
        SetReady(false);
        int count;
        try
        {
            count = SocketCalls.Receive(Socket.Handle, buffer);
        }
        catch
        {
            // Nobody will say it a second time.
            SetReady(true);
            throw;
        }

        if (count == buffer.Length || count == 0 || (count > 0 && Socket.IsEnding))
        {
            // There may be more, and no further word of it.
            SetReady(true);
        }

        return count;
    }

    /// <summary>There is reason to try, whatever the kernel says.</summary>
    public void NoteReadable() => SetReady(true);

    protected override bool TryOnce(out int result) => TryRead(_buffer, out result);

    protected override void Forget() => _buffer = default;

    private bool TryRead(Memory<byte> buffer, out int count)
    {
        if (buffer.IsEmpty)
        {
            count = 0;
            return IsReady;
        }

        count = Socket.Tls is { } tls ? tls.Read(buffer.Span) : Receive(buffer.Span);
        return count >= 0;
    }
}
