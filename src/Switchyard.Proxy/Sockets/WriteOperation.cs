namespace Switchyard.Proxy.Sockets;

/// <summary>The writing to one socket.</summary>
internal sealed class WriteOperation(LoopSocket socket) : SocketOperation(socket)
{
    private ReadOnlyMemory<byte> _rest;

    /// <summary>Writes all of it. Nothing: waits until something could be written.</summary>
    public ValueTask StartAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            return ValueTask.FromCanceled(cancellationToken);
        }

        _rest = bytes;
        if (!bytes.IsEmpty)
        {
            try
            {
                Socket.Tls?.BeginWrite();
                if (TryOnce(out _))
                {
                    Forget();
                    return ValueTask.CompletedTask;
                }
            }
            catch (Exception exception)
            {
                Forget();
                return ValueTask.FromException(exception);
            }
        }

        return new ValueTask(this, Wait(cancellationToken));
    }

    /// <summary>Writes what the kernel has room for; -1 when there is none.</summary>
    /// <exception cref="IOException">The connection has failed.</exception>
    public int Send(ReadOnlySpan<byte> bytes)
    {
        SetReady(false);
        return SocketCalls.Send(Socket.Handle, bytes);
    }

    protected override bool TryOnce(out int result)
    {
        result = 0;
        if (_rest.IsEmpty)
        {
            return IsReady;
        }

        while (!_rest.IsEmpty)
        {
            var sent = Socket.Tls is { } tls ? tls.Write(_rest.Span) : Send(_rest.Span);
            if (sent < 0)
            {
                return false;
            }

            _rest = _rest[sent..];
        }

        return true;
    }

    protected override void Forget() => _rest = default;
}
