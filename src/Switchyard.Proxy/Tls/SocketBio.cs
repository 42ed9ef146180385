using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Switchyard.Proxy.Tls;

/// <summary>
/// Where OpenSSL reads records from and writes them to: the socket of the session that is within a call on this thread. Its own BIO for sockets
/// would have to be asked once more after each read, since it does not tell whether the socket is empty.
/// </summary>
internal static unsafe class SocketBio
{
    /// <summary>A BIO that neither filters nor owns a descriptor; <c>openssl/bio.h</c>.</summary>
    private const int SourceSink = 0x0400;

    private const int Flush = 11;
    private const int ReadFlag = 0x1;
    private const int WriteFlag = 0x2;
    private const int RetryFlag = 0x8;

    private static readonly nint s_method = CreateMethod();

    /// <summary>Belongs to the connection that it is set on.</summary>
    public static nint Create()
    {
        var bio = OpenSsl.NewBio(s_method);
        if (bio == 0)
        {
            throw new OutOfMemoryException();
        }

        OpenSsl.SetBioReady(bio, 1);
        return bio;
    }

    private static nint CreateMethod()
    {
        var method = OpenSsl.NewBioMethod(OpenSsl.NewBioIndex() | SourceSink, "switchyard");
        if (method == 0)
        {
            throw new OutOfMemoryException();
        }

        OpenSsl.SetBioRead(method, &Read);
        OpenSsl.SetBioWrite(method, &Write);
        OpenSsl.SetBioControl(method, &Control);
        return method;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Read(nint bio, byte* to, int length)
    {
        OpenSsl.ClearBioFlags(bio, ReadFlag | WriteFlag | RetryFlag);
        if (TlsSession.Current is not { } session || length <= 0)
        {
            return -1;
        }

        var count = session.Receive(new Span<byte>(to, length), out var mustWait);
        if (mustWait)
        {
            OpenSsl.SetBioFlags(bio, ReadFlag | RetryFlag);
        }

        return count;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Write(nint bio, byte* from, int length)
    {
        OpenSsl.ClearBioFlags(bio, ReadFlag | WriteFlag | RetryFlag);
        if (TlsSession.Current is not { } session || length <= 0)
        {
            return -1;
        }

        var count = session.Send(new ReadOnlySpan<byte>(from, length), out var mustWait);
        if (mustWait)
        {
            OpenSsl.SetBioFlags(bio, WriteFlag | RetryFlag);
        }

        return count;
    }

    /// <summary>Nothing is kept here that could be flushed; all other questions are answered with no.</summary>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static CLong Control(nint bio, int command, CLong number, nint pointer) => new(command == Flush ? 1 : 0);
}
