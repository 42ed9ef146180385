using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Switchyard.Wire;

namespace Switchyard.Proxy.Relay;

/// <summary>Whole packets over a <see cref="Link"/>: for logins, hidden statements and answers of our own, not for relaying.</summary>
internal static class PacketIO
{
    /// <summary>
    /// Reads one logical packet so that it lies at the start of the link's buffer, in one piece behind its first header also where it came in several
    /// packets; the caller consumes <see cref="PacketFrame.RawLength"/> bytes when done with it.
    /// </summary>
    /// <returns>Null when the peer closed instead.</returns>
    /// <exception cref="SessionProtocolException">The packet is longer than the limit or was cut.</exception>
    [AsyncMethodBuilder(typeof(PooledValueTaskBuilder<>))]
    public static async ValueTask<PacketFrame?> ReadFrameAsync(Link link, int limitBytes, CancellationToken cancellationToken)
    {
        var payload = 0;
        for (var packets = 1; ; packets++)
        {
            var at = packets == 1 ? 0 : PacketLimits.HeaderSize + payload;
            if (!await link.EnsureAsync(at + PacketLimits.HeaderSize, cancellationToken))
            {
                return link.BufferedLength == 0 ? null : throw new SessionProtocolException("The connection ended within a packet.");
            }

            var header = PacketHeader.Read(link.Buffered[at..]);
            payload += header.Length;
            if (payload > limitBytes)
            {
                return new PacketFrame(payload, packets, header.Sequence) { IsTooLong = true };
            }

            if (packets > 1)
            {
                link.Remove(at, PacketLimits.HeaderSize);
            }

            if (!await link.EnsureAsync(PacketLimits.HeaderSize + payload, cancellationToken))
            {
                throw new SessionProtocolException("The connection ended within a packet.");
            }

            if (!header.IsContinued)
            {
                return new PacketFrame(payload, packets, header.Sequence);
            }
        }
    }

    /// <summary>The payload of a frame that lies at the start of the buffer.</summary>
    public static ReadOnlyMemory<byte> Payload(Link link, PacketFrame frame) => link.BufferedMemory[PacketLimits.HeaderSize..frame.RawLength];

    /// <summary>
    /// Numbers a frame from zero. Under compression clients number the packets inside as they like (theirs jump at every flush), since nobody
    /// checks them there; a server that gets them uncompressed does.
    /// </summary>
    public static void Renumber(Link link)
    {
        var raw = link.BufferedMemory.Span;
        (PacketHeader.Read(raw) with { Sequence = 0 }).Write(raw);
    }

    /// <summary>
    /// Puts the header of one of a frame's packets in front of its part of the payload, over the end of the part before: that has to have gone, and is as it
    /// was again once <see cref="EndPacket"/> has been called.
    /// </summary>
    /// <param name="packet">Which one, from 0.</param>
    /// <param name="covered">What was there.</param>
    /// <returns>The packet.</returns>
    public static ReadOnlyMemory<byte> BeginPacket(Link link, PacketFrame frame, int packet, out uint covered)
    {
        var at = packet * PacketLimits.MaxPayload;
        var length = Math.Min(frame.PayloadLength - at, PacketLimits.MaxPayload);
        var raw = link.BufferedMemory.Slice(at, PacketLimits.HeaderSize + length);
        covered = BinaryPrimitives.ReadUInt32LittleEndian(raw.Span);
        new PacketHeader(length, (byte)packet).Write(raw.Span);
        return raw;
    }

    public static void EndPacket(Link link, int packet, uint covered) =>
        BinaryPrimitives.WriteUInt32LittleEndian(link.BufferedMemory.Span[(packet * PacketLimits.MaxPayload)..], covered);

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
/// <param name="PayloadLength">Bytes without headers.</param>
/// <param name="Packets">In how many packets it has come.</param>
/// <param name="Sequence">Sequence number of the last packet of it.</param>
internal readonly record struct PacketFrame(int PayloadLength, int Packets, byte Sequence)
{
    public bool IsTooLong { get; init; }

    /// <summary>Bytes with its one header.</summary>
    public int RawLength => PacketLimits.HeaderSize + PayloadLength;
}
