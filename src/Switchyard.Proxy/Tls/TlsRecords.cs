using Switchyard.Proxy.Sockets;

namespace Switchyard.Proxy.Tls;

/// <summary>
/// The records of a TLS 1.3 connection whose handshake OpenSSL has made (RFC 8446, section 5). One statement is four of them, and each went through some dozen
/// functions of OpenSSL's and two calls back from it; here it is a few calls of the cipher. At rest there is nothing but the keys.
/// </summary>
internal sealed class TlsRecords : ITlsRecords
{
    private readonly RecordReader _reader;
    private readonly RecordWriter _writer;

    /// <param name="socket">What the records come from and go to.</param>
    /// <param name="isServer">Whether the peer is the client.</param>
    /// <param name="reading">For what the peer sends; owned from here on.</param>
    /// <param name="writing">For what is sent to it; owned from here on.</param>
    public TlsRecords(LoopSocket socket, bool isServer, RecordCipher reading, RecordCipher writing)
    {
        _writer = new RecordWriter(socket, writing);
        _reader = new RecordReader(socket, isServer, reading, _writer);
    }

    public bool HasPending => _reader.HasPending;

    /// <summary>New keys are answered in front of what is written next, as TLS 1.3 has it.</summary>
    public bool ReadWantsOutput => false;

    public int Read(Span<byte> buffer) => _reader.Read(buffer);

    public void BeginWrite() => _writer.Begin();

    public int Write(ReadOnlySpan<byte> bytes) => _writer.Write(bytes);

    public void End() => _writer.End();

    /// <summary>Lets go of the connection, without a word to the peer.</summary>
    public void Dispose()
    {
        _reader.Dispose();
        _writer.Dispose();
    }
}
