using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Switchyard.Proxy.Tls;

/// <summary>
/// The keys of one direction of a TLS 1.3 connection (RFC 8446, sections 5.2, 5.3 and 7). The ciphers are OpenSSL's; what is spared are the many layers it
/// has in front of them. Not for two threads at once.
/// </summary>
internal sealed unsafe class RecordCipher : IDisposable
{
    public const int HeaderLength = 5;

    /// <summary>What a record has beyond its content: the header, the content's type, the tag.</summary>
    public const int Overhead = HeaderLength + 1 + TagLength;

    /// <summary>Content of a record, in bytes.</summary>
    public const int MostContent = 16 * 1024;

    /// <summary>Bytes behind a record's header; more is refused.</summary>
    public const int MostSealed = MostContent + 256;

    /// <summary>Bytes behind a record's header that have room for a type and a tag; fewer are none that anybody has sealed.</summary>
    public const int LeastSealed = 1 + TagLength;

    public const int TagLength = 16;
    private const int NonceLength = 12;

    private const int GetTag = 16;
    private const int SetTag = 17;

    /// <summary>All records name the version that middle boxes know.</summary>
    private const ushort OuterVersion = 0x0303;

    private readonly int _suite;
    private readonly bool _seals;
    private readonly CipherHandle _owner;
    private readonly nint _context;
    private readonly byte[] _secret;
    private readonly byte[] _base = new byte[NonceLength];
    private ulong _next;

    /// <param name="suite">The cipher suite's number in TLS 1.3.</param>
    /// <param name="secret">The direction's traffic secret; copied.</param>
    /// <param name="seals">Whether records are to be sealed, or opened.</param>
    /// <param name="next">The number of the next record.</param>
    /// <exception cref="CryptographicException">OpenSSL does not have the cipher.</exception>
    public RecordCipher(int suite, ReadOnlySpan<byte> secret, bool seals, ulong next)
    {
        _suite = suite;
        _seals = seals;
        _secret = secret.ToArray();
        _next = next;
        _owner = OpenSsl.NewCipherContext();
        if (_owner.IsInvalid)
        {
            throw new OutOfMemoryException();
        }

        _context = _owner.DangerousGetHandle();
        try
        {
            SetKey();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Records that have gone under the present key.</summary>
    public ulong Count => _next;

    /// <summary>Whether a suite is one of TLS 1.3's with a cipher that is used here.</summary>
    public static bool Knows(int suite) => suite is Suite.Aes128Gcm or Suite.Aes256Gcm or Suite.ChaCha20Poly1305;

    /// <summary>Seals content into a record of that much and <see cref="Overhead"/> bytes.</summary>
    public void Seal(ContentType type, ReadOnlySpan<byte> content, Span<byte> record)
    {
        var header = record[..HeaderLength];
        WriteHeader(header, content.Length + 1 + TagLength);
        content.CopyTo(record[HeaderLength..]);
        record[HeaderLength + content.Length] = (byte)type;
        var inner = record.Slice(HeaderLength, content.Length + 1);
        Begin(header);
        if (!Update(inner, inner) || OpenSsl.EndCipher(_context, inner, out _) != 1 || OpenSsl.ControlCipher(_context, GetTag, TagLength, record[^TagLength..]) != 1)
        {
            throw new CryptographicException($"A TLS record cannot be sealed: {OpenSsl.TakeReason()}.");
        }
    }

    /// <summary>Opens a record.</summary>
    /// <param name="record">With its header.</param>
    /// <param name="content">Of the length of what is sealed without its tag; may be where the record has it, and is worthless if the record is not genuine.</param>
    /// <returns>The content's length and type; null if the record is not what the peer has sealed as its next one.</returns>
    public (int Length, ContentType Type)? TryOpen(Span<byte> record, Span<byte> content)
    {
        Begin(record[..HeaderLength]);
        if (!Update(record[HeaderLength..^TagLength], content)
            || OpenSsl.ControlCipher(_context, SetTag, TagLength, record[^TagLength..]) != 1
            || OpenSsl.EndCipher(_context, content, out _) != 1)
        {
            OpenSsl.ClearErrors();
            return null;
        }

        var last = content.LastIndexOfAnyExcept((byte)0);
        return (Math.Max(last, 0), last < 0 ? ContentType.None : (ContentType)content[last]);
    }

    /// <summary>Goes on to the next key.</summary>
    public void Advance()
    {
        Expand("traffic upd", _secret);
        _next = 0;
        SetKey();
    }

    public void Dispose()
    {
        _owner.Dispose();
        CryptographicOperations.ZeroMemory(_secret);
        CryptographicOperations.ZeroMemory(_base);
    }

    private void SetKey()
    {
        Span<byte> key = stackalloc byte[_suite == Suite.Aes128Gcm ? 16 : 32];
        Expand("key", key);
        Expand("iv", _base);
        var cipher = _suite switch
        {
            Suite.Aes128Gcm => OpenSsl.Aes128Gcm(),
            Suite.Aes256Gcm => OpenSsl.Aes256Gcm(),
            Suite.ChaCha20Poly1305 => OpenSsl.ChaCha20Poly1305(),
            _ => throw new CryptographicException($"The cipher suite {_suite:X4} is not known."),
        };
        var isSet = OpenSsl.SetKey(_context, cipher, 0, key, _base, _seals ? 1 : 0) == 1;
        CryptographicOperations.ZeroMemory(key);
        if (!isSet)
        {
            throw new CryptographicException($"A TLS cipher cannot be set up: {OpenSsl.TakeReason()}.");
        }
    }

    private void Begin(ReadOnlySpan<byte> header)
    {
        Span<byte> nonce = stackalloc byte[NonceLength];
        _base.CopyTo(nonce);
        var low = nonce[(NonceLength - sizeof(ulong))..];
        BinaryPrimitives.WriteUInt64BigEndian(low, BinaryPrimitives.ReadUInt64BigEndian(low) ^ _next++);
        if (OpenSsl.SetNonce(_context, 0, 0, 0, nonce, -1) != 1 || OpenSsl.Authenticate(_context, 0, out _, header, header.Length) != 1)
        {
            throw new CryptographicException($"A TLS cipher cannot be used: {OpenSsl.TakeReason()}.");
        }
    }

    private bool Update(ReadOnlySpan<byte> from, Span<byte> to) => OpenSsl.Cipher(_context, to, out _, from, from.Length) == 1;

    private static void WriteHeader(Span<byte> header, int length)
    {
        header[0] = (byte)ContentType.ApplicationData;
        BinaryPrimitives.WriteUInt16BigEndian(header[1..], OuterVersion);
        BinaryPrimitives.WriteUInt16BigEndian(header[3..], (ushort)length);
    }

    /// <summary>HKDF-Expand-Label without a context. The secret itself may be what it is expanded into.</summary>
    private void Expand(string label, Span<byte> to)
    {
        const string Prefix = "tls13 ";
        Span<byte> info = stackalloc byte[sizeof(ushort) + 1 + Prefix.Length + label.Length + 1];
        BinaryPrimitives.WriteUInt16BigEndian(info, (ushort)to.Length);
        info[2] = (byte)(Prefix.Length + label.Length);
        Encoding.ASCII.GetBytes(Prefix, info[3..]);
        Encoding.ASCII.GetBytes(label, info[(3 + Prefix.Length)..]);
        info[^1] = 0;
        HKDF.Expand(_suite == Suite.Aes256Gcm ? HashAlgorithmName.SHA384 : HashAlgorithmName.SHA256, _secret, to, info);
    }

    /// <summary>Numbers of cipher suites: RFC 8446, appendix B.4.</summary>
    private static class Suite
    {
        public const int Aes128Gcm = 0x1301;
        public const int Aes256Gcm = 0x1302;
        public const int ChaCha20Poly1305 = 0x1303;
    }
}

/// <summary>What a record carries, as it says inside; RFC 8446, section 5.1.</summary>
internal enum ContentType : byte
{
    None = 0,
    Alert = 21,
    Handshake = 22,
    ApplicationData = 23,
}
