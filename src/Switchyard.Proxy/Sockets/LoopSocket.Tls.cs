using System.Security.Cryptography.X509Certificates;
using Switchyard.Client;
using Switchyard.Proxy.Tls;

namespace Switchyard.Proxy.Sockets;

/// <summary>TLS on the connection itself: what is read and written from then on is what the records hold.</summary>
internal sealed partial class LoopSocket : ITlsConnection
{
    private ITlsRecords? _tls;

    /// <inheritdoc/>
    public bool HasTls => OpenSsl.IsAvailable;

    /// <summary>Null while bytes go as they are.</summary>
    internal ITlsRecords? Tls => _tls;

    /// <summary>Agrees on TLS as the server. Nothing may be read or written meanwhile, nor ever again if it fails.</summary>
    /// <exception cref="IOException">No TLS could be agreed on; the sentence says why.</exception>
    public async Task StartTlsAsync(TlsContext context, CancellationToken cancellationToken)
    {
        var tls = TlsSession.ForServer(this, context);
        await HandshakeAsync(tls, cancellationToken);
        GoOn(tls);
    }

    /// <inheritdoc/>
    public async Task<X509Certificate2Collection> StartTlsAsync(string host, X509Certificate2? certificate, CancellationToken cancellationToken)
    {
        var tls = TlsSession.ForClient(this, host, certificate);
        await HandshakeAsync(tls, cancellationToken);
        var shown = tls.PeerCertificates();
        GoOn(tls);
        return shown;
    }

    /// <summary>Reads what the kernel has, for TLS; -1 when there is nothing.</summary>
    internal int ReceiveRaw(Span<byte> buffer) => _read.Receive(buffer);

    /// <summary>Writes what the kernel has room for, for TLS; -1 when there is none.</summary>
    /// <param name="byReader">It is no try of the writer's: word that there is room, come since its last one, stays its own.</param>
    internal int SendRaw(ReadOnlySpan<byte> bytes, bool byReader) => byReader ? SocketCalls.Send(Handle, bytes) : _write.Send(bytes);

    /// <summary>There is reason for a further read, whatever the kernel says.</summary>
    internal void NoteReadable() => _read.NoteReadable();

    private async Task HandshakeAsync(TlsSession tls, CancellationToken cancellationToken)
    {
        Set(tls);
        while (true)
        {
            switch (tls.Handshake())
            {
                case HandshakeStep.WantsInput:
                    _ = await _read.StartAsync(Memory<byte>.Empty, cancellationToken);
                    break;
                case HandshakeStep.WantsOutput:
                    await _write.StartAsync(ReadOnlyMemory<byte>.Empty, cancellationToken);
                    break;
                default:
                    return;
            }
        }
    }

    /// <summary>The handshake is made.</summary>
    private void GoOn(TlsSession tls)
    {
        if (tls.TakeOver() is { } records)
        {
            Set(records);
            tls.Dispose();

            // Word of what has come behind the handshake may have been used up by it.
            NoteReadable();
        }
    }

    private void Set(ITlsRecords tls)
    {
        // Set first: closing the socket must find it.
        _tls = tls;
        Interlocked.MemoryBarrier();
        if (IsClosed)
        {
            tls.Dispose();
        }
    }
}
