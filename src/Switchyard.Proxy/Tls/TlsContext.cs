using System.Net.Security;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Switchyard.Proxy.Tls;

/// <summary>What TLS connections of one kind have in common. Immutable, safe from any thread.</summary>
internal sealed unsafe class TlsContext
{
    private const int SetMode = 33;
    private const int SetSessionCache = 44;
    private const int AddChainCertificate = 14;
    private const int SetLeastVersion = 123;
    private const int GetLeastVersion = 130;

    /// <summary>A write takes one record, may be repeated from another address, and no buffer is kept while nothing is in it.</summary>
    private const int Modes = 0x1 | 0x2 | 0x10;

    private const ulong NoTickets = 1ul << 14;
    private const ulong NoCompression = 1ul << 17;
    private const ulong ServerChoosesCipher = 1ul << 22;
    private const ulong NoRenegotiation = 1ul << 30;

    private const int Tls12 = 0x0303;

    /// <summary>The runtime's own list for TLS 1.2, used like there: where the system's configuration has none. Those of TLS 1.3 are OpenSSL's.</summary>
    private const string Ciphers =
        "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
        + "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256";

    /// <summary>A list that is not the library's own comes from the system's administrator, and stays.</summary>
    private static readonly Lazy<bool> s_hasConfiguredCiphers = new(HaveConfiguredCiphers);

    private static readonly Lazy<TlsContext> s_client = new(CreateClient);

    private TlsContext(SslContextHandle handle) => Handle = handle;

    /// <summary>For connections to servers. What a server shows is judged by whoever connects, before it sends anything.</summary>
    public static TlsContext Client => s_client.Value;

    public SslContextHandle Handle { get; }

    /// <summary>For connections of clients; null where the certificate's key is of a kind that cannot be handed over.</summary>
    /// <exception cref="CryptographicException">OpenSSL refuses the certificate.</exception>
    public static TlsContext? ForServer(SslStreamCertificateContext certificate)
    {
        using var key = TlsKey.Of(certificate.TargetCertificate);
        if (key is null)
        {
            return null;
        }

        var handle = Create(NoRenegotiation | NoCompression | ServerChoosesCipher);
        if (OpenSsl.Control(handle, GetLeastVersion, 0, 0) < Tls12)
        {
            Check((int)OpenSsl.Control(handle, SetLeastVersion, Tls12, 0));
        }

        var target = certificate.TargetCertificate.RawDataMemory.Span;
        Check(OpenSsl.UseCertificate(handle, target.Length, target));
        Check(OpenSsl.UseKey(handle, key.DangerousGetHandle()));
        foreach (var authority in certificate.IntermediateCertificates)
        {
            var encoded = authority.RawDataMemory.Span;
            fixed (byte* start = encoded)
            {
                var from = start;
                var parsed = OpenSsl.ReadCertificate(0, ref from, new CLong(encoded.Length));
                if (parsed == 0 || OpenSsl.Control(handle, AddChainCertificate, 0, parsed) == 0)
                {
                    OpenSsl.FreeCertificate(parsed);
                    Check(0);
                }
            }
        }

        // Sessions are resumed by tickets alone, which only this context can read.
        Span<byte> id = stackalloc byte[16];
        RandomNumberGenerator.Fill(id);
        Check(OpenSsl.SetSessionIdContext(handle, id, (uint)id.Length));
        return new TlsContext(handle);
    }

    private static TlsContext CreateClient()
    {
        // The least version is the system's, as with the runtime: a server may know none but old ones, and the administrator allow them.
        var handle = Create(NoRenegotiation | NoCompression | NoTickets);
        OpenSsl.SetVerification(handle, &JudgedLater, 0);
        return new TlsContext(handle);
    }

    private static SslContextHandle Create(ulong options)
    {
        OpenSsl.ClearErrors();
        var handle = OpenSsl.NewContext(OpenSsl.AnyVersion());
        Check(handle.IsInvalid ? 0 : 1);
        OpenSsl.SetOptions(handle, options);
        OpenSsl.Control(handle, SetMode, Modes, 0);
        OpenSsl.Control(handle, SetSessionCache, 0, 0);
        HandshakeSecrets.Watch(handle);
        if (!s_hasConfiguredCiphers.Value)
        {
            Check(OpenSsl.SetCiphers(handle, Ciphers));
        }

        return handle;
    }

    private static bool HaveConfiguredCiphers()
    {
        using var handle = OpenSsl.NewContext(OpenSsl.AnyVersion());
        Check(handle.IsInvalid ? 0 : 1);
        var found = OpenSsl.Count(OpenSsl.GetCiphers(handle));
        Check(OpenSsl.SetCiphers(handle, "DEFAULT"));
        return OpenSsl.Count(OpenSsl.GetCiphers(handle)) != found;
    }

    private static void Check(int result)
    {
        if (result != 1)
        {
            throw new CryptographicException($"TLS cannot be set up: {OpenSsl.TakeReason()}.");
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int JudgedLater(nint store, nint argument) => 1;
}
