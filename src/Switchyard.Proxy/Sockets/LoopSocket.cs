using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Switchyard.Client;

namespace Switchyard.Proxy.Sockets;

/// <summary>
/// A TCP connection on an event loop, as a stream: one reader and one writer at a time. Reads and writes are tried at once where there is reason to
/// expect that they succeed, and wait for the loop else. A read into nothing waits until there is something to read, and costs no system call.
/// </summary>
internal sealed partial class LoopSocket : Stream
{
    private readonly Socket _socket;
    private readonly EventLoop _loop;
    private readonly ReadOperation _read;
    private readonly WriteOperation _write;
    private int _isClosed;

    /// <summary>Takes over a connected socket, or one that is being connected.</summary>
    /// <exception cref="SocketException">The kernel cannot watch one more; the socket is closed.</exception>
    public LoopSocket(EventLoop loop, Socket socket)
    {
        _loop = loop;
        _socket = socket;
        _read = new ReadOperation(this);
        _write = new WriteOperation(this);
        try
        {
            loop.Join(this);
        }
        catch (Win32Exception)
        {
            socket.Dispose();
            throw new SocketException((int)SocketError.NoBufferSpaceAvailable);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public EventLoop Loop => _loop;

    /// <summary>The place on the loop; set when it joins.</summary>
    public ulong Token { get; set; }

    public SafeHandle Handle => _socket.SafeHandle;

    public IPEndPoint LocalEndPoint => (IPEndPoint)_socket.LocalEndPoint!;

    public IPEndPoint RemoteEndPoint => (IPEndPoint)_socket.RemoteEndPoint!;

    /// <summary>
    /// Whoever waits for this socket goes on in the loop's thread; else in the thread pool. Whoever asks for it must not block nor compute for
    /// long while it is on.
    /// </summary>
    public bool RunsInline { get; set; }

    /// <summary>The peer has ended its side, or the connection has failed: from then on a read never has to wait.</summary>
    public bool IsEnding { get; private set; }

    /// <summary>The peer is to see its connection reset when this is closed, as if there had never been an end in good order.</summary>
    public bool ClosesWithReset { get; set; }

    /// <summary>Told on the loop's thread that <see cref="IsEnding"/> has become true.</summary>
    public Action? Ending { get; set; }

    /// <summary>The peer has ended its side, and all it had sent is read.</summary>
    public bool IsAtEnd
    {
        get
        {
            try
            {
                return IsEnding && _socket.Available == 0 && _tls is not { HasPending: true };
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                return true;
            }
        }
    }

    public bool IsClosed => Volatile.Read(ref _isClosed) != 0;

    /// <summary>Whether bytes have come that nobody has read, or the connection has ended.</summary>
    public bool HasInput => _tls is { HasPending: true } || _socket.Poll(0, SelectMode.SelectRead);

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Connects to the first address of a host that answers.</summary>
    /// <exception cref="SocketException">None does.</exception>
    public static async Task<LoopSocket> ConnectAsync(EventLoop loop, string host, int port, CancellationToken cancellationToken)
    {
        var addresses = IPAddress.TryParse(host, out var address) ? [address] : await Dns.GetHostAddressesAsync(host, cancellationToken);
        SocketException? failure = null;
        foreach (var one in addresses)
        {
            try
            {
                return await ConnectAsync(loop, new IPEndPoint(one, port), cancellationToken);
            }
            catch (SocketException exception)
            {
                failure = exception;
            }
        }

        throw failure ?? new SocketException((int)SocketError.HostNotFound);
    }

    /// <summary>The loop has been told something of this socket.</summary>
    public void OnReady(Readiness readiness)
    {
        if ((readiness & (Readiness.PeerClosed | Readiness.HangUp | Readiness.Error)) != 0)
        {
            IsEnding = true;

            // Who begins to wait for an answer elsewhere either sees this or is seen.
            Interlocked.MemoryBarrier();
            Ending?.Invoke();
        }

        if ((readiness & ~Readiness.Output) != 0 || _tls is { ReadWantsOutput: true })
        {
            _read.Signal();
        }

        if ((readiness & (Readiness.Output | Readiness.HangUp | Readiness.Error)) != 0)
        {
            _write.Signal();
        }
    }

    /// <summary>Lets the peer see that nothing more will come; what it sends can still be read.</summary>
    public void EndSending()
    {
        try
        {
            SocketCalls.EndSending(Handle);
        }
        catch (ObjectDisposedException)
        {
            // It sees that too.
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _read.StartAsync(buffer, cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => _write.StartAsync(buffer, cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Closes it. When this returns, the peer's side has an end to read, also where another thread is at closing it and has not come so far.</summary>
    public void Cut()
    {
        if (TryClose())
        {
            return;
        }

        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // That thread has come so far.
        }
    }

    /// <summary>Closes the connection, in good order unless <see cref="ClosesWithReset"/>; operations that wait end with an error.</summary>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            TryClose();
        }
    }

    private bool TryClose()
    {
        if (Interlocked.Exchange(ref _isClosed, 1) != 0)
        {
            return false;
        }

        _loop.Leave(this);
        if (ClosesWithReset)
        {
            // No shutdown before it, which would be that end in good order.
            _socket.Close(timeout: 0);
        }
        else
        {
            _tls?.End();
            SocketCalls.ShutDown(Handle);
            _socket.Dispose();
        }

        _read.Close();
        _write.Close();
        _tls?.Dispose();
        return true;
    }

    private static async Task<LoopSocket> ConnectAsync(EventLoop loop, IPEndPoint endPoint, CancellationToken cancellationToken)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
        try
        {
            BackendTransport.Configure(socket);
            socket.Connect(endPoint);
        }
        catch (SocketException exception) when (exception.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
        {
            // Waited for below.
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        // Watched only now: a socket that is not being connected counts as hung up.
        var connecting = new LoopSocket(loop, socket);
        try
        {
            await connecting.WriteAsync(ReadOnlyMemory<byte>.Empty, cancellationToken);
            var error = (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error)!;
            return error == 0 ? connecting : throw new SocketException(error);
        }
        catch
        {
            await connecting.DisposeAsync();
            throw;
        }
    }
}
