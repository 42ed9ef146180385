using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Switchyard.Proxy.Tls;

/// <summary>
/// What is used of the system's OpenSSL 3, the library the runtime's own TLS stands on: handshakes and records straight from and into the socket, where the
/// runtime copies them through two buffers of its own and waits in several methods; and the ciphers by themselves.
/// </summary>
/// <remarks>Manual: https://docs.openssl.org/3.0/man3/. All of it is in every library of this name.</remarks>
internal static unsafe partial class OpenSsl
{
    private const string Ssl = "libssl.so.3";
    private const string Crypto = "libcrypto.so.3";

    /// <summary>Nothing is torn down while threads that go on to the end may be within a call.</summary>
    private const ulong NoCleanupAtExit = 0x0008_0000;

    /// <summary>Where this variable is 1, TLS is the runtime's: to compare the two, and a way out.</summary>
    private const string WithoutVariable = "SWITCHYARD_RUNTIME_TLS";

    /// <summary>Whether the library is there and wanted; else the runtime's TLS is used, which may know others.</summary>
    public static bool IsAvailable { get; } = Load();

    private static bool Load() =>
        Environment.GetEnvironmentVariable(WithoutVariable) != "1"
        && NativeLibrary.TryLoad(Crypto, out _) && NativeLibrary.TryLoad(Ssl, out _) && Initialize(NoCleanupAtExit, 0) == 1;

    [LibraryImport(Ssl, EntryPoint = "OPENSSL_init_ssl")]
    private static partial int Initialize(ulong options, nint settings);

    // Contexts.
    [LibraryImport(Ssl, EntryPoint = "TLS_method")]
    public static partial nint AnyVersion();

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_new")]
    public static partial SslContextHandle NewContext(nint method);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_free")]
    public static partial void FreeContext(nint context);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_ctrl")]
    public static partial nint Control(SslContextHandle context, int command, nint number, nint pointer);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_options")]
    public static partial ulong SetOptions(SslContextHandle context, ulong options);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_get_ciphers")]
    public static partial nint GetCiphers(SslContextHandle context);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_cipher_list", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetCiphers(SslContextHandle context, string list);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_session_id_context")]
    public static partial int SetSessionIdContext(SslContextHandle context, ReadOnlySpan<byte> id, uint length);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_cert_verify_callback")]
    public static partial void SetVerification(SslContextHandle context, delegate* unmanaged[Cdecl]<nint, nint, int> callback, nint argument);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_use_certificate_ASN1")]
    public static partial int UseCertificate(SslContextHandle context, int length, ReadOnlySpan<byte> certificate);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_use_PrivateKey")]
    public static partial int UseKey(SslContextHandle context, nint key);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_keylog_callback")]
    public static partial void SetKeyLog(SslContextHandle context, delegate* unmanaged[Cdecl]<nint, byte*, void> callback);

    [LibraryImport(Ssl, EntryPoint = "SSL_CTX_set_msg_callback")]
    public static partial void SetMessageLog(SslContextHandle context, delegate* unmanaged[Cdecl]<int, int, int, byte*, nuint, nint, nint, void> callback);

    // Connections.
    [LibraryImport(Ssl, EntryPoint = "SSL_new")]
    public static partial SslHandle NewConnection(SslContextHandle context);

    [LibraryImport(Ssl, EntryPoint = "SSL_free")]
    public static partial void FreeConnection(nint connection);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_bio")]
    public static partial void SetBio(SslHandle connection, nint input, nint output);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_accept_state")]
    public static partial void BeServer(SslHandle connection);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_connect_state")]
    public static partial void BeClient(SslHandle connection);

    [LibraryImport(Ssl, EntryPoint = "SSL_ctrl", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint Control(SslHandle connection, int command, nint number, string text);

    [LibraryImport(Ssl, EntryPoint = "SSL_use_certificate_ASN1")]
    public static partial int UseCertificate(SslHandle connection, ReadOnlySpan<byte> certificate, int length);

    [LibraryImport(Ssl, EntryPoint = "SSL_use_PrivateKey")]
    public static partial int UseKey(SslHandle connection, nint key);

    [LibraryImport(Ssl, EntryPoint = "SSL_do_handshake")]
    public static partial int Handshake(SslHandle connection);

    [LibraryImport(Ssl, EntryPoint = "SSL_read")]
    public static partial int Read(SslHandle connection, Span<byte> to, int length);

    [LibraryImport(Ssl, EntryPoint = "SSL_write")]
    public static partial int Write(SslHandle connection, ReadOnlySpan<byte> from, int length);

    /// <summary>Sends the alert that nothing more will come; of no effect within a handshake.</summary>
    [LibraryImport(Ssl, EntryPoint = "SSL_shutdown")]
    public static partial int ShutDown(SslHandle connection);

    [LibraryImport(Ssl, EntryPoint = "SSL_get_error")]
    public static partial SslError GetError(SslHandle connection, int result);

    /// <summary>Bytes were taken from the socket and not handed out yet, whether or not they make up a record.</summary>
    [SuppressGCTransition]
    [LibraryImport(Ssl, EntryPoint = "SSL_has_pending")]
    public static partial int HasPending(SslHandle connection);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_read_ahead")]
    public static partial void SetReadAhead(SslHandle connection, int yes);

    [LibraryImport(Ssl, EntryPoint = "SSL_set_msg_callback")]
    public static partial void SetMessageLog(SslHandle connection, nint callback);

    [LibraryImport(Ssl, EntryPoint = "SSL_get_current_cipher")]
    public static partial nint GetCipherSuite(SslHandle connection);

    /// <summary>The connection's own.</summary>
    [LibraryImport(Ssl, EntryPoint = "SSL_get_session")]
    public static partial nint GetTerms(SslHandle connection);

    /// <summary>1 to 4 where the client has asked for short records (RFC 6066, section 4).</summary>
    [LibraryImport(Ssl, EntryPoint = "SSL_SESSION_get_max_fragment_length")]
    public static partial byte GetFragmentCode(nint terms);

    /// <summary>The number by which a suite is known to both sides.</summary>
    [LibraryImport(Ssl, EntryPoint = "SSL_CIPHER_get_protocol_id")]
    public static partial ushort NumberOf(nint suite);

    /// <summary>The caller's to free.</summary>
    [LibraryImport(Ssl, EntryPoint = "SSL_get1_peer_certificate")]
    public static partial nint TakePeerCertificate(SslHandle connection);

    /// <summary>The connection's own.</summary>
    [LibraryImport(Ssl, EntryPoint = "SSL_get_peer_cert_chain")]
    public static partial nint GetPeerChain(SslHandle connection);

    // What the library puts between itself and a socket.
    [LibraryImport(Crypto, EntryPoint = "BIO_get_new_index")]
    public static partial int NewBioIndex();

    [LibraryImport(Crypto, EntryPoint = "BIO_meth_new", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint NewBioMethod(int type, string name);

    [LibraryImport(Crypto, EntryPoint = "BIO_meth_set_read")]
    public static partial int SetBioRead(nint method, delegate* unmanaged[Cdecl]<nint, byte*, int, int> read);

    [LibraryImport(Crypto, EntryPoint = "BIO_meth_set_write")]
    public static partial int SetBioWrite(nint method, delegate* unmanaged[Cdecl]<nint, byte*, int, int> write);

    [LibraryImport(Crypto, EntryPoint = "BIO_meth_set_ctrl")]
    public static partial int SetBioControl(nint method, delegate* unmanaged[Cdecl]<nint, int, CLong, nint, CLong> control);

    [LibraryImport(Crypto, EntryPoint = "BIO_new")]
    public static partial nint NewBio(nint method);

    [LibraryImport(Crypto, EntryPoint = "BIO_set_init")]
    public static partial void SetBioReady(nint bio, int ready);

    [SuppressGCTransition]
    [LibraryImport(Crypto, EntryPoint = "BIO_set_flags")]
    public static partial void SetBioFlags(nint bio, int flags);

    [SuppressGCTransition]
    [LibraryImport(Crypto, EntryPoint = "BIO_clear_flags")]
    public static partial void ClearBioFlags(nint bio, int flags);

    // Ciphers by themselves. Where no more is done than to set or to hand out some bytes, the collector is not told of the call.
    [LibraryImport(Crypto, EntryPoint = "EVP_CIPHER_CTX_new")]
    public static partial CipherHandle NewCipherContext();

    [LibraryImport(Crypto, EntryPoint = "EVP_CIPHER_CTX_free")]
    public static partial void FreeCipherContext(nint context);

    [LibraryImport(Crypto, EntryPoint = "EVP_aes_128_gcm")]
    public static partial nint Aes128Gcm();

    [LibraryImport(Crypto, EntryPoint = "EVP_aes_256_gcm")]
    public static partial nint Aes256Gcm();

    [LibraryImport(Crypto, EntryPoint = "EVP_chacha20_poly1305")]
    public static partial nint ChaCha20Poly1305();

    [LibraryImport(Crypto, EntryPoint = "EVP_CipherInit_ex")]
    public static partial int SetKey(nint context, nint cipher, nint engine, ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, int seals);

    [SuppressGCTransition]
    [LibraryImport(Crypto, EntryPoint = "EVP_CipherInit_ex")]
    public static partial int SetNonce(nint context, nint cipher, nint engine, nint key, ReadOnlySpan<byte> nonce, int seals);

    /// <summary>Takes in what is not sealed but vouched for.</summary>
    [SuppressGCTransition]
    [LibraryImport(Crypto, EntryPoint = "EVP_CipherUpdate")]
    public static partial int Authenticate(nint context, nint nowhere, out int length, ReadOnlySpan<byte> from, int count);

    [LibraryImport(Crypto, EntryPoint = "EVP_CipherUpdate")]
    public static partial int Cipher(nint context, Span<byte> to, out int length, ReadOnlySpan<byte> from, int count);

    [SuppressGCTransition]
    [LibraryImport(Crypto, EntryPoint = "EVP_CipherFinal_ex")]
    public static partial int EndCipher(nint context, Span<byte> to, out int length);

    [SuppressGCTransition]
    [LibraryImport(Crypto, EntryPoint = "EVP_CIPHER_CTX_ctrl")]
    public static partial int ControlCipher(nint context, int command, int number, Span<byte> bytes);

    // Certificates and keys.
    [LibraryImport(Crypto, EntryPoint = "d2i_X509")]
    public static partial nint ReadCertificate(nint reuse, ref byte* from, CLong length);

    [LibraryImport(Crypto, EntryPoint = "i2d_X509")]
    public static partial int WriteCertificate(nint certificate, ref byte* to);

    [LibraryImport(Crypto, EntryPoint = "X509_free")]
    public static partial void FreeCertificate(nint certificate);

    [LibraryImport(Crypto, EntryPoint = "d2i_AutoPrivateKey")]
    public static partial nint ReadKey(nint reuse, ref byte* from, CLong length);

    [LibraryImport(Crypto, EntryPoint = "EVP_PKEY_free")]
    public static partial void FreeKey(nint key);

    [LibraryImport(Crypto, EntryPoint = "OPENSSL_sk_num")]
    public static partial int Count(nint stack);

    [LibraryImport(Crypto, EntryPoint = "OPENSSL_sk_value")]
    public static partial nint ItemAt(nint stack, int index);

    // Each thread has a list of errors; an earlier one there would be taken for the next call's.
    [LibraryImport(Crypto, EntryPoint = "ERR_clear_error")]
    public static partial void ClearErrors();

    [LibraryImport(Crypto, EntryPoint = "ERR_peek_error")]
    private static partial CULong PeekError();

    [LibraryImport(Crypto, EntryPoint = "ERR_reason_error_string")]
    private static partial nint ReasonOf(CULong error);

    /// <summary>Why the last call on this thread failed, in OpenSSL's words.</summary>
    public static string TakeReason()
    {
        var error = PeekError();
        var reason = error.Value == 0 ? 0 : ReasonOf(error);
        ClearErrors();
        return Marshal.PtrToStringUTF8(reason) ?? $"OpenSSL says error {error.Value:X}";
    }
}

/// <summary>What a call on a connection waits for, or that it failed; values of <c>openssl/ssl.h</c>.</summary>
internal enum SslError
{
    Protocol = 1,
    WantsInput = 2,
    WantsOutput = 3,
    System = 5,
    PeerClosed = 6,
}

/// <summary>Settings that connections share. Connections made from it keep it alive.</summary>
internal sealed class SslContextHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        OpenSsl.FreeContext(handle);
        return true;
    }
}

/// <summary>One side of a TLS connection, and the BIO that was set on it. Not for two threads at once.</summary>
internal sealed class SslHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        OpenSsl.FreeConnection(handle);
        return true;
    }
}

/// <summary>A key and the state of a cipher under it. Not for two threads at once.</summary>
internal sealed class CipherHandle() : SafeHandle(0, ownsHandle: true)
{
    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        OpenSsl.FreeCipherContext(handle);
        return true;
    }
}
