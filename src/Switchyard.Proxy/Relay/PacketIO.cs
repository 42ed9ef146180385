using System.Runtime.CompilerServices;
using Switchyard.Wire;

namespace Switchyard.Proxy.Relay;

/// <summary>Whole packets over a <see cref="Link"/>: for logins, hidden statements and answers of our own, not for relaying.</summary>
internal static class PacketIO
{
    /// <summary>
    /// Reads one logical packet (joined over the 16 MB limit) so that it lies at the start of the link's buffer; the caller consumes
    /// <see cref="PacketFrame.RawLength"/> bytes when done with it.
    /// </summary>
    /// <returns>Null when the peer closed instead.</returns>
    /// <exception cref="SessionProtocolException">The packet is longer than the limit or was cut.</exception>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    public static async ValueTask<PacketFrame?> ReadFrameAsync(Link link, int limitBytes, CancellationToken cancellationToken)
    {
        var raw = 0;
        var payload = 0;
        while (true)
        {
            if (!await link.EnsureAsync(raw + PacketLimits.HeaderSize, cancellationToken))
            {
                return raw == 0 && link.BufferedLength == 0 ? null : throw new SessionProtocolException("The connection ended within a packet.");
            }

            var header = PacketHeader.Read(link.Buffered[raw..]);
            payload += header.Length;
            if (payload > limitBytes)
            {
                return new PacketFrame(raw, payload, header.Sequence) { IsTooLong = true };
            }

            raw += PacketLimits.HeaderSize + header.Length;
            if (!await link.EnsureAsync(raw, cancellationToken))
            {
                throw new SessionProtocolException("The connection ended within a packet.");
            }

            if (!header.IsContinued)
            {
                return new PacketFrame(raw, payload, header.Sequence);
            }
        }
    }

    /// <summary>The payload of a frame that lies at the start of the buffer; a joined copy when it came in several packets.</summary>
    public static ReadOnlyMemory<byte> Payload(Link link, PacketFrame frame)
    {
        var raw = link.BufferedMemory[..frame.RawLength];
        if (frame.IsSinglePacket)
        {
            return raw[PacketLimits.HeaderSize..];
        }

        var joined = new byte[frame.PayloadLength];
        var at = 0;
        while (raw.Length > 0)
        {
            var length = PacketHeader.Read(raw.Span).Length;
            raw.Slice(PacketLimits.HeaderSize, length).CopyTo(joined.AsMemory(at));
            at += length;
            raw = raw[(PacketLimits.HeaderSize + length)..];
        }

        return joined;
    }

    /// <summary>
    /// Numbers the packets of a frame from zero. Under compression clients number the packets inside as they like (theirs jump at every flush),
    /// since nobody checks them there; a server that gets them uncompressed does.
    /// </summary>
    public static void Renumber(Link link, PacketFrame frame)
    {
        var raw = link.BufferedMemory.Span[..frame.RawLength];
        for (byte number = 0; raw.Length > 0; number++)
        {
            var header = PacketHeader.Read(raw) with { Sequence = number };
            header.Write(raw);
            raw = raw[(PacketLimits.HeaderSize + header.Length)..];
        }
    }

    /// <summary>Appends a payload with its headers, split where it must be; returns the next sequence number.</summary>
    public static byte Frame(PayloadWriter into, ReadOnlySpan<byte> payload, byte sequence)
    {
        while (true)
        {
            var length = Math.Min(payload.Length, PacketLimits.MaxPayload);
            into.WriteUInt24((uint)length);
            into.WriteByte(sequence++);
            into.WriteBytes(payload[..length]);
            payload = payload[length..];
            if (length < PacketLimits.MaxPayload)
            {
                return sequence;
            }
        }
    }
}

/// <summary>Extent of a logical packet at the start of a buffer.</summary>
/// <param name="RawLength">Bytes with all headers.</param>
/// <param name="PayloadLength">Bytes without headers.</param>
/// <param name="Sequence">Sequence number of the last packet of it.</param>
internal readonly record struct PacketFrame(int RawLength, int PayloadLength, byte Sequence)
{
    public bool IsTooLong { get; init; }

    /// <summary>In how many packets it has come.</summary>
    public int Packets => (RawLength - PayloadLength) / PacketLimits.HeaderSize;

    public bool IsSinglePacket => RawLength == PayloadLength + PacketLimits.HeaderSize;
}
