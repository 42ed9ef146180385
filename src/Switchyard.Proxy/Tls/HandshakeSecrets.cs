using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Switchyard.Proxy.Tls;

/// <summary>
/// What a TLS 1.3 handshake ends with: for each direction the secret its keys come from, and the number of records that have gone under them already, such
/// as a server's session tickets. OpenSSL tells both while it works, in the order in which it seals and opens.
/// </summary>
internal sealed unsafe class HandshakeSecrets : IDisposable
{
    /// <summary>The five bytes in front of a record; <c>openssl/ssl3.h</c>.</summary>
    private const int RecordHeader = 0x100;

    private const byte ApplicationData = 23;

    private byte[]? _client;
    private byte[]? _server;
    private ulong _read;
    private ulong _written;

    /// <summary>Both are there: the handshake was one of TLS 1.3, and is done.</summary>
    public bool AreComplete => _client is not null && _server is not null;

    /// <summary>Lets the connections of a context report to the session whose call is under way.</summary>
    public static void Watch(SslContextHandle context)
    {
        OpenSsl.SetKeyLog(context, &NoteLine);
        OpenSsl.SetMessageLog(context, &NoteMessage);
    }

    /// <summary>The keys for what the peer sends, and for what is sent to it.</summary>
    /// <exception cref="CryptographicException">OpenSSL does not have the cipher.</exception>
    public (RecordCipher Reading, RecordCipher Writing) MakeCiphers(int suite, bool isServer)
    {
        var (peer, own) = isServer ? (_client!, _server!) : (_server!, _client!);
        var reading = new RecordCipher(suite, peer, seals: false, _read);
        try
        {
            return (reading, new RecordCipher(suite, own, seals: true, _written));
        }
        catch
        {
            reading.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_client);
        CryptographicOperations.ZeroMemory(_server);
    }

    /// <summary>A line of the format that tools for network analysis read: a label, the client's random bytes, a secret.</summary>
    private void Note(ReadOnlySpan<byte> line)
    {
        var isClient = line.StartsWith("CLIENT_TRAFFIC_SECRET_0 "u8);
        if (!isClient && !line.StartsWith("SERVER_TRAFFIC_SECRET_0 "u8))
        {
            return;
        }

        var digits = line[(line.LastIndexOf((byte)' ') + 1)..];
        var secret = new byte[digits.Length / 2];
        _ = Convert.FromHexString(digits, secret, out _, out _);
        (isClient ? ref _client : ref _server) = secret;
    }

    private void Count(bool isWritten, bool isServer)
    {
        if (isWritten)
        {
            _written += (isServer ? _server : _client) is null ? 0u : 1u;
        }
        else
        {
            _read += (isServer ? _client : _server) is null ? 0u : 1u;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void NoteLine(nint connection, byte* line)
    {
        if (TlsSession.Current is { } session)
        {
            session.Secrets.Note(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(line));
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void NoteMessage(int isWritten, int version, int kind, byte* bytes, nuint length, nint connection, nint argument)
    {
        if (kind == RecordHeader && length > 0 && bytes[0] == ApplicationData && TlsSession.Current is { } session)
        {
            session.Secrets.Count(isWritten != 0, session.IsServer);
        }
    }
}
