using System.Buffers.Binary;

namespace Switchyard.Proxy.Tls;

/// <summary>
/// The messages that may come behind a TLS 1.3 handshake (RFC 8446, section 4.6): tickets, which are left alone, and new keys. They may be cut into records in
/// any way.
/// </summary>
internal sealed class PostHandshake(bool isServer)
{
    public const byte KeyUpdate = 24;

    private const byte NewSessionTicket = 4;
    private const int HeaderLength = 4;
    private const byte AsksForAnswer = 1;

    private readonly byte[] _header = new byte[HeaderLength];
    private int _headerLength;

    /// <summary>Bytes to come of the message whose header is whole.</summary>
    private int _left;

    /// <summary>What a message asks for.</summary>
    public enum Request
    {
        Nothing,
        NewKeys,
        NewKeysOfBoth,

        /// <summary>It has no business here, or makes no sense.</summary>
        Refused,
    }

    /// <summary>A message has begun and not ended: nothing else may come.</summary>
    public bool IsWithin => _headerLength > 0;

    /// <summary>Takes in the content of one record.</summary>
    public Request Take(ReadOnlySpan<byte> content)
    {
        while (!content.IsEmpty)
        {
            if (_headerLength < HeaderLength)
            {
                var taken = Math.Min(HeaderLength - _headerLength, content.Length);
                content[..taken].CopyTo(_header.AsSpan(_headerLength));
                _headerLength += taken;
                content = content[taken..];
                if (_headerLength < HeaderLength)
                {
                    break;
                }

                _left = (int)(BinaryPrimitives.ReadUInt32BigEndian(_header) & 0xFFFFFF);
                if (!IsAllowed())
                {
                    return Request.Refused;
                }

                continue;
            }

            var part = content[..Math.Min(_left, content.Length)];
            content = content[part.Length..];
            _left -= part.Length;
            if (_left > 0)
            {
                break;
            }

            _headerLength = 0;
            if (_header[0] == KeyUpdate)
            {
                // What comes behind it has to be sealed with the new keys already.
                return part[0] > AsksForAnswer || !content.IsEmpty ? Request.Refused
                    : part[0] == AsksForAnswer ? Request.NewKeysOfBoth
                    : Request.NewKeys;
            }
        }

        return Request.Nothing;
    }

    private bool IsAllowed() => _header[0] switch
    {
        KeyUpdate => _left == 1,
        NewSessionTicket => !isServer && _left is > 0 and <= ITlsRecords.MostWithoutContent,
        _ => false,
    };
}
