namespace Switchyard.Wire;

/// <summary>Sizes fixed by the protocol.</summary>
public static class PacketLimits
{
    /// <summary>Bytes before each packet's payload: 3 of length (little endian), 1 of sequence number.</summary>
    public const int HeaderSize = 4;

    /// <summary>Largest payload of one packet; a payload of exactly this size is continued by the next packet, which may be empty.</summary>
    public const int MaxPayload = 0xFFFFFF;

    /// <summary>
    /// Largest joined payload accepted: 1 GiB, the highest <c>max_allowed_packet</c> any server takes, and one packet more for what
    /// surrounds such a value.
    /// </summary>
    public const int MaxJoinedPayload = (1 << 30) + MaxPayload;

    /// <summary>Largest joined payload accepted where it is written into a file: what a span can hold. A row may be larger than any statement.</summary>
    public const int MaxSpilledPayload = int.MaxValue;
}
