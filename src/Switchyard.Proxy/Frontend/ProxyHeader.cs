using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Text;
using Switchyard.Proxy.Relay;

namespace Switchyard.Proxy.Frontend;

/// <summary>
/// The header in which a load balancer tells who its client is. It comes before the client's first packet, so no packet may look like its start:
/// a login packet that did would be megabytes long.
/// </summary>
/// <remarks>HAProxy's specification "The PROXY protocol, versions 1 &amp; 2".</remarks>
internal static class ProxyHeader
{
    /// <summary>Bytes that tell a header from a packet.</summary>
    public const int PrefixSize = 4;

    /// <summary>Longest line of version 1, its end included.</summary>
    private const int MaxLine = 107;

    /// <summary>Version 2: signature, version and command, family, length.</summary>
    private const int BinarySize = 16;

    /// <summary>Longest rest of version 2 that is read: addresses, and extensions that are skipped.</summary>
    private const int MaxBinaryRest = 4096;

    private const byte LocalCommand = 0x20;
    private const byte ProxyCommand = 0x21;
    private const byte Tcp4 = 0x11;
    private const byte Tcp6 = 0x21;

    private static ReadOnlySpan<byte> BinarySignature => "\r\n\r\n\0\r\nQUIT\n"u8;

    private static ReadOnlySpan<byte> LineSignature => "PROXY "u8;

    /// <summary>Whether a connection that begins with these <see cref="PrefixSize"/> bytes begins with a header.</summary>
    public static bool Begins(ReadOnlySpan<byte> bytes) =>
        bytes.StartsWith(LineSignature[..PrefixSize]) || bytes.StartsWith(BinarySignature[..PrefixSize]);

    /// <summary>Reads the header, and not a byte more.</summary>
    /// <returns>The client; null where the header says that there is none but its sender.</returns>
    /// <exception cref="SessionProtocolException">A sentence that says what is wrong with it.</exception>
    public static async Task<IPEndPoint?> ReadAsync(Link link, CancellationToken cancellationToken)
    {
        await NeedAsync(link, PrefixSize, cancellationToken);
        return link.Buffered[0] == LineSignature[0] ? await ReadLineAsync(link, cancellationToken) : await ReadBinaryAsync(link, cancellationToken);
    }

    private static async Task<IPEndPoint?> ReadLineAsync(Link link, CancellationToken cancellationToken)
    {
        for (var length = LineSignature.Length + 2; length <= MaxLine; length++)
        {
            await NeedAsync(link, length, cancellationToken);
            if (link.Buffered[..length].EndsWith("\r\n"u8))
            {
                var line = Encoding.ASCII.GetString(link.Buffered[..(length - 2)]);
                link.Consume(length);
                return ParseLine(line);
            }
        }

        throw new SessionProtocolException($"The PROXY header does not end within {MaxLine} bytes.");
    }

    private static IPEndPoint? ParseLine(string line)
    {
        var words = line.Split(' ');
        if (words is ["PROXY", "UNKNOWN", ..])
        {
            return null;
        }

        if (words is not ["PROXY", "TCP4" or "TCP6", var source, var destination, var sourcePort, var destinationPort]
            || !TryParseAddress(words[1], source, out var address) || !TryParseAddress(words[1], destination, out _)
            || !TryParsePort(sourcePort, out var port) || !TryParsePort(destinationPort, out _))
        {
            throw new SessionProtocolException("The PROXY header is not 'PROXY TCP4|TCP6 address address port port'.");
        }

        return new IPEndPoint(address, port);
    }

    private static bool TryParseAddress(string family, string text, out IPAddress address) =>
        IPAddress.TryParse(text, out address!)
        && address.AddressFamily == (family == "TCP4" ? System.Net.Sockets.AddressFamily.InterNetwork : System.Net.Sockets.AddressFamily.InterNetworkV6)
        && (family == "TCP6" || text.AsSpan().Count('.') == 3);

    private static bool TryParsePort(string text, out ushort port) => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port);

    private static async Task<IPEndPoint?> ReadBinaryAsync(Link link, CancellationToken cancellationToken)
    {
        await NeedAsync(link, BinarySize, cancellationToken);
        var rest = BinaryPrimitives.ReadUInt16BigEndian(link.Buffered[(BinarySize - sizeof(ushort))..BinarySize]);
        if (!link.Buffered.StartsWith(BinarySignature) || rest > MaxBinaryRest)
        {
            throw new SessionProtocolException($"The binary PROXY header has a wrong signature, or announces more than {MaxBinaryRest} bytes.");
        }

        await NeedAsync(link, BinarySize + rest, cancellationToken);
        var client = ParseBinary(link.Buffered[BinarySignature.Length], link.Buffered[BinarySignature.Length + 1], link.Buffered.Slice(BinarySize, rest));
        link.Consume(BinarySize + rest);
        return client;
    }

    private static IPEndPoint? ParseBinary(byte command, byte family, ReadOnlySpan<byte> addresses)
    {
        var size = family switch { Tcp4 => 4, Tcp6 => 16, _ => 0 };
        if (command == LocalCommand || (command == ProxyCommand && size == 0))
        {
            return null;
        }

        if (command != ProxyCommand || addresses.Length < (2 * size) + (2 * sizeof(ushort)))
        {
            throw new SessionProtocolException($"The binary PROXY header has version and command 0x{command:X2}, family 0x{family:X2} and {addresses.Length} bytes of addresses, which do not fit together.");
        }

        return new IPEndPoint(new IPAddress(addresses[..size]), BinaryPrimitives.ReadUInt16BigEndian(addresses[(2 * size)..]));
    }

    private static async Task NeedAsync(Link link, int count, CancellationToken cancellationToken)
    {
        if (!await link.EnsureAsync(count, cancellationToken))
        {
            throw new SessionProtocolException("The connection ended within its PROXY header.");
        }
    }
}
