using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Switchyard.Proxy.Sockets;

namespace Switchyard.Proxy.Tls;

/// <summary>How a handshake stands.</summary>
internal enum HandshakeStep
{
    Done,
    WantsInput,
    WantsOutput,
}

/// <summary>
/// TLS on one socket, by OpenSSL: the handshake, and behind it the records where they are not <see cref="TlsRecords"/>' (before TLS 1.3). Reader and writer
/// take turns with it, for no longer than a record or a step of the handshake takes.
/// </summary>
/// <remarks>
/// Buffers are OpenSSL's, taken when a record begins and given back when it has ended, so that a connection at rest has none. Renegotiation is refused,
/// TLS 1.3's changes of keys are made.
/// </remarks>
internal sealed unsafe class TlsSession : ITlsRecords
{
    private const int SetHostName = 55;

    [ThreadStatic]
    private static TlsSession? t_current;

    private readonly Lock _lock = new();
    private readonly LoopSocket _socket;
    private readonly SslHandle _ssl;
    private bool _isClosed;

    /// <summary>What ended the connection; every later call says it again.</summary>
    private string? _broken;

    /// <summary>What the socket said during the call under way.</summary>
    private Exception? _failure;
    private bool _sawEnd;

    /// <summary>Bytes the call under way may take from the socket.</summary>
    private int _mayTake;

    private int _withoutContent;

    /// <summary>The call under way is the reader's: what it writes is OpenSSL's own, such as an alert.</summary>
    private bool _isReading;
    private volatile bool _readWantsOutput;

    /// <summary>A part of a record is on its way, and the rest of it must come next. The writer's alone.</summary>
    private bool _isWithinRecord;

    private TlsSession(LoopSocket socket, TlsContext context, bool isServer)
    {
        _socket = socket;
        IsServer = isServer;
        OpenSsl.ClearErrors();
        _ssl = OpenSsl.NewConnection(context.Handle);
        if (_ssl.IsInvalid)
        {
            throw new IOException($"No TLS connection can be made: {OpenSsl.TakeReason()}.");
        }

        var bio = SocketBio.Create();
        OpenSsl.SetBio(_ssl, bio, bio);
    }

    /// <summary>The session whose call is under way on this thread.</summary>
    public static TlsSession? Current => t_current;

    /// <summary>What the handshake's keys come from.</summary>
    public HandshakeSecrets Secrets { get; } = new();

    public bool IsServer { get; }

    /// <inheritdoc/>
    public bool HasPending
    {
        get
        {
            lock (_lock)
            {
                return !_isClosed && OpenSsl.HasPending(_ssl) != 0;
            }
        }
    }

    /// <inheritdoc/>
    public bool ReadWantsOutput => _readWantsOutput;

    public static TlsSession ForServer(LoopSocket socket, TlsContext context)
    {
        var session = new TlsSession(socket, context, isServer: true);
        OpenSsl.BeServer(session._ssl);
        return session;
    }

    /// <param name="host">The server's name, told to it if it is one.</param>
    /// <param name="certificate">To be shown to a server that asks for one; null is none.</param>
    /// <exception cref="IOException">The certificate cannot be used.</exception>
    public static TlsSession ForClient(LoopSocket socket, string host, X509Certificate2? certificate)
    {
        var session = new TlsSession(socket, TlsContext.Client, isServer: false);
        try
        {
            OpenSsl.BeClient(session._ssl);
            if (Uri.CheckHostName(host) == UriHostNameType.Dns)
            {
                OpenSsl.Control(session._ssl, SetHostName, 0, new System.Globalization.IdnMapping().GetAscii(host.TrimEnd('.')));
            }

            if (certificate is not null)
            {
                session.Show(certificate);
            }

            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Does what can be done of the handshake.</summary>
    /// <exception cref="IOException">It has failed.</exception>
    public HandshakeStep Handshake()
    {
        lock (_lock)
        {
            ThrowIfOver();
            Enter(int.MaxValue);
            var result = OpenSsl.Handshake(_ssl);
            t_current = null;
            if (result == 1)
            {
                NotePending();
                return HandshakeStep.Done;
            }

            return OpenSsl.GetError(_ssl, result) switch
            {
                SslError.WantsInput when !_sawEnd => HandshakeStep.WantsInput,
                SslError.WantsOutput => HandshakeStep.WantsOutput,
                var error => throw Break(error, "The TLS handshake failed"),
            };
        }
    }

    /// <summary>The certificates the peer has shown, its own first.</summary>
    public X509Certificate2Collection PeerCertificates()
    {
        lock (_lock)
        {
            ThrowIfOver();
            var shown = new X509Certificate2Collection();
            var own = OpenSsl.TakePeerCertificate(_ssl);
            if (own == 0)
            {
                return shown;
            }

            try
            {
                shown.Add(Copy(own));
            }
            finally
            {
                OpenSsl.FreeCertificate(own);
            }

            var chain = OpenSsl.GetPeerChain(_ssl);
            for (var i = 1; i < OpenSsl.Count(chain); i++)
            {
                shown.Add(Copy(OpenSsl.ItemAt(chain, i)));
            }

            return shown;
        }
    }

    /// <summary>
    /// Behind the handshake: what goes on with the connection, and this session is not needed any more; null if it goes on itself.
    /// </summary>
    /// <exception cref="CryptographicException">OpenSSL does not have the cipher.</exception>
    public TlsRecords? TakeOver()
    {
        lock (_lock)
        {
            ThrowIfOver();
            var suite = OpenSsl.NumberOf(OpenSsl.GetCipherSuite(_ssl));
            var wantsShortRecords = OpenSsl.GetFragmentCode(OpenSsl.GetTerms(_ssl)) is >= 1 and <= 4;
            if (Secrets.AreComplete && RecordCipher.Knows(suite) && !wantsShortRecords && OpenSsl.HasPending(_ssl) == 0)
            {
                var (reading, writing) = Secrets.MakeCiphers(suite, IsServer);
                return new TlsRecords(_socket, IsServer, reading, writing);
            }

            // In the handshake no byte is taken that belongs to what comes behind it; from here on, all that are there.
            OpenSsl.SetReadAhead(_ssl, 1);
            OpenSsl.SetMessageLog(_ssl, 0);
            return null;
        }
    }

    /// <inheritdoc/>
    public int Read(Span<byte> buffer)
    {
        lock (_lock)
        {
            ThrowIfOver();
            var count = 0;
            do
            {
                var read = ReadRecord(buffer[count..]);
                if (read <= 0)
                {
                    // The end, or what has failed, is said again to the next who asks.
                    return count > 0 ? count : _broken is null ? read : throw Broken();
                }

                count += read;
            }
            while (NotePending() && count < buffer.Length);

            return count;
        }
    }

    /// <inheritdoc/>
    public int Write(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            ThrowIfOver();

            // Bytes taken here would be missed by who waits to read them.
            Enter(mayTake: 0);
            var written = OpenSsl.Write(_ssl, bytes, bytes.Length);
            t_current = null;
            if (written > 0)
            {
                _isWithinRecord = false;
                return written;
            }

            var error = OpenSsl.GetError(_ssl, written);
            if (error != SslError.WantsOutput)
            {
                throw Break(error, "TLS failed while writing");
            }

            _isWithinRecord = true;
            return -1;
        }
    }

    /// <inheritdoc/>
    public void BeginWrite()
    {
        if (_isWithinRecord)
        {
            throw new IOException(ITlsRecords.GivenUp);
        }
    }

    /// <inheritdoc/>
    public void End()
    {
        lock (_lock)
        {
            if (_isClosed || _broken is not null || _isWithinRecord)
            {
                return;
            }

            Enter(mayTake: 0);
            _isReading = true;
            _ = OpenSsl.ShutDown(_ssl);
            _isReading = false;
            t_current = null;
            _broken = ITlsRecords.Closed;
        }
    }

    /// <summary>Lets go of the connection, without a word to the peer.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            _isClosed = true;
            _ssl.Dispose();
            Secrets.Dispose();
        }
    }

    /// <summary>Reads from the socket, for the call under way.</summary>
    internal int Receive(Span<byte> buffer, out bool mustWait)
    {
        mustWait = false;
        if (_mayTake <= 0)
        {
            return -1;
        }

        try
        {
            var count = _socket.ReceiveRaw(buffer);
            _mayTake -= Math.Max(count, 0);
            _sawEnd |= count == 0;
            mustWait = count < 0;
            return count;
        }
        catch (Exception exception)
        {
            // Not through OpenSSL.
            _failure = exception;
            return -1;
        }
    }

    /// <summary>Writes to the socket, for the call under way.</summary>
    internal int Send(ReadOnlySpan<byte> bytes, out bool mustWait)
    {
        mustWait = false;
        try
        {
            if (_isReading)
            {
                // First: word of room that comes during the try is for the reader as well.
                _readWantsOutput = true;
                Interlocked.MemoryBarrier();
            }

            var count = _socket.SendRaw(bytes, _isReading);
            mustWait = count < 0;
            _readWantsOutput &= mustWait || !_isReading;

            return count;
        }
        catch (Exception exception)
        {
            _failure = exception;
            return -1;
        }
    }

    private static X509Certificate2 Copy(nint certificate)
    {
        byte* none = null;
        var encoded = new byte[OpenSsl.WriteCertificate(certificate, ref none)];
        fixed (byte* start = encoded)
        {
            var to = start;
            _ = OpenSsl.WriteCertificate(certificate, ref to);
        }

        return X509CertificateLoader.LoadCertificate(encoded);
    }

    private void Show(X509Certificate2 certificate)
    {
        using var key = TlsKey.Of(certificate) ?? throw new IOException("The client certificate's key is neither RSA nor ECDSA, or cannot be read.");
        var encoded = certificate.RawDataMemory.Span;
        if (OpenSsl.UseCertificate(_ssl, encoded, encoded.Length) != 1 || OpenSsl.UseKey(_ssl, key.DangerousGetHandle()) != 1)
        {
            throw new IOException($"The client certificate cannot be used: {OpenSsl.TakeReason()}.");
        }
    }

    private int ReadRecord(Span<byte> buffer)
    {
        Enter(ITlsRecords.MostWithoutContent - _withoutContent);
        _isReading = true;
        var read = OpenSsl.Read(_ssl, buffer, buffer.Length);
        _isReading = false;
        t_current = null;
        if (read > 0)
        {
            _withoutContent = 0;
            return read;
        }

        _withoutContent = ITlsRecords.MostWithoutContent - _mayTake;

        var error = OpenSsl.GetError(_ssl, read);
        if (error == SslError.PeerClosed || (_sawEnd && _failure is null && OpenSsl.HasPending(_ssl) == 0 && error is SslError.System or SslError.WantsInput))
        {
            _socket.NoteReadable();
            return 0;
        }

        if (_mayTake <= 0)
        {
            Break(error, "The peer sends TLS records without content");
        }
        else if (error != SslError.WantsOutput && (error != SslError.WantsInput || _sawEnd))
        {
            Break(error, "TLS failed while reading");
        }

        return -1;
    }

    private void Enter(int mayTake)
    {
        OpenSsl.ClearErrors();
        _failure = null;
        _sawEnd = false;
        _mayTake = mayTake;
        t_current = this;
    }

    /// <summary>The kernel has no word of what is here already.</summary>
    private bool NotePending()
    {
        if (OpenSsl.HasPending(_ssl) == 0)
        {
            return false;
        }

        _socket.NoteReadable();
        return true;
    }

    private void ThrowIfOver()
    {
        if (_isClosed)
        {
            throw new IOException(ITlsRecords.Closed);
        }

        if (_broken is not null)
        {
            throw Broken();
        }
    }

    private IOException Broken() => new(_broken, _failure);

    private IOException Break(SslError error, string what)
    {
        _broken = _failure is { } failure ? failure.Message
            : _sawEnd ? $"{what}: the peer closed the connection in the middle of it."
            : error == SslError.Protocol ? $"{what}: {OpenSsl.TakeReason()}."
            : $"{what}.";
        _socket.NoteReadable();
        return Broken();
    }
}
